import { extra } from '../figure.js';
import { goal, reaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { ContenderName, Entry, Scenario } from '../scenario.js';

const BYTES = extra('bytes_per_session', 'memory a session', 'bytes', 'lower');
const QUICK = { load: { subscribers: 2_000 } };
const CONDUIT: LoadOptions = { publish: 'ws-msgpack' };
/** A server that has worked: its heaps have the size they take under any load. */
const WARM: LoadOptions = {
  topic: 'warm',
  publishers: 64,
  window: 16,
  subscribers: 1,
  ack: 'none',
};

export const idle: Scenario = {
  name: 'idle',
  measures:
    'Growth of resident memory by 10,000 idle subscribed sessions, for each of them, of a server that has ' +
    'handled publishes before.',
  figure: BYTES,
  goals: [goal('<= 4 KiB a session', reaches('memory', BYTES, 4_096))],
  entries: [
    { ...entry('bare-uws', 'bare-uws', { publish: 'ws-raw', subscribe: 'ws-raw' }), quick: QUICK },
    { ...entry('memory', 'conduit-memory', CONDUIT), against: 'bare-uws', quick: QUICK },
    { ...entry('durable', 'conduit', CONDUIT), against: 'bare-uws' },
    { ...peer('nats', { publish: 'nats', subscribe: 'nats' }), against: 'bare-uws' },
    {
      ...peer('redis-pubsub', { publish: 'redis-pubsub', subscribe: 'redis-pubsub' }),
      against: 'bare-uws',
    },
  ],
};

function entry(name: string, contender: ContenderName, protocols: LoadOptions): Entry {
  const { publish = 'http', subscribe = 'ws-msgpack' } = protocols;
  return {
    name,
    contender,
    work: {
      kind: 'hold',
      load: { subscribers: 10_000, subscribe },
      warm: { ...WARM, publish },
    },
  };
}

function peer(name: 'nats' | 'redis-pubsub', protocols: LoadOptions): Entry {
  return { ...entry(name, name, protocols), peer: true };
}
