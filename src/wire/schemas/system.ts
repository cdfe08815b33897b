/** What /api/stats, /api/health and the probes answer. */
import { z } from 'zod';
import { ACCEPTOR_FIGURES } from '../../core/acceptor-figures.js';
import { BACKPLANE_COUNTERS, ENVELOPE_FAULTS } from '../../core/backplane-figures.js';
import { eachMember } from '../../core/each-member.js';
import { DELIVERY_COUNTERS } from '../../core/worker-figures.js';
import { snakeMembers } from '../snake-case.js';
import { count, members, time, uuid } from './kinds.js';

const NODE = z.string().describe('NODE_ID.');
/** Of the node, or of what it needs. */
const CHECKS = z.record(z.string(), z.string()).describe('ok, or what is wrong, by what it is of.');
const MS = z.number();

const BACKPLANE_STATE = z
  .enum(['connecting', 'up', 'away', 'forwarding', 'closed'])
  .describe('up: by Redis. forwarding: there is none, nodes tell each other.');
const BACKPLANE_FIGURES = members({
  ...counts(BACKPLANE_COUNTERS),
  queue_bytes: count('On their way to Redis and to other nodes.'),
  channels: count('Topics of which other nodes are heard.'),
  dropped: members(counts(ENVELOPE_FAULTS)).describe('Envelopes that came, by why.'),
});
/** Where REDIS_URL or INTERNAL_SECRET is set. */
export const BACKPLANE = members({ state: BACKPLANE_STATE, ...BACKPLANE_FIGURES.shape });
/** The state alone for whoever may not operate. */
const BACKPLANE_HEALTH = members({
  state: BACKPLANE_STATE,
  ...BACKPLANE_FIGURES.partial().shape,
});

export const STATS = members({
  messages_per_sec: z.number().describe('Published, over the last ten seconds.'),
  total_messages: count('That were ever published to the topics there are.'),
  active_subscribers: count('Subscriptions that are open.'),
  active_topics: count('Topics there are.'),
  uptime_seconds: z.number().describe('Of this node.'),
  in_flight: count('Messages that were delivered and are not settled; some seconds old.'),
  oldest_unacked_ms: z
    .number()
    .nullable()
    .describe('Since the oldest of those was sent, of subscribers that acknowledge; null: none.'),
  deferred_messages: count('That wait for their time.'),
  dead_letters: count('That are kept, up to 10,000 of a database: as many, or more.'),
  // Of all tenants together: left out where keys are asked for and whoever asks is no operator.
  ...members(counts(ACCEPTOR_FIGURES)).partial().shape,
  hot_cache_bytes: count('Of messages that are kept in memory.'),
  ...counts(DELIVERY_COUNTERS),
  dead_letters_evicted: count('Dead letters in memory that gave way to newer ones.'),
  oldest_snapshot_seconds: z.number().describe('0: none is older than SNAPSHOT_WARN_S.').optional(),
  snapshot_dead_rows: count('That cannot be removed while it lasts.').optional(),
  snapshot_leaves: count('Days past retention that it is in the way of.').optional(),
  backplane: BACKPLANE.optional().describe('Of this node.'),
  nodes: count('Whose figures these are.'),
  uncounted_nodes: z
    .array(z.string())
    .optional()
    .describe('NODE_ID of those that live and have not told theirs of late. Absent: none.'),
});

export const WORKER = members({
  log: members({ mode: z.string(), state: z.string() }),
  heads_ms: MS.nullable().describe('Since it looked at its topics in the log; null: never.'),
  outbox: members({
    looked_ms: MS.describe('Since due messages were looked for.'),
    oldest_due_ms: MS.describe('How long the oldest has been due.'),
    stuck_ms: MS.describe('Since one of them moved.'),
    listening: z.enum(['yes', 'no', 'off']).describe('Whether publishes from SQL wake it.'),
  }).optional(),
  upkeep_ms: MS.optional().describe('Since retention and partitions were kept up.'),
});

export const SNAPSHOT = members({
  of: z.enum(['session', 'prepared transaction', 'replication slot']),
  age_s: z.number(),
  dead_rows: count('That cannot be removed while it lasts, in all tables of the log.'),
  leaves: z.array(z.string()).describe('Days past retention that it is in the way of.'),
  pid: z.number().nullable().optional().describe('Of its session in PostgreSQL. Scope operate.'),
  name: z.string().optional().describe('application_name, or that of the slot. Scope operate.'),
});

export const PRESENCE = members({
  lease: z.enum(['held', 'over']).describe('over: other nodes count this one among the lost.'),
  renewed_ms: MS.nullable().describe('Since its lease in the database was renewed; null: never.'),
});

const LOAD = {
  busy: z.number().describe('Share of its time that its event loop was busy, in the last second.'),
  late_ms: z.number().describe('The longest that its event loop was late, in the last second.'),
};
export const THREAD_LOAD = members(LOAD);
const OF_WORKER = { ...LOAD, log_open: z.boolean().describe('A publish would be stored now.') };

export const NODE_LISTED = members({
  id: NODE,
  this: z.boolean().describe('It is the one that answers.'),
  state: z.enum(['live', 'lost']).describe('lost: it has not renewed its lease of two seconds.'),
  draining: z.boolean().describe('Somebody has asked it to end in order.'),
  boot_id: uuid('Another one at every start.'),
  address: z.string().describe('NODE_ADDR.'),
  version: z.string(),
  started_at: time('By the clock of the database.'),
  last_seen: time('When it last renewed its lease.'),
  sessions: count('Streams included.'),
  topics: count('That its workers have met.'),
  workers: z.array(
    members({ topics: count('That it has met.'), ...members(OF_WORKER).partial().shape }),
  ),
  backplane: z.string().describe('What carries news between nodes; none: they find out.'),
  // Of another node: with INTERNAL_SECRET, by which they tell each other.
  cpu_cores: z.number().describe('Cores that its process used, in the last second.').optional(),
  resident_bytes: count('Memory of its process.').optional(),
  main: THREAD_LOAD.optional().describe('Its main thread.'),
  acceptors: z.array(THREAD_LOAD).optional().describe('Threads with its sockets.'),
});

export const NODE_LIST = members({
  nodes: z.array(NODE_LISTED).describe('By id; those that are lost are shown for ten minutes.'),
});

export const NODE_PATH = members({ id: NODE });
export const NODE_DRAINED = members({
  node: NODE,
  state: z.literal('draining').describe('It begins within half a second.'),
});

const STATUS = z.enum(['ok', 'degraded']);

export const WHOLE_HEALTH = members({
  status: STATUS,
  checks: CHECKS,
  durability: z.enum(['memory', 'durable']),
  warning: z.string().optional(),
  version: z.string(),
  node: NODE,
  presence: PRESENCE.optional().describe('In the database.'),
  durable_subscriptions: z
    .enum(['coordinated', 'last_asked'])
    .optional()
    .describe('Whom sessions at several nodes are served by: one, or, without a secret, the last.'),
  oldest_snapshot: SNAPSHOT.optional().describe('In the database, older than SNAPSHOT_WARN_S.'),
  backplane: BACKPLANE_HEALTH.optional(),
  workers: z.array(WORKER),
});

/** The status alone for whoever shows no key where keys are asked for. */
export const HEALTH = z.union([WHOLE_HEALTH, members({ status: STATUS })]);

export const READINESS = members({ status: z.enum(['ready', 'not ready']), checks: CHECKS });
export const FORWARDED = members({
  accepted: count('Messages that were taken.'),
  unheard: z.array(z.number()).describe('Places of those that nobody listens for here.'),
});
export const LIVENESS = members({ status: z.literal('ok') });
export const GREETING = members({ name: z.literal('conduit'), node: NODE });

/** A member for each, described by its text. */
function counts<K extends string>(texts: Readonly<Record<K, string>>) {
  return snakeMembers(eachMember(texts, (name) => count(texts[name])));
}
