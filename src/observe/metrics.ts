/**
 * Everything that a node counts and GET /metrics shows: name, type, what it says, declared here and nowhere
 * else. What GET /api/stats shows of it too has its text in the tables of core. No metric has a label with a
 * tenant, a topic, a key or an address: the number of series does not grow with what clients do.
 */
import { ACCEPTOR_FIGURES, type AcceptorFigure } from '../core/acceptor-figures.js';
import {
  BACKPLANE_COUNTERS,
  type BackplaneCounts,
  ENVELOPE_FAULTS,
} from '../core/backplane-figures.js';
import { eachMember } from '../core/each-member.js';
import { ERRORS, type ErrorCode } from '../core/errors.js';
import { DELIVERY_COUNTERS, type DeliveryCounts } from '../core/worker-figures.js';
import {
  by,
  counter,
  gauge,
  histogram,
  inSlots,
  type Metric,
  workerGauge,
} from './metric-kinds.js';

/** Seconds. */
export const DURATION_BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
];
export const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/** Routes of HTTP that have numbers of their own; the first three digits of a status are a class of it. */
export const ROUTES_MAX = 128;
export const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;

/** What a request to a webhook comes to. */
export const WEBHOOK_RESULTS = {
  taken: 'It answered 2xx.',
  gone: 'It answered 410, and is disabled.',
  retry_after: 'It answered 429 or 503, and when to come again.',
  redirect: 'It answered 3xx.',
  status: 'It answered anything else.',
  timeout: 'It did not answer in time.',
  address: 'It leads to an address that is not public.',
  connection: 'No connection came about, or it broke.',
} as const;
export type SentResult = keyof typeof WEBHOOK_RESULTS;

/** By their places in DATABASE_URL, counted from 1; what comes after the last of these is counted with it. */
export const DATABASES = Array.from({ length: 16 }, (_, n) => `${n + 1}`);

const DELIVERY_NAMES: Record<keyof DeliveryCounts, string> = {
  gapsRepaired: 'conduit_gap_repaired_messages_total',
  redelivered: 'conduit_redelivered_messages_total',
  deadLettered: 'conduit_dead_letters_total',
  expired: 'conduit_expired_messages_total',
  untracked: 'conduit_untracked_deliveries_total',
  abandoned: 'conduit_abandoned_deliveries_total',
};
/** Of one database of several, all workers together. */
export const DATABASE_LABEL = 'database';
const DATABASE_METRICS = {
  databaseOpen: gauge(
    'conduit_database_open_workers',
    'Workers that would store a publish there now; 0: the topics of that database answer 503.',
  ),
  databaseCommits: counter(
    'conduit_database_commits_total',
    'Append transactions that were committed there.',
  ),
  databaseCommitSeconds: counter(
    'conduit_database_commit_seconds_total',
    'What those took together: divided by them, how long an append takes there.',
  ),
  databaseErrors: counter(
    'conduit_database_errors_total',
    'Append transactions that failed there, or whose commit was not answered.',
  ),
  databaseQueueRows: gauge(
    'conduit_database_queue_rows',
    'Messages that wait for a transaction there.',
  ),
  databasePoolSessions: gauge(
    'conduit_database_pool_sessions',
    'Sessions there of the pools of workers, for all but appends.',
  ),
  databasePoolWaiting: gauge(
    'conduit_database_pool_waiting',
    'Queries that wait for a session of such a pool.',
  ),
} as const;

/** What each thread says of itself. */
const THREAD = {
  utilization: ['eventloop_utilization_ratio', 'Share of its time that the event loop was busy.'],
  delay: [
    'eventloop_delay_seconds',
    'The longest that its event loop was late in the last second.',
  ],
  heap: ['heap_used_bytes', 'Of its JavaScript heap.'],
  said: ['sample_age_seconds', 'Since it last said something of itself: grows while it hangs.'],
} as const;
export type ThreadMetric = keyof typeof THREAD;

export const WORKER_METRICS = {
  published: by(
    counter(
      'conduit_published_messages_total',
      'Publishes that a worker had an outcome for: stored, stored for later, a repeat, or refused.',
    ),
    'result',
    ['ok', 'deferred', 'duplicate', 'rejected'],
  ),
  publishedBytes: counter('conduit_published_bytes_total', 'Payloads that were stored.'),
  publishSeconds: histogram(
    'conduit_publish_duration_seconds',
    'From the worker taking a publish to its commit.',
    DURATION_BOUNDS,
  ),
  deliverySeconds: histogram(
    'conduit_delivery_latency_seconds',
    'From the commit of a message to its hand-over to an acceptor for all who are caught up; of a chunk its oldest.',
    DURATION_BOUNDS,
  ),
  verdicts: by(
    counter('conduit_verdicts_total', 'What subscribers said of deliveries, and was taken.'),
    'verdict',
    ['ack', 'nack', 'extend', 'reject'],
  ),
  ...eachMember(DELIVERY_COUNTERS, (name) =>
    counter(DELIVERY_NAMES[name], DELIVERY_COUNTERS[name]),
  ),
  commitSeconds: histogram(
    'conduit_wal_commit_duration_seconds',
    'Of append transactions that were committed.',
    DURATION_BOUNDS,
  ),
  commitRows: histogram(
    'conduit_wal_batch_rows',
    'Messages of append transactions that were committed.',
    BATCH_BOUNDS,
  ),
  walErrors: counter('conduit_wal_errors_total', 'Append transactions that failed.'),
  walQueueRows: workerGauge('conduit_wal_queue_rows', 'Messages that wait for a transaction.'),
  ...eachMember(DATABASE_METRICS, (name) => by(DATABASE_METRICS[name], DATABASE_LABEL, DATABASES)),
  topics: workerGauge('conduit_topics', 'Topics that it has met.'),
  subscribers: workerGauge('conduit_subscribers', 'Subscriptions that are open.'),
  pending: workerGauge(
    'conduit_deliveries_pending',
    'Delivered and not settled, of subscriptions that are open.',
  ),
  oldestUnackedSeconds: workerGauge(
    'conduit_oldest_unacked_seconds',
    'Since the oldest of those was sent, of subscribers that acknowledge; 0: there is none.',
  ),
  hotCacheBytes: workerGauge('conduit_hot_cache_bytes', 'Of messages that are kept in memory.'),
  logOpen: workerGauge('conduit_log_open', '1: a publish would be stored now.'),
  headsSeconds: workerGauge(
    'conduit_heads_age_seconds',
    'Since it looked at its topics in the database; in memory 0.',
  ),
  outboxSeconds: workerGauge(
    'conduit_outbox_oldest_due_seconds',
    'How long the oldest deferred message that is due has waited.',
  ),
  upkeepSeconds: workerGauge(
    'conduit_upkeep_age_seconds',
    'Since retention and partitions were kept up, here or at another node.',
  ),
  snapshotSeconds: gauge(
    'conduit_oldest_snapshot_seconds',
    'Age of the oldest snapshot held in the database; 0: none is older than SNAPSHOT_WARN_S.',
  ),
  snapshotRows: gauge(
    'conduit_snapshot_dead_rows',
    'Rows of the log that cannot be removed while that snapshot is held.',
  ),
  backplaneUp: workerGauge(
    'conduit_backplane_up',
    '1: what other nodes publish comes at once by Redis; 0: from the log; -1: without REDIS_URL.',
  ),
  backplaneQueueBytes: workerGauge('conduit_backplane_queue_bytes', 'On their way to Redis.'),
  backplane: by(
    counter('conduit_backplane_events_total', 'What the backplane did, as /api/stats has it.'),
    'event',
    Object.keys(BACKPLANE_COUNTERS) as (keyof BackplaneCounts)[],
  ),
  backplaneDropped: by(
    counter('conduit_backplane_dropped_envelopes_total', 'Envelopes that came and were dropped.'),
    'reason',
    Object.keys(ENVELOPE_FAULTS) as (keyof typeof ENVELOPE_FAULTS)[],
  ),
  ...ofThread('conduit_worker_', workerGauge),
} as const;

/** Of the acceptors, beside ACCEPTOR_FIGURES. */
export const ACCEPTOR_METRICS = {
  delivered: by(
    counter('conduit_delivered_messages_total', 'Messages that sockets took, each for its own.'),
    'encoding',
    ['json', 'msgpack'],
  ),
  opened: counter('conduit_connections_opened_total', 'WebSocket sessions and streams.'),
  closed: by(
    counter('conduit_connections_closed_total', 'WebSocket sessions and streams that have ended.'),
    'reason',
    ['client', 'abrupt', 'server'],
  ),
  errors: by(
    counter('conduit_errors_total', 'Errors that clients were answered, over HTTP and WebSocket.'),
    'code',
    Object.keys(ERRORS) as ErrorCode[],
  ),
  requests: inSlots(
    counter('conduit_http_requests_total', 'Requests that were answered, by route.'),
    ROUTES_MAX * STATUS_CLASSES.length,
  ),
  requestSeconds: histogram(
    'conduit_http_request_duration_seconds',
    'From a request to its answer, streams left out.',
    DURATION_BOUNDS,
  ),
  webhooks: gauge('conduit_webhooks', 'Webhooks that this node sends for.'),
  webhookResults: by(
    counter('conduit_webhook_requests_total', 'Requests to webhooks that have ended.'),
    'result',
    Object.keys(WEBHOOK_RESULTS) as SentResult[],
  ),
  webhookSeconds: histogram(
    'conduit_webhook_request_duration_seconds',
    'From a request to a webhook to its answer.',
    DURATION_BOUNDS,
  ),
  ...ofThread('conduit_acceptor_', (name, help) => ({
    ...gauge(name, help),
    over: 'each' as const,
  })),
} as const;

/** Of the main thread. */
export const MAIN_METRICS = {
  restarts: by(
    counter('conduit_thread_restarts_total', 'Threads that died and were replaced.'),
    'kind',
    ['worker', 'acceptor'],
  ),
  cores: gauge('conduit_process_cores', 'Cores that all threads used together, of late.'),
  outages: gauge('conduit_outages', 'Kinds of trouble that last: the log says which.'),
  ...ofThread('conduit_main_', gauge),
} as const;

/** Shared by the acceptors: what GET /api/stats shows of them. */
export const SHARED_METRICS: Record<AcceptorFigure, Metric<never>> = {
  sessions: gauge('conduit_connections', 'WebSocket sessions and streams that are open.'),
  streams: gauge('conduit_event_streams', ACCEPTOR_FIGURES.streams),
  unreadAnswerBytes: gauge('conduit_unread_answer_bytes', ACCEPTOR_FIGURES.unreadAnswerBytes),
  refusedConnections: counter(
    'conduit_refused_connections_total',
    'Connections that were closed at once, over ACCEPT_RATE_MAX.',
  ),
  refusedForwards: counter(
    'conduit_refused_forwards_total',
    'Requests as of other nodes that were refused.',
  ),
};

/** Of the process, and what a scrape finds out by itself. */
export const PROCESS_METRICS = {
  cpuSeconds: by(counter('process_cpu_seconds_total', 'Of all threads.'), 'mode', [
    'user',
    'system',
  ]),
  residentBytes: gauge('process_resident_memory_bytes', 'Memory of the process.'),
  startSeconds: gauge('process_start_time_seconds', 'When it started, Unix time.'),
  draining: gauge('conduit_draining', '1: this node takes nothing new.'),
} as const;

export const BUILD_INFO = gauge('conduit_build_info', 'Always 1; the labels say what runs.');

export type WorkerMetric = keyof typeof WORKER_METRICS;

function ofThread(prefix: string, make: (name: string, help: string) => Metric<never>) {
  return eachMember(THREAD, (name) => make(`${prefix}${THREAD[name][0]}`, THREAD[name][1]));
}
