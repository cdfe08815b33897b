import { PUBLISHES, receive } from '../figure.js';
import type { LoadOptions } from '../loadgen.js';
import type { Entry, LoadWork, Scenario } from '../scenario.js';

/** No queue at such a rate; `drain`: without Redis what the other node wrote may be found a second later. */
const MODEST: LoadOptions = { publish: 'http', publishers: 16, rate: 1_000, drain: 20 };
/** Without Redis the other node looks once a second: a shorter window may have no delivery. */
const QUICK = { load: { duration: 2 } };
const FULL: LoadOptions = { publish: 'http', publishers: 256, drain: 20 };

export const twoNodes: Scenario = {
  name: 'two-nodes',
  measures:
    'Two nodes on one PostgreSQL, with a Redis between them where redis-server is installed: from publish to ' +
    'receive at 1,000 publishes a second (HTTP, open loop, 10 subscribers) at one node or across both, and ' +
    'HTTP publishes of 256 connections (closed loop) at one node or half of them at each, to two topics, or ' +
    'to one that is read at the first.',
  figure: PUBLISHES,
  goals: [],
  entries: [
    modest('same node', {}),
    { ...modest('across', { atSecond: 'subscribers' }), against: 'same node', quick: QUICK },
    full('one publishes', 'conduit', { topics: 2 }, {}),
    {
      ...full('both publish', 'conduit-pair', { topics: 2 }, { atSecond: 'publishers' }),
      against: 'one publishes',
    },
    full('one topic from one', 'conduit', { subscribers: 1 }, {}),
    {
      ...full(
        'one topic from both',
        'conduit-pair',
        { subscribers: 1 },
        { atSecond: 'publishers' },
      ),
      against: 'one topic from one',
    },
  ],
};

function modest(name: string, more: Partial<LoadWork>): Entry {
  const work: LoadWork = {
    kind: 'load',
    count: 'published',
    load: { ...MODEST, subscribers: 10 },
    warm: { topic: 'warm', rate: 0 },
    ...more,
  };
  return { name, contender: 'conduit-pair', figure: receive('p50'), work };
}

function full(
  name: string,
  contender: 'conduit' | 'conduit-pair',
  load: LoadOptions,
  more: Partial<LoadWork>,
): Entry {
  return {
    name,
    contender,
    work: { kind: 'load', count: 'published', load: { ...FULL, ...load }, ...more },
  };
}
