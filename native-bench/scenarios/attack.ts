import { ATTACKS, type AttackName } from '../attackers/attacks.js';
import { extra } from '../figure.js';
import { goal, reaches } from '../goal.js';
import type { Entry, Scenario } from '../scenario.js';
import { DEFAULT_KEY, KEYED_ENV } from '../tenants.js';

const TIMES = extra('times_alone', 'answer p99 under attack, by its p99 alone', 'times', 'lower');
const GROWN = extra('grown_bytes', 'memory the node grew by at most', 'bytes', 'lower');
const NAMES = Object.keys(ATTACKS) as AttackName[];
/** A tenant of its own, which has a quota. */
const TENANT: AttackName = 'a noisy tenant';
const GROWN_BYTES_MAX = 64 * 1_024 * 1_024;

export const attack: Scenario = {
  name: 'attack',
  measures:
    'The p99 of 200 durable publishes a second over WebSocket while one client without credentials, or of ' +
    'another tenant, attacks the node (a round of its attack each second), by their p99 without it; and ' +
    'the memory that the node takes meanwhile.',
  figure: TIMES,
  goals: [
    goal('p99 <= 3x its unloaded value', ...NAMES.map((name) => reaches(name, TIMES, 3))),
    goal('p99 <= 2x beside a tenant at ten times its quota', reaches(TENANT, TIMES, 2)),
    goal('memory grows < 64 MiB', ...NAMES.map((name) => reaches(name, GROWN, GROWN_BYTES_MAX))),
  ],
  entries: NAMES.map(entry),
};

function entry(name: AttackName): Entry {
  const isOfTenant = name === TENANT;
  const keyed = isOfTenant ? { key: DEFAULT_KEY } : {};
  return {
    name,
    ...(isOfTenant ? { env: KEYED_ENV } : {}),
    contender: 'conduit',
    work: {
      kind: 'attack',
      load: { topic: 'victim', publish: 'ws-json', publishers: 4, rate: 200, ...keyed },
      warm: { topic: 'warm', publishers: 16, rate: 0 },
      attack: name,
    },
    ...(name === 'unread answers to acks' ? { quick: {} } : {}),
  };
}
