/**
 * Every bound of the product that can be set, by name, with its default and its hard range. config/ makes an
 * environment variable of each (the name in UPPER_SNAKE, its unit included), and whoever enforces a
 * bound names it in the error. Units are the last word of each name.
 */
import { WEBHOOK_LIMITS } from './webhook-limits.js';

export interface LimitSpec {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly text: string;
}

const KIB = 1024;
const MIB = 1024 * 1024;

export const LIMITS = {
  payloadBytesMax: { default: 256 * KIB, min: 1, max: 16 * MIB, text: 'One payload.' },
  publishBodyBytesMax: {
    default: 320 * KIB,
    min: 1 * KIB,
    max: 20 * MIB,
    text: 'Body of POST /api/publish.',
  },
  batchBodyBytesMax: {
    default: 4 * MIB,
    min: 1 * KIB,
    max: 64 * MIB,
    text: 'Body of POST /api/publish/batch.',
  },
  batchItemsMax: { default: 1_000, min: 1, max: 10_000, text: 'Messages in one batch request.' },
  frameBytesMax: {
    default: 16 * KIB,
    min: 1 * KIB,
    max: 1 * MIB,
    text: 'One WebSocket frame that is not a publish.',
  },
  wsMessageBytesMax: {
    default: 1 * MIB,
    min: 16 * KIB,
    max: 32 * MIB,
    text: 'One WebSocket message with all frames joined in it.',
  },
  topicNameBytesMax: { default: 255, min: 1, max: 255, text: 'Topic name.' },
  keyBytesMax: { default: 255, min: 1, max: 255, text: 'Ordering key of a message.' },
  dedupeKeyBytesMax: { default: 255, min: 1, max: 255, text: 'Dedupe key or Idempotency-Key.' },
  headerPairsMax: { default: 32, min: 0, max: 256, text: 'Header pairs of a message.' },
  headerBytesMax: {
    default: 4 * KIB,
    min: 0,
    max: 32 * KIB,
    text: 'Headers of a message as JSON text.',
  },
  depthMax: { default: 64, min: 1, max: 256, text: 'Nesting of JSON or msgpack.' },
  traceStartsPerSecond: {
    default: 10,
    min: 0,
    max: 100_000,
    text: 'Traces that an acceptor begins for publishes without a traceparent, with an OpenTelemetry SDK.',
  },
  traceSpansPerSecond: { default: 1_000, min: 0, max: 1_000_000, text: 'Spans of one thread.' },
  browseWaitingMax: {
    default: 64,
    min: 1,
    max: 10_000,
    text: 'Reads of the HTTP API that wait for the browsing pool, of one acceptor.',
  },
  unreadAnswerBytesMax: {
    default: 64 * MIB,
    min: 1 * MIB,
    max: 16_384 * MIB,
    text: 'Answers over 64 KiB that clients of one acceptor have yet to read.',
  },
  exportsMax: { default: 16, min: 1, max: 1_000, text: 'Exports of one acceptor under way.' },
  pageItemsMax: { default: 1_000, min: 1, max: 10_000, text: 'Items in one page of a list.' },
  subscriptionsPerSessionMax: {
    default: 128,
    min: 1,
    max: 10_000,
    text: 'Subscriptions of one session.',
  },
  sessionRequestsMax: {
    default: 16_384,
    min: 256,
    max: 1_048_576,
    text: 'Requests of one session under way, in publishes.',
  },
  sessionRequestBytesMax: {
    default: 16 * MIB,
    min: 1 * MIB,
    max: 1_024 * MIB,
    text: 'Bytes of publishes of one session under way; as many, or one message, may wait to be read.',
  },
  unreadBytesMax: {
    default: 64 * MIB,
    min: 1 * MIB,
    max: 4_096 * MIB,
    text: 'Bytes that wait to be read, of all sessions of one acceptor.',
  },
  inFlightMax: {
    default: 256,
    min: 1,
    max: 1_000,
    text: 'Default window of a subscription: delivered, not settled.',
  },
  durablesPerTopicMax: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    text: 'Durable subscriptions of one topic.',
  },
  // What is settled between parked ones is written with every save: see ack-floor.ts.
  parkedMax: {
    default: 4_096,
    min: 1,
    max: 65_536,
    text: 'Messages of a subscription ordered by key that wait behind one of their key.',
  },
  ackWaitMs: {
    default: 1_000,
    min: 1,
    max: 3_600_000,
    text: 'Default wait for an acknowledgement; doubled with every attempt.',
  },
  maxDeliver: {
    default: 5,
    min: 1,
    max: 1_000,
    text: 'Default number of attempts before the dead letter.',
  },
  pullMessagesMax: { default: 1_000, min: 1, max: 1_000, text: 'Messages of one pull.' },
  pullBytesMax: {
    default: 4 * MIB,
    min: 64 * KIB,
    max: 64 * MIB,
    text: 'Bytes of messages in the answer to one pull; one message may be more.',
  },
  pullWaitMsMax: { default: 60_000, min: 0, max: 600_000, text: 'Longest wait of a pull.' },
  pullsPerSubscriptionMax: {
    default: 64,
    min: 1,
    max: 10_000,
    text: 'Pulls of one API key from one subscription that wait, of one acceptor.',
  },
  pullsPerTenantMax: {
    default: 1_000,
    min: 1,
    max: 100_000,
    text: 'Pulls of one tenant that wait, of one acceptor.',
  },
  pullIdleS: {
    default: 60,
    min: 1,
    max: 86_400,
    text: 'A session of pulls ends when nobody pulled for so long, and nothing is held by it.',
  },
  ...WEBHOOK_LIMITS,
  sendBufferBytesMax: {
    default: 1 * MIB,
    min: 64 * KIB,
    max: 64 * MIB,
    text: 'Bytes queued on one socket.',
  },
  sessionsMax: { default: 50_000, min: 1, max: 1_000_000, text: 'Sessions of one node.' },
  acceptRateMax: {
    default: 1_000,
    min: 1,
    max: 1_000_000,
    text: 'Connections that a node takes of one address in a second; 20 times as many at once.',
  },
  tenantsMax: { default: 10_000, min: 1, max: 1_000_000, text: 'Tenants of an installation.' },
  keysPerTenantMax: { default: 100, min: 1, max: 100_000, text: 'API keys of one tenant.' },
  keysCachedMax: {
    default: 16_384,
    min: 16,
    max: 1_048_576,
    text: 'API keys that one acceptor remembers, beside those of its sessions; tokens as many again.',
  },
  keyLookupsMax: {
    default: 1_024,
    min: 1,
    max: 65_536,
    text: 'Requests of one acceptor whose API key is being looked up; as many whose token is checked.',
  },
  keyTtlS: {
    default: 60,
    min: 1,
    max: 3_600,
    text: 'How long an API key is believed without being looked up again.',
  },
  tokenTtlSMax: {
    default: 3_600,
    min: 1,
    max: 86_400,
    text: 'Longest life of a token that a node makes.',
  },
  jwtClockSkewS: {
    default: 5,
    min: 0,
    max: 300,
    text: 'How far the clock of JWT_ISSUER may be from this one.',
  },
  jwksRefetchS: {
    default: 10,
    min: 1,
    max: 3_600,
    text: 'Between two looks at the keys of JWT_ISSUER for one that is not among them.',
  },
  jwtRecheckS: {
    default: 300,
    min: 1,
    max: 3_600,
    text: 'How often keys of JWT_ISSUER are read again, and its tokens that are in use checked again.',
  },
  loginsPerMinuteMax: {
    default: 5,
    min: 1,
    max: 10_000,
    text: 'Logins that a node lets one address try in a minute, or at once.',
  },
  loginsPerKeyMax: {
    default: 32,
    min: 1,
    max: 10_000,
    text: 'Logins of one API key; of one more the oldest ends.',
  },
  loginHours: { default: 12, min: 1, max: 720, text: 'How long a login is good.' },
  auditDays: {
    default: 90,
    min: 1,
    max: 3_650,
    text: 'How long an entry of the audit log is kept, in days.',
  },
  memoryAuditRowsMax: {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    text: 'Entries of the audit log that are kept without a database.',
  },
  topicsPerTenantMax: { default: 10_000, min: 1, max: 10_000_000, text: 'Topics of one tenant.' },
  topicsMadePerMinuteMax: {
    default: 600,
    min: 1,
    max: 1_000_000,
    text: 'Topics that subscribes of one session make in one worker, in a minute or at once.',
  },
  idleTimeoutS: {
    default: 60,
    min: 8,
    max: 960,
    text: 'A session without ping, pong or frame is closed.',
  },
  pingIntervalS: { default: 25, min: 1, max: 480, text: 'Server ping to each session.' },
  writeDeadlineMs: {
    default: 10_000,
    min: 100,
    max: 600_000,
    text: 'A socket that is full and takes nothing for this long is closed 4008.',
  },
  linkMessagesMax: {
    default: 65_536,
    min: 64,
    max: 4_194_304,
    text: 'Publishes under way from one acceptor to one worker.',
  },
  linkBytesMax: {
    default: 64 * MIB,
    min: 1 * MIB,
    max: 1_024 * MIB,
    text: 'Bytes of publishes under way from one acceptor to one worker.',
  },
  linkDeliverBytesMax: {
    default: 16 * MIB,
    min: 1 * MIB,
    max: 1_024 * MIB,
    text: 'Bytes of deliveries under way from one worker to one acceptor.',
  },
  backplaneQueueBytesMax: {
    default: 16 * MIB,
    min: 64 * KIB,
    max: 1_024 * MIB,
    text: 'Bytes on their way from one worker to Redis; more is not sent, and read from the log elsewhere.',
  },
  hotCacheBytesMax: {
    default: 64 * MIB,
    min: 0,
    max: 8_192 * MIB,
    text: 'Hot cache of one worker, all topics together.',
  },
  memoryLogTopicMessagesMax: {
    default: 100_000,
    min: 1,
    max: 100_000_000,
    text: 'Messages a topic keeps in the in-memory log.',
  },
  memoryLogTopicBytesMax: {
    default: 64 * MIB,
    min: 64 * KIB,
    max: 8_192 * MIB,
    text: 'Bytes a topic keeps in the in-memory log.',
  },
  memoryLogBytesMax: {
    default: 512 * MIB,
    min: 1 * MIB,
    max: 65_536 * MIB,
    text: 'Bytes of the in-memory log of one worker.',
  },
  memoryDeadLettersMax: {
    default: 100_000,
    min: 1,
    max: 100_000_000,
    text: 'Dead letters that one worker keeps without a database.',
  },
  memoryDeadLetterBytesMax: {
    default: 64 * MIB,
    min: 64 * KIB,
    max: 8_192 * MIB,
    text: 'Bytes of dead letters that one worker keeps without a database.',
  },
  memoryDeferredMax: {
    default: 100_000,
    min: 1,
    max: 100_000_000,
    text: 'Deferred messages that one worker keeps without a database.',
  },
  batchMessagesMax: {
    default: 4_000,
    min: 1,
    max: 100_000,
    text: 'Messages in one append transaction.',
  },
  batchBytesMax: {
    default: 8 * MIB,
    min: 64 * KIB,
    max: 256 * MIB,
    text: 'Bytes in one append transaction.',
  },
  batchLingerMs: {
    default: 0,
    min: 0,
    max: 1_000,
    text: 'Wait for more messages before an append, when none is under way.',
  },
  retentionHours: { default: 168, min: 1, max: 87_600, text: 'Longest time a message is kept.' },
  dedupeWindowMs: {
    default: 120_000,
    min: 1_000,
    max: 86_400_000,
    text: 'How long a dedupe key is remembered.',
  },
  delayMsMax: {
    default: 31_536_000_000,
    min: 1,
    max: 315_360_000_000,
    text: 'Longest delay of a deferred publish.',
  },
  snapshotWarnS: {
    default: 300,
    min: 1,
    max: 604_800,
    text: 'A snapshot that is held in the database for longer is named in health, figures and the log.',
  },
  startWaitMs: {
    default: 60_000,
    min: 0,
    max: 3_600_000,
    text: 'How long a start waits for PostgreSQL; after it the node exits with 75.',
  },
  shutdownTimeoutMs: {
    default: 15_000,
    min: 100,
    max: 600_000,
    text: 'Drain on SIGTERM; after it the node exits.',
  },
} as const satisfies Record<string, LimitSpec>;

/**
 * A WebSocket message of up to so many times wsMessageBytesMax is still received whole, since uWebSockets
 * cuts the connection without a word for a larger one: so most who send too much are told (1009).
 */
export const WS_MESSAGE_TIMES_MAX = 2;

export type LimitName = keyof typeof LIMITS;

/** The environment variable of a limit, as errors name it: payloadBytesMax -> PAYLOAD_BYTES_MAX. */
export function variableOf(limit: string): string {
  return limit.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** The limits in force, one number each. */
export type Limits = { readonly [K in LimitName]: number };

/** The defaults as `Limits`; tests and the contract suite start from these. */
export const DEFAULT_LIMITS: Limits = Object.freeze(
  Object.fromEntries(Object.entries(LIMITS).map(([name, spec]) => [name, spec.default])),
) as Limits;
