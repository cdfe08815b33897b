import { DELIVERIES, extra, receive } from '../figure.js';
import { goal, ratioReaches, reaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { PeerName } from '../peers/peers.js';
import type { Entry, LoadWork, Scenario } from '../scenario.js';

const ACKED = extra('acked_per_s', 'acked deliveries/s', 'per_s', 'higher');
const RECEIVE_P50 = receive('p50');

/** Saturated: publishes wait only for their answers. */
const CONDUIT: LoadOptions = { publish: 'ws-msgpack', publishers: 1, window: 64, drain: 20 };
const REDIS: LoadOptions = { ...CONDUIT, publish: 'redis-pubsub', subscribe: 'redis-pubsub' };
const NATS: LoadOptions = { ...CONDUIT, publish: 'nats', subscribe: 'nats' };
/** Its HTTP API answers a connection's publishes one by one: from one alone it brings a third. */
const CENTRIFUGO: LoadOptions = {
  publish: 'centrifugo',
  publishers: 64,
  subscribe: 'centrifugo',
  drain: 20,
};
/** With 16 outstanding it is at its best; with 64 it falls to a fifth. */
const BARE: LoadOptions = { ...CONDUIT, publish: 'ws-raw', subscribe: 'ws-raw', window: 16 };
/** With 100 subscribers 64 outstanding saturate no server that joins frames. */
const WIDE: LoadOptions = { window: 256 };
const STEADY: LoadOptions = { rate: 100, window: 1_000, warmup: 1 };
/** The steady rate alone would not do it. */
const WARM: LoadOptions = { topic: 'warm', rate: 0, window: 16 };

export const fanOut: Scenario = {
  name: 'fan-out',
  measures:
    'One publish to many subscribers, 150 bytes. Saturated: one publisher with 64 outstanding ' +
    '(1 x 100: 256; bare uWS, which is best so: 16; Centrifugo: as many HTTP connections); and latency at ' +
    '100 messages a second to 1,000 subscribers.',
  figure: DELIVERIES,
  goals: [
    goal(
      '1 x 1,000 and 1 x 100, ack none >= 4,000,000 deliveries/s',
      reaches('1x1000', DELIVERIES, 4_000_000),
      reaches('1x100', DELIVERIES, 4_000_000),
    ),
    goal('>= 1.4x Redis pub/sub', ratioReaches('1x1000', '1x1000 redis-pubsub', DELIVERIES, 1.4)),
    goal('>= 2.5x NATS core', ratioReaches('1x1000', '1x1000 nats', DELIVERIES, 2.5)),
    goal(
      'one frame a message (seed clients) >= 0.9x bare uWS',
      ratioReaches('1x1000 seed clients', '1x1000 bare-uws', DELIVERIES, 0.9),
    ),
    goal(
      'cumulative acks >= 2,000,000 acked deliveries/s',
      reaches('1x1000 cumulative acks', DELIVERIES, 2_000_000),
    ),
    goal(
      'single acks, joined >= 300,000 acked deliveries/s',
      reaches('1x1000 single acks', ACKED, 300_000),
    ),
    goal(
      'with the durable log >= 0.7x of in memory',
      ratioReaches('1x1000 durable', '1x1000', DELIVERIES, 0.7),
    ),
    goal(
      '1 x 1,000 at 100 messages/s: p50 <= 1.2x and p99 <= 1.5x of bare uWS',
      ratioReaches('1x1000 at 100/s', '1x1000 at 100/s bare-uws', RECEIVE_P50, 1.2),
      ratioReaches('1x1000 at 100/s', '1x1000 at 100/s bare-uws', receive('p99'), 1.5),
    ),
    goal('10,000 sessions without error', reaches('1x10000', DELIVERIES, 1)),
  ],
  entries: [
    bare('1x1000 bare-uws', BARE, 1_000, { quick: {} }),
    memory('1x1000', { subscribers: 1_000 }, { against: '1x1000 bare-uws', quick: {} }),
    memory(
      '1x1000 seed clients',
      { subscribers: 1_000, subscribe: 'ws-seed' },
      { against: '1x1000 bare-uws' },
    ),
    memory(
      '1x1000 cumulative acks',
      { subscribers: 1_000, ack: 'cumulative', maxInFlight: 1_000 },
      { against: '1x1000' },
    ),
    memory(
      '1x1000 single acks',
      { subscribers: 1_000, ack: 'single', maxInFlight: 1_000 },
      { against: '1x1000', figure: ACKED },
    ),
    {
      ...memory('1x1000 durable', { subscribers: 1_000 }, { against: '1x1000', quick: {} }),
      contender: 'conduit',
    },
    other('1x1000 redis-pubsub', 'redis-pubsub', REDIS, 1_000),
    other('1x1000 nats', 'nats', NATS, 1_000),
    other('1x1000 centrifugo', 'centrifugo', CENTRIFUGO, 1_000),
    other('1x1000 centrifugo-redis', 'centrifugo-redis', CENTRIFUGO, 1_000),
    other('1x1000 centrifugo-postgres', 'centrifugo-postgres', CENTRIFUGO, 1_000),
    bare('1x100 bare-uws', BARE, 100),
    memory('1x100', { subscribers: 100, ...WIDE }, { against: '1x100 bare-uws' }),
    other('1x100 redis-pubsub', 'redis-pubsub', { ...REDIS, ...WIDE }, 100),
    other('1x100 nats', 'nats', { ...NATS, ...WIDE }, 100),
    other('1x100 centrifugo', 'centrifugo', { ...CENTRIFUGO, publishers: 256 }, 100),
    bare('1x10000 bare-uws', BARE, 10_000),
    memory('1x10000', { subscribers: 10_000 }, { against: '1x10000 bare-uws' }),
    memory('100x100', { topics: 100, subscribers: 100, publishers: 100, window: 4 }),
    bare('1x1000 at 100/s bare-uws', { ...BARE, ...STEADY }, 1_000, { figure: RECEIVE_P50 }),
    memory(
      '1x1000 at 100/s',
      { subscribers: 1_000, ...STEADY },
      { against: '1x1000 at 100/s bare-uws', figure: RECEIVE_P50 },
    ),
    {
      ...other('1x1000 at 100/s redis-pubsub', 'redis-pubsub', { ...REDIS, ...STEADY }, 1_000),
      figure: RECEIVE_P50,
    },
    {
      ...other('1x1000 at 100/s nats', 'nats', { ...NATS, ...STEADY }, 1_000),
      figure: RECEIVE_P50,
    },
    {
      ...other('1x1000 at 100/s centrifugo', 'centrifugo', { ...CENTRIFUGO, ...STEADY }, 1_000),
      figure: RECEIVE_P50,
    },
  ],
};

function work(load: LoadOptions): LoadWork {
  const all: LoadWork = { kind: 'load', count: 'delivered', load };
  return load.rate === undefined ? all : { ...all, warm: WARM };
}

function memory(name: string, load: LoadOptions, more: Partial<Entry> = {}): Entry {
  const all = work({ ...CONDUIT, ack: 'none', ...load });
  return { name, contender: 'conduit-memory', work: all, ...more };
}

function bare(
  name: string,
  load: LoadOptions,
  subscribers: number,
  more: Partial<Entry> = {},
): Entry {
  return { name, contender: 'bare-uws', work: work({ ...load, subscribers }), ...more };
}

function other(name: string, contender: PeerName, load: LoadOptions, subscribers: number): Entry {
  const against = name.replace(contender, 'bare-uws');
  return { name, contender, work: work({ ...load, subscribers }), against, peer: true };
}
