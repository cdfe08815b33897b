/**
 * Gives messages to sessions one by one: what comes again, and every message of a durable subscription
 * that several sessions share or that is ordered by key. Like the feeder it is a pump: it goes on until
 * something is missing (messages, room, an answer, rows of the log) and is called again when it comes.
 */
import type { Clock } from '../../core/clock.js';
import type { Entry } from '../../core/cursor-entry.js';
import { mayTake, roomOf } from '../../core/look-ahead.js';
import type { LogRow } from '../../core/message.js';
import { rowBytes } from '../../core/message.js';
import { encodeDeliveries, type MessageDelivery } from '../../wire/server-frame.js';
import { CHUNK_BYTES_MAX, CHUNK_ROWS_MAX } from '../state/chunk.js';
import type { Subscription, Tracker } from '../state/subscription.js';
import type { Feeder } from './feeder.js';
import { tellCaughtUp } from './notices.js';
import {
  isFed,
  nextRows,
  READY_MAX,
  TrackerRows,
  type TrackerRowsOptions,
} from './tracker-rows.js';

export interface GiverOptions extends Omit<TrackerRowsOptions, 'onRead'> {
  feeder: Feeder;
  clock: Clock;
  /** Something is held that has a deadline, or the cursor changed. */
  onGiven: (tracker: Tracker) => void;
}

/** What one session is given in one go. */
interface Batch {
  subscription: Subscription;
  deliveries: MessageDelivery[];
  entries: Entry[];
  bytes: number;
}

export class Giver {
  readonly #options: GiverOptions;
  readonly #rows: TrackerRows;
  readonly #later = new Set<Tracker>();

  constructor(options: GiverOptions) {
    this.#options = options;
    this.#rows = new TrackerRows({ ...options, onRead: (tracker) => this.give(tracker) });
  }

  /** At the end of the turn: many acks of a turn make room together. */
  later(tracker: Tracker): void {
    this.#later.add(tracker);
  }

  endTurn(): void {
    if (this.#later.size === 0) return;
    const trackers = [...this.#later];
    this.#later.clear();
    for (const tracker of trackers) this.give(tracker);
  }

  /** Gives what can be given now. */
  give(tracker: Tracker): void {
    if (tracker.reading) return;
    if (isFed(tracker) && this.#giveReady(tracker)) {
      if (tracker.cursor.sole === null) this.#giveNew(tracker);
      else if (tracker.sole !== null) this.#options.feeder.pump(tracker.sole);
    }
    if (tracker.askers.size > 0) tellDry(tracker);
  }

  /** From WANT: it takes so many more, or less. */
  wanted(subscription: Subscription, messages: number): void {
    const { tracker } = subscription;
    subscription.wanted += messages;
    if (tracker === null || messages <= 0) return;
    tracker.askers.add(subscription);
    this.later(tracker);
  }

  /** From GIVEN: the socket took the first `taken` of what is under way. */
  given(subscription: Subscription, taken: number): void {
    const { tracker, member } = subscription;
    const entries = subscription.giving ?? [];
    subscription.giving = null;
    subscription.wanted += Math.max(0, subscription.givingCount - taken);
    subscription.givingCount = 0;
    if (tracker === null || member === null) return;
    const { cursor } = tracker;
    if (subscription.ack === 'none' && tracker.state !== 'ended') {
      const nowMs = this.#options.clock.monotonic();
      for (const entry of entries.slice(0, taken)) {
        if (cursor.entry(entry.sequence) === entry) cursor.settle(member, entry.sequence, nowMs);
      }
      this.#options.onGiven(tracker);
    }
    for (const entry of entries.slice(taken)) {
      if (entry.member === member) cursor.takeBack(entry);
    }
    // Nothing newer may overtake a first attempt.
    if (tracker.cursor.hasReturning) subscription.group?.leave(subscription);
    this.give(tracker);
  }

  /** False: something that is ready could not be given yet, so nothing new may be. */
  #giveReady(tracker: Tracker): boolean {
    for (;;) {
      const entries = tracker.cursor.readyEntries(READY_MAX);
      if (entries.length === 0) {
        tracker.rows.clear();
        return true;
      }
      const batches = this.#batches(tracker);
      if (batches.length === 0) return false;
      const handled = this.#handleReady(tracker, entries, batches);
      this.#send(tracker, batches);
      if (handled > 0) continue;
      this.#rows.readReady(tracker);
      return false;
    }
  }

  /** How many of the entries it dealt with, from the first on. */
  #handleReady(tracker: Tracker, entries: readonly Entry[], batches: readonly Batch[]): number {
    const { cursor } = tracker;
    const nowMs = this.#options.clock.monotonic();
    let handled = 0;
    for (const entry of entries) {
      const row = tracker.rowOf(entry.sequence);
      if (row === undefined) break;
      // Whoever gives a dead letter back wants it delivered: its time to live does not count again.
      if (!entry.redriven && this.#isExpired(tracker, row)) {
        cursor.skip(entry.sequence);
      } else if (cursor.enter(entry, row.key)) {
        const batch = leastBusy(batches, row);
        if (batch === null) break;
        this.#add(tracker, batch, { entry, row }, nowMs);
      }
      tracker.rows.delete(entry.sequence);
      handled++;
    }
    return handled;
  }

  #giveNew(tracker: Tracker): void {
    const { cursor, topic } = tracker;
    while (cursor.delivered < topic.head) {
      const batches = this.#batches(tracker);
      if (batches.length === 0 || roomOf(cursor) <= 0) return;
      if (!mayTake(cursor, tracker.parkedMax)) return;
      const rows = nextRows(tracker);
      if (rows === null) {
        this.#rows.readNew(tracker);
        return;
      }
      const before = cursor.delivered;
      this.#handleNew(tracker, rows, batches);
      this.#send(tracker, batches);
      if (cursor.delivered === before) return;
    }
    this.#tellCaughtUp(tracker);
  }

  /** What waits behind another of its key was taken, and is not given yet. */
  #tellCaughtUp(tracker: Tracker): void {
    const waiting = [...tracker.subscriptions].filter((one) => Number.isFinite(one.caughtUpAt));
    if (waiting.length === 0) return;
    const parked = firstParked(tracker);
    for (const one of waiting) {
      if (parked > one.caughtUpAt) tellCaughtUp(one);
    }
  }

  #handleNew(tracker: Tracker, rows: readonly LogRow[], batches: readonly Batch[]): void {
    const { cursor } = tracker;
    const nowMs = this.#options.clock.monotonic();
    let room = roomOf(cursor);
    for (const row of rows) {
      const batch = leastBusy(batches, row);
      if (batch === null || room <= 0 || !mayTake(cursor, tracker.parkedMax)) return;
      const entry = cursor.take(row.sequence, row.key);
      if (this.#isExpired(tracker, row)) cursor.skip(row.sequence);
      else if (entry !== null) {
        room--;
        this.#add(tracker, batch, { entry, row }, nowMs);
      }
    }
  }

  #add(
    tracker: Tracker,
    batch: Batch,
    { entry, row }: { entry: Entry; row: LogRow },
    nowMs: number,
  ): void {
    const { subscription } = batch;
    const { member } = subscription;
    if (member === null) return;
    if (entry.attempts > 0) tracker.topic.counts.redelivered++;
    batch.deliveries.push({ row, attempt: entry.attempts + 1 });
    batch.entries.push(entry);
    batch.bytes += rowBytes(row);
    tracker.cursor.give(entry, member, nowMs);
  }

  /** An empty batch for each session that takes messages now. */
  #batches(tracker: Tracker): Batch[] {
    const batches: Batch[] = [];
    for (const subscription of tracker.subscriptions) {
      const { state, giving, outlet } = subscription;
      if (state === 'ended' || state === 'refused' || giving !== null) continue;
      if (subscription.wanted <= 0) continue;
      if (!outlet.hasCredit) this.#options.feeder.stall(outlet, tracker);
      else batches.push({ subscription, deliveries: [], entries: [], bytes: 0 });
    }
    return batches;
  }

  #send(tracker: Tracker, batches: readonly Batch[]): void {
    const { topic, name } = tracker;
    for (const { subscription, deliveries, entries } of batches) {
      if (deliveries.length === 0) continue;
      const { outlet, number, encoding } = subscription;
      const frames = encodeDeliveries(
        { encoding, topic: topic.name, subscription: name },
        deliveries,
      );
      const messages = deliveries.length;
      const term = tracker.durable?.term ?? 0;
      outlet.give({ subscription: number, topicNo: topic.no, messages, frames }, deliveries, term);
      topic.traces?.given(deliveries, name);
      subscription.giving = entries;
      subscription.givingCount = messages;
      subscription.wanted -= messages;
      if (Number.isFinite(subscription.wanted)) tracker.askers.add(subscription);
      subscription.remember(deliveries.map(({ row }) => row));
    }
    this.#options.onGiven(tracker);
  }

  #isExpired({ topic }: Tracker, row: LogRow): boolean {
    if (row.expiresAtMs === 0 || row.expiresAtMs > this.#options.clock.now()) return false;
    topic.counts.expired++;
    return true;
  }
}

/** The session with the fewest deliveries that has room for one more; null: none has. */
function leastBusy(batches: readonly Batch[], row: LogRow): Batch | null {
  let best: Batch | null = null;
  for (const batch of batches) {
    const { member, tracker } = batch.subscription;
    if (member === null || tracker === null) continue;
    // The only session's window was entered when the message was sent for the first time.
    if (tracker.cursor.sole === null && member.held >= member.inFlightMax) continue;
    if (batch.deliveries.length >= Math.min(CHUNK_ROWS_MAX, batch.subscription.wanted)) continue;
    if (batch.bytes > 0 && batch.bytes + rowBytes(row) > CHUNK_BYTES_MAX) continue;
    if (best === null || member.held < (best.subscription.member?.held ?? 0)) best = batch;
  }
  return best;
}

/** Whoever wants more than there is for it now is told so, once. */
function tellDry(tracker: Tracker): void {
  if (tracker.reading) return;
  for (const one of tracker.askers) {
    const { outlet, number, giving, wanted } = one;
    // Its GIVEN is still to come, or credit: then it is looked at again.
    if (giving !== null || (wanted > 0 && !outlet.hasCredit)) continue;
    tracker.askers.delete(one);
    if (wanted > 0) outlet.dry({ subscription: number, topicNo: tracker.topic.no });
  }
}

/** The lowest sequence that waits behind another of its key; Infinity: none does. */
function firstParked({ cursor }: Tracker): number {
  if (cursor.parked === 0) return Number.POSITIVE_INFINITY;
  const parked = cursor.entries().filter(({ state }) => state === 'parked');
  return parked.reduce((least, { sequence }) => Math.min(least, sequence), Infinity);
}
