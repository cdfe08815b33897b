/**
 * The contract of what outlives sessions: cursors of durable subscriptions, their exceptional
 * deliveries, dead letters, the history of failures. One topic worker owns one instance beside its
 * message log. Variants: memory-subscriptions.ts, postgres-subscriptions.ts; test/contract runs one
 * suite against both. A delivery that goes well never makes a row.
 */

import type { SequenceRange } from '../../core/ack-floor.js';
import type { DeadLetterGroup } from '../../core/dead-letter-group.js';
import type {
  DeadLetterFilter,
  DeadLetterReason,
  DeadLetterRecord,
} from '../../core/dead-letter-record.js';
import { RequestError } from '../../core/errors.js';
import type { LogRow } from '../../core/message.js';
import type {
  DeliveryRecord,
  SubscriptionRecord,
  SubscriptionSettings,
} from '../../core/subscription-record.js';
import type { Tenant, TopicKey, Within } from '../../core/topic-key.js';
import type { TopicArrears } from '../../core/topic-record.js';
import type { FailureRecord, TraceRecord } from '../../core/trace-record.js';

/** What a durable subscription is made with when it is not there. */
export interface InitialSubscription {
  settings: SubscriptionSettings;
  cursor: number;
}

/** A message given up: stored with a copy of what the log has. */
export interface DeadLetterDraft {
  sequence: number;
  reason: DeadLetterReason;
  attempts: number;
  firstFailedAtMs: number;
  lastFailedAtMs: number;
  lastError: string | null;
  /** The message, where the caller has it at hand: the log in memory may have forgotten it. */
  row?: LogRow;
}

/** A message that was given up and is nowhere any more: there is no dead letter of it. */
export interface MissingMessage {
  /** Of its durable subscription. */
  id: number;
  sequence: number;
}

/**
 * A durable subscription as its holder knows it. All of it is compared: a log that was restored gives ids and
 * terms again, to subscriptions of other topics and other tenants.
 */
export interface HeldTerm {
  id: number;
  /** Of the `take` that it is held under. */
  term: number;
  topicId: number;
  createdAtMs: number;
}

/** A node in one of its lives. */
export interface Coordinator {
  /** NODE_ID. */
  node: string;
  /** Null: it has no link to others. It coordinates until somebody else asks. */
  bootId: string | null;
}

/** Another living node coordinates the subscription: it was not taken. */
export class OwnedElsewhere extends RequestError {
  readonly bootId: string;

  constructor(bootId: string) {
    super('busy', 'another node coordinates this subscription', 'subscription');
    this.bootId = bootId;
  }
}

/** What changed in one subscription since its last save: stored whole or not at all. */
export interface SubscriptionSave extends HeldTerm {
  /** Of its topic as the holder knows it; absent: whatever it is. */
  epoch?: string;
  ackFloor: number;
  settled: SequenceRange[];
  delivered: number;
  settings: SubscriptionSettings;
  paused: boolean;
  /** Rows to insert or replace, by sequence. */
  deliveries: DeliveryRecord[];
  /** Sequences whose rows go, and whose redriven dead letters with them. */
  settledDeliveries: number[];
  /** Every delivery row goes first (a seek); dead letters stay. */
  dropDeliveries: boolean;
  deadLetters: DeadLetterDraft[];
  failures: FailureRecord[];
}

/** Dead letters and failures of an ephemeral subscription. */
export interface EphemeralSave {
  topicId: number;
  /** As a SubscriptionSave has it. */
  epoch?: string;
  /** Opaque text, unique for ever. */
  session: string;
  deadLetters: DeadLetterDraft[];
  failures: FailureRecord[];
  /** Sequences of redriven dead letters that were settled. */
  settledDeliveries: number[];
  /** Sequences of redriven dead letters that the session did not settle: dead letters again. */
  returned?: readonly number[];
}

/** A message, and the topic that it is of. */
export interface FoundMessage {
  key: TopicKey;
  topicId: number;
  row: LogRow;
}

/** Names > `after`, at most `limit`. */
export interface TracePage {
  after: string;
  limit: number;
}

export const FIRST_TRACE_PAGE: TracePage = { after: '', limit: 1_000 };

export function noSubscription(): RequestError {
  const detail = 'there is no durable subscription of this name';
  return new RequestError('subscription_not_found', detail, 'subscription');
}

export function durableLimit(max: number): RequestError {
  const detail = `the topic has ${max} durable subscriptions (DURABLES_PER_TOPIC_MAX)`;
  return new RequestError('subscription_limit', detail, 'subscription');
}

/** A save, or a part of it, is of another incarnation of the log: nothing of it was stored. */
export class OtherLog extends RequestError {
  constructor() {
    super('log_unavailable', 'the log was restored or has failed over');
  }
}

/** A place in the order in which dead letters of a durable subscription were given back. */
export interface RedrivenDelivery {
  /** Of the subscription. */
  id: number;
  /** When it was given back, by the database's clock, Unix us. */
  atUs: number;
  sequence: number;
}

/** Deliveries in one answer of `redriven`, of one subscription. */
export const REDRIVEN_PAGE = 1_000;

export interface LostTerm {
  id: number;
  /** moved: another node coordinates it now, or could; taken_over: by a node that has no link to others. */
  why: 'taken_over' | 'moved' | 'deleted';
}

/** Methods reject with RequestError (`log_unavailable`, ...) or with a bug. */
export interface SubscriptionStore {
  /**
   * The durable subscription of that name, made with `initial` when it is not there, under a new term:
   * saves of earlier terms are refused from now on. Its delivery rows come in sequence order. `initial` null:
   * it is not made, which rejects `subscription_not_found`. Rejects `topic_not_found`, `subscription_limit`
   * where the topic has durablesPerTopicMax others, and OwnedElsewhere where this node has a link to the one
   * that coordinates it, whose lease is not over.
   */
  take(
    topicId: number,
    name: string,
    initial: InitialSubscription | null,
  ): Promise<{ record: SubscriptionRecord; deliveries: DeliveryRecord[] }>;
  /** Nobody coordinates it any more, if it is still held under that term; all of it is saved. */
  release(held: HeldTerm): Promise<void>;
  /** As it was last saved; null when there is none. */
  find(topicId: number, name: string): Promise<SubscriptionRecord | null>;
  /** By (topic name, name) in byte order after `after`, at most `limit`; of living topics. */
  list(
    within: Within,
    page: { after: { topic: string; name: string } | null; limit: number },
  ): Promise<SubscriptionRecord[]>;
  /** What waits in these topics, as it was last saved; of those that live and are the tenant's. */
  arrears(tenant: Tenant, topicIds: readonly number[]): Promise<TopicArrears[]>;
  /** Those of them that are not held under that term any more. */
  lost(held: readonly HeldTerm[]): Promise<LostTerm[]>;
  /** With its rows and dead letters; false when there was none. */
  delete(topicId: number, name: string): Promise<boolean>;

  /**
   * One transaction for all. Answers the ids that were refused: taken by another, or deleted. What is
   * `missing` is stored as a redriven delivery: whoever takes the subscription is told the gap. Rejects
   * OtherLog.
   */
  save(
    saves: readonly SubscriptionSave[],
    onMissing?: (missing: MissingMessage) => void,
  ): Promise<number[]>;
  /** `onMissing`: sequences that are nowhere any more. Rejects OtherLog. */
  saveEphemeral(save: EphemeralSave, onMissing?: (sequence: number) => void): Promise<void>;

  /** In id order after `after`, at most `limit`, at least one and then until `bytesMax` of payload. */
  listDeadLetters(
    filter: DeadLetterFilter,
    page: { after: number; limit: number; bytesMax: number },
  ): Promise<DeadLetterRecord[]>;
  countDeadLetters(filter: DeadLetterFilter): Promise<number>;
  /** The largest first; of the oldest GROUPED_MAX. */
  groupDeadLetters(filter: DeadLetterFilter): Promise<DeadLetterGroup[]>;
  /** Removes at most `limit` of them; how many went. */
  purgeDeadLetters(filter: DeadLetterFilter, limit: number): Promise<number>;
  /**
   * Marks them redriven and makes their delivery rows (no attempts, due at once) in one transaction;
   * answers those of the ids that could be: the tenant's, not redriven already, subscription there. Those
   * of an ephemeral subscription get no row, only the mark.
   */
  redrive(tenant: Tenant, ids: readonly number[]): Promise<DeadLetterRecord[]>;
  /**
   * Those that were given back after these places, one of each subscription, and are not settled; of each at
   * most REDRIVEN_PAGE, in their order. A place need not be that of a delivery. `database`: place of the one
   * that has all of their topics; absent: there is one.
   */
  redriven(after: readonly RedrivenDelivery[], database?: number): Promise<RedrivenDelivery[]>;
  /** The copies of redriven messages, for those that the log no longer has. Ascending. */
  redrivenRows(
    of: { topicId: number } & ({ subscriptionId: number } | { session: string }),
    sequences: readonly number[],
  ): Promise<LogRow[]>;

  /** A living topic's message by its id; null when the log has none. */
  findMessage(tenant: Tenant, messageId: Uint8Array): Promise<FoundMessage | null>;
  /**
   * A page of the topic's durable subscriptions by name, each with its delivery row and dead letter of
   * the sequence; with the first page what sessions without a name gave up, the first 1,000 of it.
   */
  traceOf(topicId: number, sequence: number, page?: TracePage): Promise<TraceRecord>;
}
