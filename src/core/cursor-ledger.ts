/**
 * The books of a cursor: which sequences are settled, and an entry for each delivery that is not an
 * ordinary first one, in the queues it stands in (by time, by sequence, by key). It knows nothing of
 * sessions and deadlines. Pure.
 */
import { AckFloor, type SequenceRange } from './ack-floor.js';
import { CursorChanges } from './cursor-changes.js';
import { deadlineOf, type Entry, letGo, type Member, newEntry } from './cursor-entry.js';
import { ADOPTED_AHEAD_MAX, type HeldDelivery } from './held-deliveries.js';
import { KeyQueues } from './key-queues.js';
import { MinHeap } from './min-heap.js';
import { rangesOf } from './sequence-ranges.js';

/** Outdated places in the timers beside as many as there are entries: a nack may be a day away. */
const OUTDATED_MAX = 1_024;

/** How messages of a subscription wait for one another: not; per key; all. */
export type Ordering = 'none' | 'key' | 'topic';

export interface LedgerStart {
  /** Last sequence that is not to be delivered. */
  ackFloor: number;
  settled?: readonly SequenceRange[];
  /** Absent: `ackFloor`. What is unsettled up to here is ready to be sent again. */
  delivered?: number;
}

export class CursorLedger {
  readonly ordering: Ordering;
  readonly changes = new CursorChanges();
  /** Waiting and held entries by the time at which to look at them; may hold outdated ones. */
  timers = new MinHeap<Entry>();
  #floor: AckFloor;
  #delivered: number;
  readonly #entries = new Map<number, Entry>();
  /** Nothing below is plain: what has an entry keeps it until it is settled. */
  #plainFrom = 0;
  /** Entries whose sequence is settled all the same: redriven dead letters. */
  #extra = 0;
  readonly #keys = new KeyQueues();
  /** First attempts that were taken back or left over; may hold outdated ones. */
  readonly #returning = new Set<Entry>();
  /** By sequence; may hold outdated ones. */
  #ready = new MinHeap<Entry>();

  constructor(ordering: Ordering, start: LedgerStart) {
    this.ordering = ordering;
    this.#floor = new AckFloor(start.ackFloor, start.settled);
    this.#delivered = Math.max(start.delivered ?? start.ackFloor, this.#floor.floor);
    this.eachUnsettled(this.#delivered, (sequence) => this.add(newEntry(sequence)));
  }

  get floor(): number {
    return this.#floor.floor;
  }

  get delivered(): number {
    return this.#delivered;
  }

  set delivered(sequence: number) {
    this.#delivered = sequence;
  }

  get settledRanges(): SequenceRange[] {
    return this.#floor.ranges();
  }

  get inFlight(): number {
    const { floor, settledAbove } = this.#floor;
    return this.#delivered - floor - settledAbove + this.#extra - this.#keys.parked;
  }

  /** Taken, and not sent since another of their key is under way. */
  get parked(): number {
    return this.#keys.parked;
  }

  fullAt(inFlightMax: number): number {
    const { floor, settledAbove } = this.#floor;
    return floor + settledAbove - this.#extra + inFlightMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  entry(sequence: number): Entry | undefined {
    return this.#entries.get(sequence);
  }

  /** A copy, in no order: entries may go while it is walked. */
  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  isSettled(sequence: number): boolean {
    return this.#floor.isSettled(sequence);
  }

  /** Unsettled, delivered and without an entry. */
  isPlain(sequence: number): boolean {
    if (sequence < 1 || sequence > this.#delivered) return false;
    return !this.#entries.has(sequence) && !this.#floor.isSettled(sequence);
  }

  /** All that are, ascending. */
  plain(): number[] {
    const plain: number[] = [];
    this.eachUnsettled(this.#delivered, (sequence) => {
      if (!this.#entries.has(sequence)) plain.push(sequence);
    });
    return plain;
  }

  /** The lowest plain sequence; past `delivered`: there is none. */
  firstPlain(): number {
    let sequence = this.#floor.nextUnsettled(Math.max(this.#plainFrom, this.#floor.floor + 1));
    while (this.#entries.has(sequence)) sequence = this.#floor.nextUnsettled(sequence + 1);
    this.#plainFrom = sequence;
    return sequence;
  }

  get oldestUnsettled(): number | null {
    const sequence = this.#floor.nextUnsettled(this.#floor.floor + 1);
    return sequence > this.#delivered ? null : sequence;
  }

  /** Ascending; what is settled meanwhile is left out. */
  eachUnsettled(upTo: number, visit: (sequence: number) => void): void {
    let sequence = this.#floor.nextUnsettled(this.#floor.floor + 1);
    while (sequence <= upTo) {
      visit(sequence);
      sequence = this.#floor.nextUnsettled(sequence + 1);
    }
  }

  /**
   * The place among everything sent at which `sequence` was last sent to `member`, also when that attempt
   * has failed: when it speaks of it, what was sent to it later may not have reached it. Infinity: it has
   * settled it before, or never had it, and so speaks of all it has.
   */
  orderFor(member: Member, sequence: number): number {
    const entry = this.#entries.get(sequence);
    if (entry !== undefined) return entry.orders[entry.holders.indexOf(member)] ?? Infinity;
    return this.isPlain(sequence) ? sequence : Infinity;
  }

  /** Of a plain sequence; false: it is none. */
  settlePlain(sequence: number): boolean {
    if (sequence > this.#delivered || this.#entries.has(sequence)) return false;
    if (!this.#floor.settle(sequence)) return false;
    this.changes.moved = true;
    return true;
  }

  /** Everything delivered that has no entry; false: there was none. */
  settleAllPlain(): boolean {
    if (this.#entries.size === 0) return this.settleUpTo(this.#delivered);
    let isAny = false;
    this.eachUnsettled(this.#delivered, (sequence) => {
      if (this.settlePlain(sequence)) isAny = true;
    });
    return isAny;
  }

  /** Everything up to `sequence` but redriven dead letters; false: all was settled. */
  settleUpTo(sequence: number): boolean {
    for (const entry of this.entries()) {
      if (entry.sequence > sequence) continue;
      if (!entry.redriven) this.finish(entry, 'settled');
      else if (!this.#floor.isSettled(entry.sequence)) this.#extra++;
    }
    if (!this.#floor.settleUpTo(sequence)) return false;
    this.changes.moved = true;
    return true;
  }

  /**
   * Everything up to `sequence` that nobody holds, delivered or not, but redriven dead letters; answers
   * what that was.
   */
  settleLost(sequence: number): SequenceRange[] {
    const lost: number[] = [];
    for (const entry of this.entries()) {
      if (entry.sequence > sequence) continue;
      if (entry.redriven) {
        if (this.#floor.settle(entry.sequence)) this.#extra++;
      } else if (entry.member === null) {
        lost.push(entry.sequence);
        this.finish(entry, 'settled');
      }
    }
    const ranges = rangesOf(lost);
    const from = this.#delivered + 1;
    if (sequence < from) return ranges;
    this.changes.moved = true;
    this.#delivered = sequence;
    this.#floor.settleTop(from, sequence);
    const last = ranges.at(-1);
    const isNext = last !== undefined && last[1] === from - 1;
    return isNext ? [...ranges.slice(0, -1), [last[0], sequence]] : [...ranges, [from, sequence]];
  }

  /** Nothing plain after `sequence` was delivered: what is settled or has an entry there stays. */
  lower(sequence: number): void {
    this.#plainFrom = Math.min(this.#plainFrom, sequence + 1);
    const top = this.#floor.ranges().at(-1)?.[1] ?? this.#floor.floor;
    const stays = this.entries().reduce((most, entry) => Math.max(most, entry.sequence), top);
    for (let one = this.#floor.nextUnsettled(sequence + 1); one < stays; ) {
      this.add(newEntry(one));
      one = this.#floor.nextUnsettled(one + 1);
    }
    this.#delivered = Math.min(this.#delivered, Math.max(sequence, stays));
  }

  /** All up to there was delivered: what is not settled of it is to be sent again. */
  raise(sequence: number): void {
    const from = this.#delivered + 1;
    if (sequence < from) return;
    this.#delivered = sequence;
    for (let one = from; one <= sequence; one++) this.add(newEntry(one));
  }

  /** What of it lies in reach was delivered, and all below it. */
  raiseOver(held: readonly HeldDelivery[]): void {
    const upTo = this.#delivered + ADOPTED_AHEAD_MAX;
    for (const { sequence } of held) if (sequence <= upTo) this.raise(sequence);
  }

  /** Nothing is in flight, the next sequence is the one after. */
  reset(sequence: number): void {
    for (const entry of this.entries()) this.#drop(entry);
    this.#plainFrom = 0;
    this.#keys.clear();
    this.#returning.clear();
    this.timers = new MinHeap();
    this.#ready = new MinHeap();
    this.#floor = new AckFloor(sequence);
    this.#delivered = sequence;
    this.changes.sought();
  }

  /**
   * Takes an entry in, waiting or ready; false: it is there, or still to be delivered, or its message is
   * settled for good, which only a dead letter that is redriven is not.
   */
  add(entry: Entry): boolean {
    if (entry.sequence > this.#delivered) return false;
    const known = this.#entries.get(entry.sequence);
    if (known !== undefined) {
      if (!isPristine(known)) {
        // Sought back to, and redriven as well: its dead letter goes when this delivery is settled.
        if (entry.redriven) this.#keepRow(Object.assign(known, { redriven: true, stored: true }));
        return false;
      }
      // What the constructor took for a plain unsettled one has a row.
      known.state = 'gone';
    } else if (this.#floor.isSettled(entry.sequence)) {
      if (!entry.redriven) return false;
      this.#extra++;
    }
    this.#entries.set(entry.sequence, entry);
    if (entry.redriven) this.#keepRow(entry);
    // Where messages wait for one another it takes its place before its time: see `enter`.
    if (entry.state === 'waiting' && this.ordering !== 'none') this.makeReady(entry);
    else if (entry.state === 'waiting') this.timers.push(entry.dueAtMs, entry);
    else if (entry.state === 'ready') this.makeReady(entry);
    else if (entry.state === 'held') this.timers.push(deadlineOf(entry), entry);
    return true;
  }

  /** Until its time has come, which may be now. */
  wait(entry: Entry, nowMs: number): void {
    if (entry.dueAtMs > nowMs) this.timers.push(entry.dueAtMs, entry);
    else this.makeReady(entry);
  }

  makeReady(entry: Entry): void {
    entry.state = 'ready';
    this.#ready.push(entry.sequence, entry);
    if (entry.attempts === 0) this.#returning.add(entry);
  }

  /** Whether a first attempt is to be made again, before any that follows it. */
  get hasReturning(): boolean {
    for (const entry of this.#returning) {
      if (entry.state === 'ready') return true;
      this.#returning.delete(entry);
    }
    return false;
  }

  /** Whether it may be sent as far as its key and its time go; else it is parked, or waits on. */
  enter(entry: Entry, key: string | null): boolean {
    if (this.ordering === 'none') return true;
    const isRestored = entry.key === undefined && entry.dueAtMs > 0;
    entry.key = this.ordering === 'topic' ? '' : key;
    if (!this.#keys.enter(entry)) entry.state = 'parked';
    else if (isRestored) this.#waitOn(entry);
    else return true;
    return false;
  }

  /** Up to `limit` ready entries in sequence order; they stay ready. */
  readyEntries(limit: number): Entry[] {
    const found: Entry[] = [];
    let last: Entry | undefined;
    while (found.length < limit) {
      const entry = this.#ready.pop();
      if (entry === undefined) break;
      if (entry.state !== 'ready' || entry === last) continue;
      found.push(entry);
      last = entry;
    }
    for (const entry of found) this.#ready.push(entry.sequence, entry);
    return found;
  }

  /** It becomes a dead letter. */
  bury(entry: Entry, reason: 'max_deliver' | 'rejected', nowMs: number): void {
    this.changes.buried(entry, reason, nowMs);
    this.finish(entry, 'buried');
  }

  /** Settled, or given up; the next of its key may go. */
  finish(entry: Entry, how: 'settled' | 'buried'): void {
    this.#drop(entry);
    this.changes.moved = true;
    this.changes.deliveries.delete(entry.sequence);
    if (how === 'settled' && entry.stored) this.changes.settled.push(entry.sequence);
    this.#floor.settle(entry.sequence);
    const next = this.#keys.leave(entry);
    if (next?.state !== 'parked') return;
    if (next.dueAtMs > 0) this.#waitOn(next);
    else this.makeReady(next);
  }

  /** Until its time, or the next wake if that has come. */
  #waitOn(entry: Entry): void {
    entry.state = 'waiting';
    this.timers.push(entry.dueAtMs, entry);
  }

  /** Its row is newer than a seek that is not saved yet, and takes all rows with it. */
  #keepRow(entry: Entry): void {
    if (this.changes.dropDeliveries) this.changes.deliveries.set(entry.sequence, entry);
  }

  #drop(entry: Entry): void {
    letGo(entry);
    entry.state = 'gone';
    this.#entries.delete(entry.sequence);
    if (this.timers.size > 2 * this.#entries.size + OUTDATED_MAX) {
      this.timers.retain(({ state }) => state === 'waiting' || state === 'held');
    }
    if (this.#floor.isSettled(entry.sequence)) this.#extra--;
  }
}

/** Made for an unsettled sequence, and nothing has happened to it. */
function isPristine({ attempts, redriven, holders, key }: Entry): boolean {
  return attempts === 0 && !redriven && holders.length === 0 && key === undefined;
}
