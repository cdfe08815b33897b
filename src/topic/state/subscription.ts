/**
 * One session's interest in one topic: how far it was sent, its window, and how it is fed. The state is
 * named:
 *   group     in the group of its (acceptor, encoding); what it was sent is the group's
 *   paging    fed pages from the hot cache or the log, one under way at most
 *   refused   its socket took no more (LEFT); waits for DRAINED
 *   shared    given messages one by one, as one of several sessions of a durable subscription
 *   ended     gone; what still comes for it is ignored
 */
import { type Entry, Member } from '../../core/cursor-entry.js';
import type { HeldDeliveries } from '../../core/held-deliveries.js';
import type { LogRow } from '../../core/message.js';
import type { SubscriptionFill } from '../../core/session-record.js';
import type { LeftOp } from '../../thread/ops/deliver.js';
import type { Encoding } from '../../thread/ops/encoding.js';
import type { SubscribeOp } from '../../thread/ops/subscribe.js';
import { DeliveryIds } from './delivery-ids.js';
import type { Group } from './group.js';
import type { Outlet } from './outlet.js';
import type { TopicOf } from './topic.js';
import type { Participant, TrackerOf } from './tracker.js';

/** Deliveries a session without a window has tracked: they are redelivered, and its first ack finds them. */
export const TRACKED_MAX = 256;
/** Ids remembered of pages: above the largest window, so that none in flight is forgotten. */
const PAGE_IDS_MAX = 1_280;

/** Moves that one acceptor may be behind by. */
const MOVES_MAX = 4;
const NEVER: readonly Move[] = [];

/** Not by what was sent: the log fell back, or an operator moved it. */
interface Move {
  to: number;
  why: 'fell back' | 'sought';
}

/** A topic, and what is tracked of it, as all but their own files know them. */
export type Topic = TopicOf<Subscription, Tracker>;
export type Tracker = TrackerOf<Subscription>;

export type SubscriptionState = 'group' | 'paging' | 'refused' | 'shared' | 'ended';

/** Where a page under way stands: none, asked of the log, or sent and not answered by DRAINED. */
export type PageState = 'none' | 'reading' | 'sent';

/** Consecutive rows of the log, read or being read. */
export interface RowsAhead {
  readonly from: number;
  /** null: the read is under way. */
  readonly rows: readonly LogRow[] | null;
  /** See delivery/gap.ts; from - 1: nothing is missing. */
  readonly missingUpTo: number;
}

/** Consecutive rows on their way to one session. */
export interface Page {
  rows: readonly LogRow[];
  /** Sequence of the last one. */
  last: number;
  /** Some of them have a time to live. */
  expires: boolean;
}

export interface SubscriptionOptions {
  outlet: Outlet;
  session: number;
  /** The acceptor's number of it. */
  number: number;
  topic: Topic;
  encoding: Encoding;
  ack: 'explicit' | 'none';
  /** null: no window until the first ack, then `inFlightMaxDefault`. */
  maxInFlight: number | null;
  inFlightMaxDefault: number;
  /** null: ephemeral, without acknowledgements. */
  tracker: Tracker | null;
  /** What the names of this worker's sessions begin with. */
  origin: string;
  /** alone: it is in no group. */
  company?: 'any' | 'alone';
  /** See SubscribeOptions. */
  wanted?: number | 'all' | undefined;
  /** Of a durable one: how it was asked for. */
  asked?: SubscribeOp;
  /** Last sequence that is not to be delivered. */
  delivered: number;
}

/** Who may judge deliveries: one for each such subscription, made once. */
export interface Judge {
  readonly subscription: Subscription;
  readonly tracker: Tracker;
  readonly member: Member;
}

export class Subscription implements Participant {
  readonly outlet: Outlet;
  readonly session: number;
  readonly number: number;
  readonly topic: Topic;
  readonly encoding: Encoding;
  readonly ack: 'explicit' | 'none';
  readonly tracker: Tracker | null;
  /** Its part in the tracker's cursor. */
  readonly member: Member | null;
  state: SubscriptionState = 'paging';
  page: PageState = 'none';
  /** See thread/ops/deliver.ts. */
  round = 0;
  /** The group it is in; null in every other state. */
  group: Group<Subscription> | null = null;
  /** What was read of the log beyond what it was sent. */
  ahead: RowsAhead | null = null;
  /** It has waited for more acks before the next page. */
  hasTrickled = false;
  /** CAUGHT_UP is sent when `delivered` reaches this; Infinity: never, or already. */
  caughtUpAt = Number.POSITIVE_INFINITY;
  /** What the GIVE under way holds, as far as it still counts; null: none is. */
  giving: Entry[] | null = null;
  /** How many messages that GIVE has, whatever of it still counts. */
  givingCount = 0;
  /** How many messages more it takes; Infinity: as many as its window. */
  wanted: number;
  /** Since when a PROBE is under way, monotonic ms; null: none is. */
  probedAtMs: number | null = null;
  /** The only one of its session to this topic: the others' frames say which they are of. */
  isAlone: boolean;
  readonly #origin: string;
  readonly asked: SubscribeOp | null;
  readonly #inFlightMax: number;
  #isWindowed: boolean;
  #delivered: number;
  /** Up to here deliveries fell out of tracking before the first ack came. */
  #untrackedUpTo = 0;
  /** The latest, the newest last; see `reached`. */
  #moves: readonly Move[] = NEVER;
  /** Made when there is something to remember. */
  #ids: DeliveryIds | null = null;
  /** What it was given by whoever coordinated before it came here. */
  #heldBefore: HeldDeliveries | null = null;
  /** Null: it judges nothing. */
  readonly #judge: Judge | null;

  constructor(options: SubscriptionOptions) {
    const { tracker, ack } = options;
    this.outlet = options.outlet;
    this.session = options.session;
    this.#origin = options.origin;
    this.asked = options.asked ?? null;
    this.number = options.number;
    this.topic = options.topic;
    this.encoding = options.encoding;
    this.ack = ack;
    this.tracker = tracker;
    this.#delivered = options.delivered;
    this.isAlone = options.company !== 'alone';
    this.wanted = typeof options.wanted === 'number' ? options.wanted : Number.POSITIVE_INFINITY;
    this.#inFlightMax = options.maxInFlight ?? options.inFlightMaxDefault;
    this.#isWindowed = tracker !== null && ack === 'explicit' && options.maxInFlight !== null;
    this.member =
      tracker === null
        ? null
        : new Member({
            name: this.sessionName,
            inFlightMax: ack === 'none' ? Number.POSITIVE_INFINITY : this.#inFlightMax,
            ackWaitMs: tracker.cursor.rule.ackWaitMs,
            feed: options.wanted === undefined ? 'flowing' : 'asked for',
          });
    const { member } = this;
    const judges = ack === 'explicit' && tracker !== null && member !== null;
    this.#judge = judges ? { subscription: this, tracker, member } : null;
  }

  /** Opaque, for the trace of failures; unique for ever. Made on demand: an idle session needs none. */
  get sessionName(): string {
    const attached = this.asked?.options.attached;
    return attached?.name ?? `${this.#origin}/${this.outlet.number}/${this.session}`;
  }

  /** Last sequence handed towards the socket for the first time. */
  get delivered(): number {
    if (this.group !== null) return this.group.cursor;
    if (this.state === 'shared' && this.tracker !== null) return this.tracker.cursor.delivered;
    return this.#delivered;
  }

  set delivered(sequence: number) {
    this.#delivered = sequence;
  }

  /** It has acknowledged, or said that it will. */
  get isWindowed(): boolean {
    return this.#isWindowed;
  }

  /** Last sequence the window admits now; Infinity without a window. */
  get fullAt(): number {
    if (!this.#isWindowed || this.tracker === null) return Number.POSITIVE_INFINITY;
    return this.tracker.cursor.fullAt(this.#inFlightMax);
  }

  /** How many more deliveries the window admits; Infinity without a window. */
  get room(): number {
    return this.fullAt - this.delivered;
  }

  /** Delivered and not settled, as far as it is tracked. */
  get inFlight(): number {
    if (this.tracker === null) return 0;
    const { cursor, sole } = this.tracker;
    if (sole !== this) return this.member?.held ?? 0;
    return cursor.inFlight + this.delivered - cursor.delivered;
  }

  /** For whoever looks at sessions. What it was sent and need not acknowledge is settled. */
  fill(nowMs: number): SubscriptionFill {
    const { tracker, topic } = this;
    tracker?.sync(nowMs);
    const settled = tracker?.cursor.floor ?? this.delivered;
    return {
      inFlight: this.inFlight,
      maxInFlight: this.#isWindowed ? this.#inFlightMax : null,
      lag: Math.max(0, topic.head - settled),
    };
  }

  /** Whether the feeder must leave it alone: it is not fed, or fed otherwise, or not yet. */
  get isHeldBack(): boolean {
    const { tracker } = this;
    if (tracker === null) return false;
    if (tracker.state !== 'fed' || !tracker.mayDispatch(this.topic)) return true;
    return tracker.sole !== this || tracker.cursor.hasReturning;
  }

  /** A page went out; the topic remembers only the newest ids. */
  sentPage({ rows, last, expires }: Page, nowMs: number): void {
    this.#delivered = last;
    this.remember(rows);
    if (this.tracker === null) return;
    this.tracker.sent(last, nowMs);
    this.settleUnacknowledged(nowMs);
    if (!expires) return;
    const wallMs = this.topic.clock.now();
    for (const row of rows) {
      if (row.expiresAtMs !== 0 && row.expiresAtMs <= wallMs)
        this.tracker.cursor.skip(row.sequence);
    }
  }

  /** Ids of messages that were sent to it alone. */
  remember(rows: readonly LogRow[]): void {
    if (this.ack !== 'explicit') return;
    this.#ids ??= new DeliveryIds(PAGE_IDS_MAX);
    this.#ids.add(rows);
  }

  /** From now on it is sent what its group is. */
  enter(group: Group<Subscription>): void {
    this.state = 'group';
    this.group = group;
    group.join(this);
  }

  /** Left its group: what the group sent it counts as sent now at the latest. */
  leftGroup(cursor: number): void {
    this.#delivered = cursor;
    this.tracker?.sent(cursor, this.topic.clock.monotonic());
    this.group = null;
    this.state = 'paging';
  }

  /** What still comes for it is ignored. */
  end(): void {
    this.group?.leave(this);
    this.state = 'ended';
  }

  /** How far a LEFT says that it came, in the log that answers now and of what was sent since a seek. */
  reached({ round, lastSequence }: Pick<LeftOp, 'round' | 'lastSequence'>): number {
    const unheardOf = (this.round + 1 - round) & 0xffff;
    if (unheardOf === 0) return lastSequence;
    return this.#moves
      .slice(-unheardOf)
      .reduce((at, { to, why }) => (why === 'sought' ? to : Math.min(at, to)), lastSequence);
  }

  /** Its socket has nothing after `sequence`, whatever was handed towards it. */
  wasSentUpTo(sequence: number): void {
    this.#delivered = sequence;
    if (this.tracker === null || this.member === null) return;
    const { cursor, sole } = this.tracker;
    cursor.unsend(this.member, sequence);
    if (sole !== this) return;
    // What was settled as sent, without an acknowledgement, is to be sent after all.
    if (cursor.floor > sequence) cursor.seek(sequence);
    this.#delivered = cursor.delivered;
  }

  /**
   * Without acknowledgements what was sent is settled, of what is given one by one what the socket is
   * known to have taken (see Giver); without a window the oldest fall out, unless
   * they are given one by one: that is never more than a window, and what is parked was not sent.
   */
  settleUnacknowledged(nowMs: number): void {
    const { tracker, member } = this;
    if (tracker === null || member === null) return;
    if (this.ack === 'none') tracker.cursor.settlePlain(nowMs);
    else if (!this.#isWindowed && tracker.sole === this) {
      this.topic.counts.untracked += tracker.cursor.trackNewest(TRACKED_MAX);
    }
  }

  /** The sequence of a delivered message; 0 when no such delivery is known. */
  sequenceOf(messageId: Uint8Array): number {
    const sequence = this.#ids?.find(messageId) ?? 0;
    if (sequence !== 0) return sequence;
    return this.topic.ids.find(messageId) || (this.#heldBefore?.sequenceOf(messageId) ?? 0);
  }

  /** The id of what it was given by whoever coordinated before; null: it is not known. */
  idBefore(sequence: number): Uint8Array | null {
    return this.#heldBefore?.idOf(sequence) ?? null;
  }

  /** Ids of pages, to be remembered while another node coordinates; null: none. */
  get ids(): DeliveryIds | null {
    return this.#ids;
  }

  /** Another node coordinated it until now. */
  cameHome(held: HeldDeliveries, ids: DeliveryIds | null): void {
    this.#heldBefore = held;
    this.#ids = ids;
  }

  /**
   * Before a verdict: the cursor knows all that was sent, and a window is open from now on. Null: the
   * session cannot judge deliveries.
   */
  judging(nowMs: number): Judge | null {
    const judge = this.#judge;
    if (judge === null) return null;
    if (this.group !== null) judge.tracker.cursor.sentUpTo(this.group.cursor);
    if (!this.#isWindowed) this.#openWindow(judge.tracker, nowMs);
    return judge;
  }

  /** Whether a delivery fell out of tracking before the window was opened: its ack changes nothing. */
  fellOut(sequence: number): boolean {
    return sequence > 0 && sequence <= this.#untrackedUpTo;
  }

  /** The log no longer has what was next: goes on after `sequence`. */
  passOver(sequence: number): void {
    this.#delivered = Math.max(this.#delivered, sequence);
  }

  /** Goes on after `sequence` with nothing in flight; it is in no group. Its acceptor is told. */
  seek(sequence: number): void {
    this.#heldBefore = null;
    this.#delivered = sequence;
    this.forgetRead();
    // Its GIVEN is still to come, and says nothing of what is given from now on.
    if (this.giving !== null) this.giving = [];
    this.#ids?.clear();
    this.#moved({ to: sequence, why: 'sought' });
    this.outlet.sought({ subscription: this.number, topicNo: this.topic.no, sequence });
  }

  /** What was read for it, or is being read, is not sent any more. */
  forgetRead(): void {
    this.ahead = null;
    if (this.page === 'reading') this.page = 'none';
  }

  nextRound(): void {
    this.round = (this.round + 1) & 0xffff;
  }

  /** The log is another one after `upTo`: nothing of the one before is waited for, or counts. */
  logChanged(upTo: number): void {
    this.forgetRead();
    this.#moved({ to: Math.min(this.delivered, upTo), why: 'fell back' });
    if (this.caughtUpAt === Number.POSITIVE_INFINITY) return;
    this.caughtUpAt = Math.min(this.caughtUpAt, this.topic.head);
  }

  #moved(move: Move): void {
    this.nextRound();
    this.#moves = [...this.#moves, move].slice(-MOVES_MAX);
  }

  #openWindow(tracker: Tracker, nowMs: number): void {
    this.settleUnacknowledged(nowMs);
    this.#isWindowed = true;
    this.#untrackedUpTo = tracker.cursor.floor;
    this.group?.windowOpened(this);
  }
}
