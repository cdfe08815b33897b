/**
 * What an acceptor asks of a topic worker (CALL) and of the browsing pool: one row a method, which the
 * compiler holds both ends to. Whoever asks names a row, and its arguments and answer are of that row's
 * types; whoever answers has a handler for each row of its kind, and for nothing else.
 * Arguments were checked where they entered the process. Whose they are stands in `key`, `within` or
 * `tenant`, which the principal made that asks (core/principal.ts). Times are Unix ms.
 */
import type { DeadLetterGroup } from '../core/dead-letter-group.js';
import type { DeadLetterFilter } from '../core/dead-letter-record.js';
import type { DeferredRecord } from '../core/deferred-record.js';
import type { DeliveryToken } from '../core/handed-out.js';
import type { LogTotals } from '../core/log-figures.js';
import type { NodeRecord } from '../core/node-record.js';
import type { RedriveJob, RedriveMatch } from '../core/redrive-job.js';
import type { SubscriptionFill } from '../core/session-record.js';
import type { SubscriptionStanding, SubscriptionSummary } from '../core/subscription-record.js';
import type { Tenant, TopicKey, Within } from '../core/topic-key.js';
import type {
  OwnedTopic,
  Retention,
  TopicArrears,
  TopicMoved,
  TopicPosition,
  TopicRecord,
} from '../core/topic-record.js';
import type { DeliveryStanding } from '../core/trace-record.js';
import type { WorkerHealth, WorkerStats } from '../core/worker-figures.js';
import type { SubscribeOptions } from './ops/subscribe-options.js';

/**
 * `worker`: at once. `log`: a worker too, which asks the pool of the log for it, a few at a time. `browsing`:
 * the browsing pool; in memory a worker, at once.
 */
type Answerer = 'worker' | 'log' | 'browsing';

interface Row<By extends Answerer, Args, Result> {
  readonly by: By;
  /** Known to the compiler alone. */
  readonly types?: { args: Args; result: Result };
}

const worker = <Args, Result>(): Row<'worker', Args, Result> => ({ by: 'worker' });
const log = <Args, Result>(): Row<'log', Args, Result> => ({ by: 'log' });
const browsing = <Args, Result>(): Row<'browsing', Args, Result> => ({ by: 'browsing' });

type Nothing = Record<string, never>;

interface OfTopic {
  key: TopicKey;
}

interface OfSubscription extends OfTopic {
  subscription: string;
}

interface OfTenant {
  tenant: Tenant;
}

interface OfJob extends OfTenant {
  job: string;
}

/** Ids > `after`, at most `limit`. */
interface IdPage {
  after: number;
  limit: number;
}

/** Names > `after`, at most `limit`. */
interface NamePage {
  after: string;
  limit: number;
}

/** As it is now; null: there is none of this name. */
interface OneSubscription {
  subscription: SubscriptionSummary | null;
}

/** Texts of dead letters, one behind the other in `body`: their ids, and where in it each ends. */
export interface LetterTexts {
  ids: number[];
  ends: number[];
  /** There are more of them. */
  more: boolean;
  body: Uint8Array;
}

/** JSON text that is to be sent as it is: bytes that nobody on the way looks into. */
export interface CallText {
  body: Uint8Array;
}

export const CALLS = {
  'topic.create': log<
    OfTopic & { retention: Retention | null },
    OwnedTopic & { created: boolean }
  >(),
  'topic.patch': log<OfTopic & { retention: Retention }, { topic: OwnedTopic | null }>(),
  'topic.delete': log<OfTopic, { deleted: boolean }>(),
  /** `to`: a place. It waits a moment; the move goes on. */
  'topic.move': worker<OfTopic & { to: number }, TopicMoved>(),
  'topic.subscribers': worker<OfTopic, { subscribers: number }>(),
  /** The same of each; 0 of one that this worker does not own. */
  'topics.counts': worker<{ keys: TopicKey[] }, { counts: number[] }>(),
  'topic.get': browsing<OfTopic, { record: TopicRecord | null }>(),
  'topic.position': browsing<OfTopic, { position: TopicPosition | null }>(),
  /**
   * `from` null: from the end that `order` begins with. `filter` null: all of them; it was read with success.
   * Rejects `topic_not_found`.
   */
  'topic.messages': browsing<
    OfTopic & {
      from: { sequence: number } | { timeMs: number } | null;
      limit: number;
      order: 'asc' | 'desc';
      filter: string | null;
    },
    CallText
  >(),
  'topics.list': browsing<OfTenant & NamePage & { prefix: string }, { records: TopicRecord[] }>(),
  /** Of those of them that are the tenant's, in any order. */
  'topics.arrears': browsing<OfTenant & { topicIds: number[] }, { arrears: TopicArrears[] }>(),

  'deferred.cancel': log<
    OfTenant & { id: number },
    { outcome: 'cancelled' | 'released' | 'unknown' }
  >(),
  'deferred.list': browsing<{ within: Within } & IdPage, { records: DeferredRecord[] }>(),

  /** Stores what was not stored yet of the subscriptions that are open where this topic is. */
  'subscription.flush': worker<OfTopic, Nothing>(),
  'subscription.flush-all': worker<Nothing, Nothing>(),
  /**
   * null: it is not open here, and the store knows all of it. `at`: which node is asked where it is not open
   * here; for the worker of its topic alone.
   */
  'subscription.live': worker<
    { of: { topicId: number; name: string; at?: { bootId: string; key: TopicKey } }[] },
    { standings: (SubscriptionStanding | null)[] }
  >(),
  /** null stays as it is. These five reject `topic_not_found`. */
  'subscription.patch': log<
    OfSubscription & { ackWaitMs: number | null; maxDeliver: number | null },
    OneSubscription
  >(),
  'subscription.delete': log<OfSubscription, { deleted: boolean }>(),
  'subscription.seek': log<
    OfSubscription & { start: SubscribeOptions['start'] },
    OneSubscription
  >(),
  /**
   * By whoever was handed them, over whichever session; answered once what changed is stored. `unknown`:
   * places in `of` of those that are settled, or were not handed out so.
   */
  'subscription.settle': worker<
    OfSubscription & {
      verdict: 'ack' | 'nack' | 'extend' | 'reject';
      of: DeliveryToken[];
      /** Of a nack: its delay; of an extend: how long. Null: by the back-off, or as long as before. */
      ms: number | null;
      reason: string | null;
    },
    { unknown: number[] }
  >(),
  /** How many messages a session holds of it: one of an acceptor here, or of the name that traces have. */
  'subscription.held': worker<
    OfSubscription & { by: { acceptor: number; number: number } | { session: string } },
    { held: number }
  >(),
  'subscription.pause': log<OfSubscription, OneSubscription>(),
  'subscription.resume': log<OfSubscription, OneSubscription>(),
  /** As it is stored. Rejects `topic_not_found`. */
  'subscription.get': browsing<OfSubscription, OneSubscription>(),
  'subscription.list': browsing<
    { within: Within; after: { topic: string; name: string } | null; limit: number },
    { subscriptions: SubscriptionSummary[] }
  >(),

  /** What a job would find here; starts nothing. Rejects `busy`. */
  'dead-letters.match': log<DeadLetterFilter & { limit: number }, RedriveMatch>(),
  /** Starts this worker's part, at most `limit` of them, `rate` in a second. Rejects `busy`. */
  'dead-letters.redrive': log<
    DeadLetterFilter & { job: string; limit: number; rate: number },
    RedriveMatch
  >(),
  /** `lines`: each text is a line. */
  'dead-letters.list': browsing<DeadLetterFilter & IdPage & { lines: boolean }, LetterTexts>(),
  'dead-letters.groups': browsing<DeadLetterFilter, { groups: DeadLetterGroup[] }>(),
  /** `more`: there may be more; to be asked again. */
  'dead-letters.purge': browsing<DeadLetterFilter, { purged: number; more: boolean }>(),
  'job.get': worker<OfJob, { part: RedriveJob | null }>(),
  'job.cancel': worker<OfJob, { part: RedriveJob | null }>(),
  /** It is cancelled, or does not start. */
  'job.give-up': worker<OfJob, Nothing>(),

  'message.find': browsing<
    OfTenant & { id: string },
    { found: { key: TopicKey; topicId: number; sequence: number } | null }
  >(),
  /** How the message stands in those subscriptions of a page that are open here, by name. */
  'message.live': worker<
    OfTopic & NamePage & { sequence: number },
    { open: Record<string, DeliveryStanding> }
  >(),
  'message.trace': browsing<
    OfTopic &
      NamePage & { topicId: number; sequence: number; open: Record<string, DeliveryStanding> },
    CallText
  >(),

  /** How subscriptions of an acceptor's sessions stand, by their numbers; null of one that is not here. */
  'sessions.fills': worker<
    { acceptor: number; of: { key: TopicKey; number: number }[] },
    { fills: (SubscriptionFill | null)[] }
  >(),

  stats: worker<OfTenant, WorkerStats>(),
  health: worker<Nothing, WorkerHealth>(),
  'log.totals': browsing<OfTenant, LogTotals>(),
  /** Those of the database; in memory a node knows of none. */
  'nodes.list': browsing<Nothing, { records: NodeRecord[] }>(),
  /** `found`: a node of that id lives, and will end in order. */
  'nodes.drain': browsing<{ id: string }, { found: boolean }>(),
};

export type CallName = keyof typeof CALLS;

type CallTypes = { [M in CallName]: NonNullable<(typeof CALLS)[M]['types']> };
export type CallArgs<M extends CallName> = CallTypes[M]['args'];
export type CallResult<M extends CallName> = CallTypes[M]['result'];

type AnsweredBy<By extends Answerer> = {
  [M in CallName]: (typeof CALLS)[M]['by'] extends By ? M : never;
}[CallName];
export type WorkerCall = AnsweredBy<'worker' | 'log'>;
export type BrowseCall = AnsweredBy<'browsing'>;

/** Those that are for the owner of one topic, whose key is among the arguments. */
export type OwnersCall<M extends CallName> = {
  [K in M]: CallArgs<K> extends OfTopic ? K : never;
}[M];

/** Each rejects with RequestError, or with a bug. */
export type CallHandlers<M extends CallName> = {
  readonly [K in M]: (args: CallTypes[K]['args']) => Promise<CallTypes[K]['result']>;
};

export interface CallAsk<M extends CallName> {
  method: M;
  args: CallArgs<M>;
}

export function isBrowseCall(method: CallName): method is BrowseCall {
  return CALLS[method].by === 'browsing';
}

/** Throws for what is no row: the two ends are of one version, so it is a bug. */
export function callNamed(method: string): CallName {
  if (Object.hasOwn(CALLS, method)) return method as CallName;
  throw new Error(`no such call: ${method}`);
}

export function answerCall<M extends CallName>(
  handlers: CallHandlers<M>,
  { method, args }: CallAsk<M>,
): Promise<CallResult<M>> {
  return handlers[method](args);
}
