/**
 * What is tracked of a subscription with acknowledgements: its cursor and the sessions that take part.
 * An ephemeral subscription has one session and lives as long as it; a durable one is shared by the
 * sessions that name it and is taken from the store.
 */
import type { SequenceRange } from '../../core/ack-floor.js';
import { Cursor } from '../../core/cursor.js';
import type { Member } from '../../core/cursor-entry.js';
import type { Ordering } from '../../core/cursor-ledger.js';
import type { LogRow } from '../../core/message.js';
import type { RedeliveryRule } from '../../core/redelivery.js';
import { SendTimes } from '../../core/send-times.js';
import type { Outlet } from './outlet.js';
import type { TopicOf, TopicSubscription } from './topic.js';

/** What the store knows a durable subscription by. */
export interface DurableIdentity {
  id: number;
  name: string;
  term: number;
  createdAtMs: number;
}

/** Whatever their terms: not two that have had one name. */
export function isSameDurable(one: DurableIdentity, other: DurableIdentity): boolean {
  return one.id === other.id && one.createdAtMs === other.createdAtMs;
}

/** What a tracker knows of a session that takes part. */
export interface Participant extends TopicSubscription {
  /** Its part in the cursor; null: it has none. */
  readonly member: Member | null;
  /** Last sequence handed towards the socket for the first time. */
  readonly delivered: number;
  /** What sends for it. */
  readonly group: { readonly sendTimes: SendTimes } | null;
  /** Goes on after `sequence` with nothing in flight. */
  seek(sequence: number): void;
  /** After more was sent: settles what its kind does not track. */
  settleUnacknowledged(nowMs: number): void;
}

export interface TrackerOptions<S extends Participant> {
  topic: TopicOf<S, TrackerOf<S>>;
  durable: DurableIdentity | null;
  rule: RedeliveryRule;
  ordering: Ordering;
  /** Of an order by key: how many may wait behind another of their key. */
  parkedMax: number;
  random: () => number;
  ackFloor: number;
  settled?: readonly SequenceRange[];
  delivered?: number;
  /** Whether its sessions may be given messages now; absent: always. */
  mayDispatch?: (topic: TopicOf<S, TrackerOf<S>>) => boolean;
}

/** S are the subscriptions that take part; see Tracker in subscription.ts. */
export class TrackerOf<S extends Participant> {
  readonly topic: TopicOf<S, TrackerOf<S>>;
  readonly cursor: Cursor;
  readonly durable: DurableIdentity | null;
  readonly parkedMax: number;
  readonly mayDispatch: (topic: TopicOf<S, TrackerOf<S>>) => boolean;
  readonly subscriptions = new Set<S>();
  /** Those that are to be told when there is nothing for them; see thread/ops/want.ts. */
  readonly askers = new Set<S>();
  /** Of an ephemeral one, also when it has ended: the store knows it by that. */
  sessionName = '';
  /** fed: its sessions are given messages; paused: they are not; ended: gone. */
  state: 'fed' | 'paused' | 'ended' = 'fed';
  /** One session has it to itself. */
  exclusive: S | null = null;
  /** Rows that were read for entries that wait to be given. */
  readonly rows = new Map<number, LogRow>();
  /** Rows that were read and not given yet, consecutive. */
  ahead: LogRow[] = [];
  /** A read of the log is under way for it. */
  reading = false;
  /** When its deadlines are looked at, monotonic ms. */
  wakeAtMs = Number.POSITIVE_INFINITY;
  /** Who works with it without being one of its sessions. */
  users = 0;
  /** Saves of it that are not answered. */
  saving = 0;
  /** Saves of it that were answered. */
  saves = 0;
  /** Verdicts whose answers wait for the save that contains them. */
  answers: { outlet: Outlet; request: number }[] = [];
  readonly #sendTimes = new SendTimes();

  constructor(options: TrackerOptions<S>) {
    this.topic = options.topic;
    this.durable = options.durable;
    this.parkedMax = options.parkedMax;
    this.mayDispatch = options.mayDispatch ?? (() => true);
    this.cursor = new Cursor({ ...options, sentAtMs: (sequence) => this.#sentAtMs(sequence) });
  }

  get name(): string | null {
    return this.durable?.name ?? null;
  }

  /** Nobody of this node has it open, but sessions that are attached from others. */
  get hasGuestsOnly(): boolean {
    for (const { outlet } of this.subscriptions) if (outlet.kind === 'local') return false;
    return this.subscriptions.size > 0;
  }

  /** The session that gets every message without entries; null: they are given one by one. */
  get sole(): S | null {
    const { sole } = this.cursor;
    if (sole === null) return null;
    for (const subscription of this.subscriptions) {
      if (subscription.member === sole) return subscription;
    }
    return null;
  }

  subscriptionOf(member: Member): S | undefined {
    for (const one of this.subscriptions) if (one.member === member) return one;
    return undefined;
  }

  /** A message that is at hand; undefined: the log must be read for it. */
  rowOf(sequence: number): LogRow | undefined {
    const chunk = this.topic.cache.find(sequence);
    return chunk?.rows[sequence - chunk.first] ?? this.rows.get(sequence);
  }

  /** Goes on after `sequence` with nothing in flight. */
  seek(sequence: number): void {
    this.cursor.seek(sequence);
    this.#sendTimes.rewind(sequence);
    this.ahead = [];
    this.rows.clear();
    for (const subscription of this.subscriptions) subscription.seek(sequence);
  }

  /** First attempts up to here went out to the only session. */
  sent(sequence: number, nowMs: number): void {
    if (sequence > this.#sendTimes.last) this.#sendTimes.sent(sequence, nowMs);
    this.cursor.sentUpTo(sequence);
  }

  /** Takes over what the group sent to the only session since. */
  sync(nowMs: number): void {
    const { sole } = this;
    if (sole === null) return;
    this.cursor.sentUpTo(sole.delivered);
    sole.settleUnacknowledged(nowMs);
  }

  /** When the lowest delivery that is not settled was sent, monotonic ms; null: there is none. */
  oldestSentAtMs(): number | null {
    const sequence = this.cursor.oldestUnsettled;
    if (sequence === null) return null;
    const entry = this.cursor.entry(sequence);
    if (entry === undefined) return this.#sentAtMs(sequence);
    if (!Number.isNaN(entry.firstFailedAtMs)) return entry.firstFailedAtMs;
    // Ready or parked: not sent here yet.
    return entry.holders.length === 0 ? null : entry.sentAtMs;
  }

  #sentAtMs(sequence: number): number {
    if (sequence <= this.#sendTimes.last) return this.#sendTimes.at(sequence);
    const group = this.sole?.group;
    return group == null ? Number.NEGATIVE_INFINITY : group.sendTimes.at(sequence);
  }
}
