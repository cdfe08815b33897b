import { CPU } from '../figure.js';
import { goal, ratioReaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { Entry, Scenario } from '../scenario.js';
import { DEFAULT_KEY, KEYED_ENV, type TenantsToMake } from '../tenants.js';

const LOADS = {
  HTTP: { publish: 'http', publishers: 256 },
  WebSocket: { publish: 'ws-msgpack', publishers: 64, window: 64 },
} as const satisfies Record<string, LoadOptions>;
const MANY: TenantsToMake = { tenants: 1_000, keys: 10 };
/** All of them, each far above what is published. */
const QUOTAS = {
  messages_per_s: 1_000_000_000,
  bytes_per_s: 1_000_000_000_000,
  deliveries_per_s: 1_000_000_000,
  sessions: 100_000,
  subscriptions: 100_000,
  topics: 1_000,
  stored_bytes: 1_000_000_000_000_000,
};
const QUICK = { quick: {} };

export const tenants: Scenario = {
  name: 'tenants',
  measures:
    'CPU of a publish, in memory: by HTTP over 256 connections, and in msgpack over 64 WebSockets with 64 ' +
    'outstanding each, where nobody asks for keys, where each request shows one, among 1,000 tenants with ' +
    'ten keys each, all of which were shown before, and of a tenant that has every quota.',
  figure: CPU,
  goals: [
    goal(
      'keys cost < 5 % of a publish',
      ratioReaches('HTTP, keys', 'HTTP, no keys', CPU, 1.05),
      ratioReaches('WebSocket, keys', 'WebSocket, no keys', CPU, 1.05),
    ),
    goal(
      '1,000 tenants with 10,000 keys cost < 3 % more',
      ratioReaches('HTTP, 10,000 keys', 'HTTP, keys', CPU, 1.03),
      ratioReaches('WebSocket, 10,000 keys', 'WebSocket, keys', CPU, 1.03),
    ),
  ],
  entries: [...entries('HTTP'), ...entries('WebSocket')],
};

function entries(way: keyof typeof LOADS): Entry[] {
  const none = { tenants: 0, keys: 0 };
  return [
    { ...entry(way, 'no keys'), ...QUICK },
    { ...entry(way, 'keys', none), against: `${way}, no keys`, ...QUICK },
    { ...entry(way, '10,000 keys', MANY), against: `${way}, keys` },
    { ...entry(way, 'quotas', { ...none, quotas: QUOTAS }), against: `${way}, keys` },
  ];
}

function entry(way: keyof typeof LOADS, name: string, made?: TenantsToMake): Entry {
  const keyed = made === undefined ? {} : { key: DEFAULT_KEY };
  return {
    name: `${way}, ${name}`,
    contender: 'conduit-memory',
    ...(made === undefined ? {} : { env: KEYED_ENV }),
    work: {
      kind: 'load',
      count: 'published',
      load: { ...LOADS[way], ...keyed },
      ...(made === undefined ? {} : { tenants: made }),
    },
  };
}
