import { extra } from '../figure.js';
import { goal, ratioReaches, reaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { ContenderName, Entry, Scenario } from '../scenario.js';
import { DEFAULT_KEY, KEYED_ENV } from '../tenants.js';

const BYTES = extra('bytes_per_session', 'memory a session', 'bytes', 'lower');
const QUICK = { load: { subscribers: 2_000 } };

export const idle: Scenario = {
  name: 'idle',
  measures: 'Growth of resident memory by 10,000 idle subscribed sessions, for each of them.',
  figure: BYTES,
  goals: [
    goal('<= 4 KiB a session', reaches('memory', BYTES, 4_096)),
    goal('with keys < 0.2 KiB more', ratioReaches('memory, keys', 'memory', BYTES, 1.057)),
  ],
  entries: [
    { ...entry('bare-uws', 'bare-uws', { subscribe: 'ws-raw' }), quick: QUICK },
    { ...entry('memory', 'conduit-memory', {}), against: 'bare-uws', quick: QUICK },
    {
      ...entry('memory, keys', 'conduit-memory', { key: DEFAULT_KEY }),
      env: KEYED_ENV,
      against: 'memory',
    },
    { ...entry('durable', 'conduit', {}), against: 'bare-uws' },
    { ...entry('nats', 'nats', { subscribe: 'nats' }), against: 'bare-uws', peer: true },
    {
      ...entry('redis-pubsub', 'redis-pubsub', { subscribe: 'redis-pubsub' }),
      against: 'bare-uws',
      peer: true,
    },
    {
      ...entry('centrifugo', 'centrifugo', { subscribe: 'centrifugo' }),
      against: 'bare-uws',
      peer: true,
    },
  ],
};

function entry(name: string, contender: ContenderName, load: LoadOptions): Entry {
  return { name, contender, work: { kind: 'hold', load: { subscribers: 10_000, ...load } } };
}
