/**
 * One session's interest in one topic: its cursor, its window, and how it is fed. The state is named:
 *   group     in the group of its (acceptor, encoding); its cursor is the group's
 *   paging    fed pages from the hot cache or the log, one under way at most
 *   refused   its socket took no more (LEFT); waits for DRAINED
 *   ended     gone; what still comes for it is ignored
 */
import { AckFloor } from '../core/ack-floor.js';
import type { LogRow } from '../core/message.js';
import type { WorkerLinkEnd } from '../thread/link.js';
import type { Encoding } from '../thread/ops.js';
import { DeliveryIds } from './delivery-ids.js';
import type { Group } from './group.js';
import type { Topic } from './topic.js';

/** Deliveries a session that never acked has tracked, so that its first ack finds them. */
const TRACKED_MAX = 256;
/** Ids remembered of pages: above the largest window, so that none in flight is forgotten. */
const PAGE_IDS_MAX = 1_280;

export type SubscriptionState = 'group' | 'paging' | 'refused' | 'ended';

/** Where a page under way stands: none, asked of the log, or sent and not answered by DRAINED. */
export type PageState = 'none' | 'reading' | 'sent';

export interface SubscriptionOptions {
  link: WorkerLinkEnd;
  session: number;
  topic: Topic;
  encoding: Encoding;
  ack: 'explicit' | 'none';
  /** null: no window until the first ack, then `inFlightMaxDefault`. */
  maxInFlight: number | null;
  inFlightMaxDefault: number;
  /** Last sequence that is not to be delivered. */
  cursor: number;
}

export class Subscription {
  readonly link: WorkerLinkEnd;
  readonly session: number;
  readonly topic: Topic;
  readonly encoding: Encoding;
  readonly ack: 'explicit' | 'none';
  state: SubscriptionState = 'paging';
  page: PageState = 'none';
  /** See ops.ts, DELIVER. */
  round = 0;
  /** The group it is in; null in every other state. */
  group: Group | null = null;
  /** CAUGHT_UP is sent when the cursor reaches this; Infinity: never, or already. */
  caughtUpAt = Number.POSITIVE_INFINITY;
  readonly #inFlightMax: number;
  readonly #start: number;
  #cursor: number;
  #floor: AckFloor | null = null;
  /** Up to here deliveries fell out of tracking before the first ack came. */
  #untrackedUpTo = 0;
  readonly #ids: DeliveryIds | null;

  constructor(options: SubscriptionOptions) {
    this.link = options.link;
    this.session = options.session;
    this.topic = options.topic;
    this.encoding = options.encoding;
    this.ack = options.ack;
    this.#cursor = options.cursor;
    this.#start = options.cursor;
    this.#inFlightMax = options.maxInFlight ?? options.inFlightMaxDefault;
    this.#ids = options.ack === 'explicit' ? new DeliveryIds(PAGE_IDS_MAX) : null;
    if (options.ack === 'explicit' && options.maxInFlight !== null) {
      this.#floor = new AckFloor(options.cursor);
    }
  }

  /** Last sequence handed towards the socket. */
  get cursor(): number {
    return this.group === null ? this.#cursor : this.group.cursor;
  }

  set cursor(sequence: number) {
    this.#cursor = sequence;
  }

  /** Last sequence the window admits now; Infinity without a window. */
  get fullAt(): number {
    if (this.#floor === null) return Number.POSITIVE_INFINITY;
    return this.#floor.floor + this.#floor.settledAbove + this.#inFlightMax;
  }

  /** How many more deliveries the window admits; Infinity without a window. */
  get room(): number {
    return this.fullAt - this.cursor;
  }

  /** Delivered and not settled, as far as it is tracked. */
  get inFlight(): number {
    if (this.#floor === null) return Math.min(this.cursor - this.#start, TRACKED_MAX);
    return this.cursor - this.#floor.floor - this.#floor.settledAbove;
  }

  /** Remembers the ids of a page: the topic remembers only what is newest. */
  sentPage(rows: readonly LogRow[]): void {
    if (this.#ids === null) return;
    for (const row of rows) this.#ids.add(row.messageId, row.sequence);
  }

  /** The sequence of a delivered message; 0 when no such delivery is known. */
  sequenceOf(messageId: Uint8Array): number {
    const sequence = this.#ids?.find(messageId) ?? 0;
    return sequence !== 0 ? sequence : this.topic.ids.find(messageId);
  }

  /** Settles one delivery; false: it is not one, or was settled before. */
  settle(sequence: number): boolean {
    if (!this.#isDelivered(sequence)) return false;
    const floor = this.#window();
    if (sequence <= this.#untrackedUpTo) return true;
    return floor.settle(sequence);
  }

  /** Settles every delivery up to `sequence`; false as above. */
  settleUpTo(sequence: number): boolean {
    if (!this.#isDelivered(sequence)) return false;
    const floor = this.#window();
    if (sequence <= this.#untrackedUpTo) return true;
    return floor.settleUpTo(sequence);
  }

  /** The log no longer has what was in flight or next: everything up to `sequence` is passed over. */
  passOver(sequence: number): void {
    this.#cursor = sequence;
    this.#floor?.settleUpTo(sequence);
  }

  /** The log's head fell back to `sequence` (a failover): goes on from there with nothing in flight. */
  fallBack(sequence: number): void {
    this.#cursor = sequence;
    if (this.#floor !== null) this.#floor = new AckFloor(sequence);
  }

  #isDelivered(sequence: number): boolean {
    return this.ack === 'explicit' && sequence > this.#start && sequence <= this.cursor;
  }

  /** The window, opened by the first ack: the newest 256 deliveries are in it. */
  #window(): AckFloor {
    if (this.#floor === null) {
      this.#untrackedUpTo = Math.max(this.#start, this.cursor - TRACKED_MAX);
      this.#floor = new AckFloor(this.#untrackedUpTo);
      this.group?.windowOpened(this);
    }
    return this.#floor;
  }
}
