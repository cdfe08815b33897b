import { cpuOf, DELIVERIES, PUBLISHES, receive } from '../figure.js';
import { addsAtMost, goal, ratioReaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { Entry, LoadWork, Scenario } from '../scenario.js';

/** No queue at such rates; `drain`: without Redis what the other node wrote may be found a second later. */
const MODEST: LoadOptions = { publish: 'http', publishers: 16, subscribers: 10, drain: 20 };
const RATES = { '': 1_000, ', 5,000/s': 5_000 } as const;
/** Without Redis the other node looks once a second: a shorter window may have no delivery. */
const QUICK = { load: { duration: 2 } };
const FULL: LoadOptions = { publish: 'http', publishers: 256, drain: 20 };
const WIDE: LoadOptions = {
  ...{ publish: 'ws-msgpack', publishers: 1, window: 64 },
  ...{ subscribers: 1_000, ack: 'none', drain: 20 },
};
const FIRST_CPU = cpuOf('server');
const SECOND_CPU = cpuOf('second');
const ALONE = 'one publishes';

export const twoNodes: Scenario = {
  name: 'two-nodes',
  measures:
    'Two nodes on one PostgreSQL, with a Redis between them where redis-server is installed: from publish to ' +
    'receive at 1,000 and 5,000 publishes a second (HTTP, open loop, 10 subscribers) at one node or across ' +
    'both; HTTP publishes of 256 connections (closed loop) to two topics at a node that is alone, that has ' +
    'another which reads nothing, or one message of each of them, and half of them at each node; to one topic ' +
    'that is read at the first; and a fan-out to 1,000 at the publishing node or at the other.',
  figure: PUBLISHES,
  goals: [
    goal(
      'at the other node: p50 <= that of the same + 2 ms, p99 <= + 15 ms',
      ...Object.keys(RATES).flatMap((rate) => [
        addsAtMost(`across${rate}`, `same node${rate}`, receive('p50'), 2_000),
        addsAtMost(`across${rate}`, `same node${rate}`, receive('p99'), 15_000),
      ]),
    ),
    goal(
      'another node costs the publishing one < 8 % of CPU when it reads nothing, < 15 % when it does',
      ratioReaches('another is there', ALONE, FIRST_CPU, 1.08),
      ratioReaches('another reads', ALONE, FIRST_CPU, 1.15),
    ),
    goal(
      'one topic published at both nodes >= 0.7 of at one',
      ratioReaches('one topic from both', 'one topic from one', PUBLISHES, 0.7),
    ),
    goal(
      'fan-out at the other node >= 0.8 of at the same, by the CPU of whoever delivers',
      ratioReaches('fan-out across', 'fan-out', SECOND_CPU, 1 / 0.8, FIRST_CPU),
    ),
  ],
  entries: [
    ...Object.entries(RATES).flatMap(([rate, perSecond]): Entry[] => [
      modest(`same node${rate}`, perSecond),
      {
        ...modest(`across${rate}`, perSecond, { atSecond: 'subscribers' }),
        against: `same node${rate}`,
        ...(perSecond === 1_000 ? { quick: QUICK } : {}),
      },
    ]),
    full(ALONE, { topics: 2 }),
    pair('another is there', { topics: 2 }, { against: ALONE }),
    pair('another reads', { topics: 2, subscribers: 1 }, { against: ALONE }, 'subscribers'),
    pair('both publish', { topics: 2 }, { against: ALONE }, 'publishers'),
    full('one topic from one', { subscribers: 1 }),
    pair(
      'one topic from both',
      { subscribers: 1 },
      { against: 'one topic from one' },
      'publishers',
    ),
    fanOut('fan-out'),
    { ...fanOut('fan-out across', { atSecond: 'subscribers' }), against: 'fan-out' },
  ],
};

function modest(name: string, rate: number, more: Partial<LoadWork> = {}): Entry {
  const work: LoadWork = {
    kind: 'load',
    count: 'published',
    load: { ...MODEST, rate },
    warm: { topic: 'warm', rate: 0 },
    ...more,
  };
  return { name, contender: 'conduit-pair', figure: receive('p50'), work };
}

function full(name: string, load: LoadOptions): Entry {
  const work: LoadWork = { kind: 'load', count: 'published', load: { ...FULL, ...load } };
  return { name, contender: 'conduit', work };
}

function pair(
  name: string,
  load: LoadOptions,
  more: Partial<Entry>,
  atSecond?: LoadWork['atSecond'],
): Entry {
  const where = atSecond === undefined ? {} : { atSecond };
  const work: LoadWork = { kind: 'load', count: 'published', load: { ...FULL, ...load }, ...where };
  return { name, contender: 'conduit-pair', work, ...more };
}

function fanOut(name: string, more: Partial<LoadWork> = {}): Entry {
  const work: LoadWork = { kind: 'load', count: 'delivered', load: WIDE, ...more };
  return { name, contender: 'conduit-pair', figure: DELIVERIES, work };
}
