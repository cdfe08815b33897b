/**
 * The contract of the message log: topics, committed messages, what waits to be appended. One topic
 * worker thread owns one instance. Variants: memory-log.ts, postgres-log.ts; test/contract runs one
 * suite against both. Payloads go in and come out byte for byte.
 */
import type { DeferredRecord } from '../../core/deferred-record.js';
import { type ErrorCode, RequestError } from '../../core/errors.js';
import type { DatabaseState, LogState, LogTotals, LogVitals } from '../../core/log-figures.js';
import type { LogRow, Publication } from '../../core/message.js';
import type { Tenant, TopicKey, Within } from '../../core/topic-key.js';
import type { Retention, TopicMoved, TopicRecord } from '../../core/topic-record.js';
import type { AppendFigures } from './append-figures.js';
import type { HeadMoves } from './head-moves.js';
import type { SubscriptionStore } from './subscription-store.js';

/** A message on its way into the log. The caller's own object comes back through the sink. */
export interface PendingAppend {
  readonly topicId: number;
  /** Of its topic when it came: another log does not take it. Null: any does. */
  readonly epoch: string | null;
  /** UUIDv7, 16 bytes, made by the caller; the log never changes it, so a retry finds its row. */
  readonly messageId: Uint8Array;
  readonly publication: Publication;
  /** Whose topic it is, for what the operator is told. */
  readonly owner: Tenant;
}

/** One topic's part of a committed batch: sequences firstSequence, firstSequence + 1, ... */
export interface TopicCommit<A extends PendingAppend> {
  topicId: number;
  firstSequence: number;
  publishedAtMs: number;
  /** In sequence order, never empty. */
  appends: A[];
}

/** What moved from the outbox into the log, one topic's part. */
export interface TopicRelease {
  topicId: number;
  /** Of the topic in the log that it moved into: a log that was restored gives ids again. */
  epoch: string;
  /** Committed, in order. */
  rows: LogRow[];
}

/** The first result of a dedupe key. */
export interface FirstResult {
  /** 0: it is deferred, and not in the log yet. */
  sequence: number;
  /** 16 bytes; zeros: not in the log yet. */
  messageId: Uint8Array;
  publishedAtMs: number;
  /** What its publisher was answered, when it was deferred. */
  deferred: { id: number; deliverAtMs: number } | null;
}

/**
 * Where outcomes go. Given at construction; called from the log's own turns, never from inside
 * `append`. Every append gets exactly one of committed, duplicate and failed.
 */
export interface LogSink<A extends PendingAppend> {
  /** COMMIT returned. Commits of one topic come in sequence order. */
  committed(commit: TopicCommit<A>): void;
  duplicate(append: A, first: FirstResult): void;
  /** Not stored (for `outcome_unknown`: not known whether stored). */
  failed(append: A, code: ErrorCode, detail: string): void;
  /** By this worker. */
  released(release: TopicRelease): void;
  /**
   * Somebody else may have appended to, or deleted, one of these topics (null: to any). Check the heads.
   * `place`, here and below: of the database; absent: there is one.
   */
  headsMoved(topicIds: readonly number[] | null, place?: number): void;
  stateChanged(state: LogState, detail: string, place?: number): void;
  /** Another incarnation of the database answers: drop heads and caches. */
  epochChanged(place?: number): void;
}

export interface KnownHead {
  readonly id: number;
  readonly head: number;
}

export interface ReadRange {
  topicId: number;
  fromSequence: number;
  /** Inclusive; Infinity: to the head. */
  toSequence: number;
  /** At most this many rows. */
  rowsMax: number;
  /** Stops after the row that passes it; at least one row is given when there is one. */
  bytesMax: number;
  order: 'asc' | 'desc';
}

export interface LogPage {
  /** Contiguous in the asked order, save where retention has passed. */
  rows: LogRow[];
  /** As TopicRecord has them, read no earlier than the rows. */
  firstSequence: number;
  lastSequence: number;
}

export interface DeferRequest {
  /** Whose the topic is. */
  tenant: Tenant;
  topicId: number;
  publication: Publication;
  /** One of the two is 0. */
  delayMs: number;
  deliverAtMs: number;
}

/** One of the two: it waits now, or its dedupe key had a first result. */
export type DeferOutcome =
  | { record: DeferredRecord; first: null }
  | { record: null; first: FirstResult };

/** Those of the keys that there are; of one whose database could not be asked, why. */
export type FoundTopics = Map<TopicKey, TopicRecord | RequestError>;

export function topicLimit(max: number): RequestError {
  return new RequestError('topic_limit', `the tenant has ${max} topics (TOPICS_PER_TENANT_MAX)`);
}

export function topicQuota(max: number): RequestError {
  const detail = `the tenant's quota is ${max} topics: delete some, or have topics raised`;
  return new RequestError('quota_exceeded', detail);
}

/** Methods that return a promise reject with RequestError (`log_unavailable`, ...) or with a bug. */
export interface MessageLog<A extends PendingAppend> {
  readonly mode: 'memory' | 'postgres';
  /** Of several databases: whether any takes appends; of one that does not, how it is. */
  readonly state: LogState;
  /** Each by itself, by its place in DATABASE_URL. One where there are no several. */
  readonly databases: readonly DatabaseState[];
  /**
   * Place of the database that has the topic, 0 for one that is not known. What is asked of topics of several
   * places at once fails where one of them does.
   */
  placeOf(topicId: number): number;
  /** Null: nothing has to move by itself. */
  readonly vitals: LogVitals | null;
  /** Null: it appends at once, without transactions. */
  readonly appends: AppendFigures | null;
  /** What outlives sessions, beside the messages. */
  readonly subscriptions: SubscriptionStore;
  /** Connects, asserts durability settings, starts retention and release timers. */
  open(): Promise<void>;
  /** Answers what is under way (failed when it must), stops timers, disconnects. */
  close(): Promise<void>;

  /** Opaque epoch of a topic, 1 to 32 of [0-9a-z]: its id and the incarnation of the database. */
  epochOf(topicId: number): string;

  /**
   * For each position the last sequence that means the same message there and here: Infinity when the epoch
   * is this one, null when nothing is known of it. The epochs are of their topics, of any incarnation.
   * Rejects OtherLog where another than this one answers.
   */
  commonUpTo(positions: readonly { topicId: number; epoch: string }[]): Promise<(number | null)[]>;

  findTopic(key: TopicKey): Promise<TopicRecord | null>;
  /** Of any tenants. */
  findTopics(keys: readonly TopicKey[]): Promise<FoundTopics>;
  /** The topic as it is now; `created` false when it was there. Rejects `topic_limit`, `quota_exceeded`. */
  createTopic(
    key: TopicKey,
    retention: Retention | null,
  ): Promise<{ topic: TopicRecord; created: boolean }>;
  /** In name order (bytes), names > `after`, starting with `prefix`, at most `limit`. */
  listTopics(
    tenant: Tenant,
    page: { after: string; prefix: string; limit: number },
  ): Promise<TopicRecord[]>;
  patchTopic(key: TopicKey, retention: Retention): Promise<TopicRecord | null>;
  /** The record as it was; null when there was none. Its messages are gone for readers at once. */
  deleteTopic(key: TopicKey): Promise<TopicRecord | null>;
  /**
   * Of several databases: begins the move of a topic to the one at that place, or joins it, and waits a
   * moment for its end. Rejects `invalid_field` for a place that there is none at, `topic_not_found`,
   * `topic_moving`, `topic_busy`.
   */
  moveTopic(key: TopicKey, to: number): Promise<TopicMoved>;
  /** Heads of living topics; a topic that is not in the answer was deleted. */
  heads(topicIds: readonly number[]): Promise<Map<number, TopicRecord>>;
  /**
   * Asked again with its answer: while it answers that one, which is settled, the heads are where a look
   * found them that began after it was answered first, and nothing need be asked of them.
   */
  headMoves(since: HeadMoves | null): Promise<HeadMoves>;
  /** Ids of those that are gone, or have a higher head than is known; it may name others, too. */
  movedHeads(known: readonly KnownHead[]): Promise<readonly number[]>;
  /** The same, and of the incarnation that `epochOf` names; rejects OtherLog where another one answers. */
  headsHere(topicIds: readonly number[]): Promise<Map<number, TopicRecord>>;

  /**
   * Takes one message for the next batch; `flush` after the last of a turn. The caller bounds what
   * is under way (the link's credit), the log takes everything it is given.
   */
  append(append: A): void;
  /** Starts the batch when none is under way; cheap when there is nothing to do. */
  flush(): void;

  read(range: ReadRange): Promise<LogPage>;
  /** First sequence published at or after the time; lastSequence + 1 when none was. */
  sequenceAt(topicId: number, timeMs: number): Promise<number>;

  /**
   * Its dedupe key is taken from now on, until it is cancelled, or a window after its release. Rejects
   * `dedupe_mismatch`, and `topic_busy` while a transaction that is not over has the key.
   */
  defer(request: DeferRequest): Promise<DeferOutcome>;
  /** In id order, ids > `after`, at most `limit`. */
  listDeferred(within: Within, page: { after: number; limit: number }): Promise<DeferredRecord[]>;
  /** 'released' only while the log remembers that it was (at least a minute). */
  cancelDeferred(tenant: Tenant, id: number): Promise<'cancelled' | 'released' | 'unknown'>;

  totals(tenant: Tenant): Promise<LogTotals>;
}
