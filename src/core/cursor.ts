/**
 * Where a subscription stands: what was sent, what is settled, what failed and when it comes again. Time
 * (monotonic ms) and chance come in; what must be sent and stored is asked for. First attempts at the
 * only member are not entries but the unsettled part of (floor, delivered]; entries are made when
 * several members share the messages, after a failure, and for what others left unsettled. Pure.
 */
import type { SequenceRange } from './ack-floor.js';
import type { CursorChanges, DeliveryFailure, Verdict } from './cursor-changes.js';
import {
  deadlineOf,
  type Entry,
  heldEntry,
  hold,
  letGo,
  type Member,
  newEntry,
} from './cursor-entry.js';
import { CursorLedger, type LedgerStart, type Ordering } from './cursor-ledger.js';
import { takeLate, wakeDue } from './held-deadlines.js';
import type { HeldDelivery } from './held-deliveries.js';
import { Jitter, type RedeliveryRule, redeliveryMs } from './redelivery.js';
import { SendOrder } from './send-order.js';

const LATE = { outcome: 'ack_wait', reason: null, delayMs: 0 } as const;

export interface CursorOptions extends LedgerStart {
  rule: RedeliveryRule;
  ordering: Ordering;
  random: () => number;
  /** When a first attempt at the only member was sent, monotonic ms. */
  sentAtMs: (sequence: number) => number;
}

export class Cursor {
  rule: RedeliveryRule;
  readonly #jitter: Jitter;
  readonly #sentAtMs: (sequence: number) => number;
  readonly #ledger: CursorLedger;
  readonly #members = new Set<Member>();
  /** The only member, when it holds what has no entry. */
  #sole: Member | null = null;
  #order = new SendOrder();

  constructor(options: CursorOptions) {
    this.rule = options.rule;
    this.#jitter = new Jitter(options.random);
    this.#sentAtMs = options.sentAtMs;
    this.#ledger = new CursorLedger(options.ordering, options);
  }

  get ordering(): Ordering {
    return this.#ledger.ordering;
  }

  get changes(): CursorChanges {
    return this.#ledger.changes;
  }

  /** All up to here are settled. */
  get floor(): number {
    return this.#ledger.floor;
  }

  /** Settled above the floor. */
  get settledRanges(): SequenceRange[] {
    return this.#ledger.settledRanges;
  }

  /** Last sequence that was sent, or parked here, for the first time. */
  get delivered(): number {
    return this.#ledger.delivered;
  }

  /** Delivered and not settled; those that wait for their time, and redriven ones, included. */
  get inFlight(): number {
    return this.#ledger.inFlight;
  }

  /** Taken from the log and not sent, since another of their key is in flight. */
  get parked(): number {
    return this.#ledger.parked;
  }

  /** The sequence up to which a window of this size admits first attempts at the only member. */
  fullAt(inFlightMax: number): number {
    return this.#ledger.fullAt(inFlightMax);
  }

  /** The lowest delivery that is not settled; null: all are. */
  get oldestUnsettled(): number | null {
    return this.#ledger.oldestUnsettled;
  }

  get members(): ReadonlySet<Member> {
    return this.#members;
  }

  /** The member that all first attempts go to without entries; null: they are given one by one. */
  get sole(): Member | null {
    return this.#sole;
  }

  isSettled(sequence: number): boolean {
    return this.#ledger.isSettled(sequence);
  }

  /** Whether a first attempt is to be made again, before any that follows it. */
  get hasReturning(): boolean {
    return this.#ledger.hasReturning;
  }

  entry(sequence: number): Entry | undefined {
    return this.#ledger.entry(sequence);
  }

  entries(): Entry[] {
    return this.#ledger.entries();
  }

  /** Up to `limit` entries to be sent, in sequence order; each stays ready until it is given. */
  readyEntries(limit: number): Entry[] {
    return this.#ledger.readyEntries(limit);
  }

  /** Takes in a stored entry, or a redriven one; false: it is known, settled, or yet to be delivered. */
  restore(entry: Entry): boolean {
    if (this.#sole !== null) this.#heldBy(this.#sole, entry.sequence);
    return this.#ledger.add(entry);
  }

  /** What it was sent and has not settled. */
  heldOf(member: Member): HeldDelivery[] {
    const held = this.entries()
      .filter((entry) => entry.member === member)
      .map(({ sequence, attempts }) => ({ sequence, attempt: attempts + 1 }));
    const plain = this.#sole === member ? this.#ledger.plain() : [];
    return [...held, ...plain.map((sequence) => ({ sequence, attempt: 1 }))];
  }

  /**
   * What a member was sent by whoever had this cursor before is its again, where nobody has it and nothing
   * was said of it since. Where messages wait for one another it is sent again in its turn.
   */
  adopt(member: Member, held: readonly HeldDelivery[], nowMs: number): void {
    if (this.ordering !== 'none') return;
    this.#ledger.raiseOver(held);
    for (const { sequence, attempt } of held) {
      const entry = this.#ledger.entry(sequence);
      if (entry?.member !== null || entry.attempts !== attempt - 1) continue;
      this.give(entry, member, nowMs);
    }
  }

  attach(member: Member): void {
    this.#makeEntries();
    this.#members.add(member);
    this.#chooseSole();
  }

  /** After an abrupt end what it held has failed; else that goes to others at once and does not count. */
  detach(member: Member, end: 'clean' | 'abrupt', nowMs: number): void {
    if (this.#sole === member) this.#makeEntries();
    this.#members.delete(member);
    member.overdue = [];
    for (const entry of this.entries()) {
      if (entry.member !== member) continue;
      if (end === 'clean') this.takeBack(entry);
      else this.#fail(entry, { outcome: 'disconnect', reason: null, delayMs: null }, nowMs);
    }
    this.#chooseSole();
  }

  /** The only member was sent first attempts up to here. */
  sentUpTo(sequence: number): void {
    this.#ledger.delivered = Math.max(this.#ledger.delivered, sequence);
  }

  /** Of what was said to be sent to this member, nothing after `sequence` was. */
  unsend(member: Member, sequence: number): void {
    for (const entry of this.entries()) {
      if (entry.sequence > sequence && entry.member === member) this.takeBack(entry);
    }
    if (this.#sole === member) this.#ledger.lower(sequence);
  }

  /** The next first attempt, for one of several members; null: its key is taken, it waits here. */
  take(sequence: number, key: string | null): Entry | null {
    const entry: Entry = { ...newEntry(sequence), state: 'parked' };
    this.#ledger.delivered = sequence;
    this.#ledger.add(entry);
    return this.enter(entry, key) ? entry : null;
  }

  /** Whether an entry may be sent as far as its key goes; else it waits here. */
  enter(entry: Entry, key: string | null): boolean {
    return this.#ledger.enter(entry, key);
  }

  /** Sends it: attempt `attempts + 1`. */
  give(entry: Entry, member: Member, nowMs: number): void {
    hold(entry, member, this.#order.of(entry, this.delivered));
    entry.sentAtMs = nowMs;
    entry.extendedUntilMs = Number.NEGATIVE_INFINITY;
    entry.dueAtMs = redeliveryMs(entry.attempts + 1, this.rule, this.#jitter.at(nowMs));
    this.#ledger.timers.push(deadlineOf(entry), entry);
  }

  /** It was not sent after all, or not for the one it was sent to. */
  takeBack(entry: Entry): void {
    if (entry.state !== 'held') return;
    letGo(entry);
    this.#ledger.makeReady(entry);
  }

  /** False: no such delivery to this member, or it is settled. */
  settle(member: Member, sequence: number, nowMs: number): boolean {
    const entry = this.#ledger.entry(sequence);
    if (entry !== undefined) {
      if (!entry.holders.includes(member)) return false;
      member.progress.settled(entry.order, nowMs);
      this.#ledger.finish(entry, 'settled');
      return true;
    }
    if (this.#sole !== member || !this.#ledger.settlePlain(sequence)) return false;
    member.progress.settled(sequence, nowMs);
    return true;
  }

  /** Settles what this member was sent up to `sequence`, and before it; false: nothing. */
  settleUpTo(member: Member, sequence: number, nowMs: number): boolean {
    if (sequence > this.delivered) return false;
    if (this.#ledger.size === 0 && this.#sole === member) {
      if (!this.#ledger.settleUpTo(sequence)) return false;
      member.progress.settled(sequence, nowMs);
      return true;
    }
    let isAny = false;
    const sentBy = this.#ledger.orderFor(member, sequence);
    for (const entry of this.#ledger.entries()) {
      if (entry.sequence > sequence || entry.order > sentBy) continue;
      if (this.settle(member, entry.sequence, nowMs)) isAny = true;
    }
    this.#ledger.eachUnsettled(sequence, (one) => {
      if (this.#ledger.isPlain(one) && this.settle(member, one, nowMs)) isAny = true;
    });
    return isAny;
  }

  /** All that the only member was sent without an entry. */
  settlePlain(nowMs: number): void {
    if (this.#ledger.settleAllPlain()) this.#sole?.progress.settled(this.delivered, nowMs);
  }

  /** False as for `settle`; only who holds it may say so. */
  nack(member: Member, { sequence, ms, reason }: Verdict, nowMs: number): boolean {
    const entry = this.#heldBy(member, sequence);
    if (entry === null) return false;
    member.progress.settled(entry.order, nowMs);
    this.#fail(entry, { outcome: 'nack', reason, delayMs: ms }, nowMs);
    return true;
  }

  /** More time for this attempt: `ms` from now on; null: as much as it was given. */
  extend(member: Member, { sequence, ms }: Omit<Verdict, 'reason'>, nowMs: number): boolean {
    const entry = this.#heldBy(member, sequence);
    if (entry === null) return false;
    entry.extendedUntilMs = Math.max(entry.extendedUntilMs, nowMs + (ms ?? entry.dueAtMs));
    return true;
  }

  /** Dead letter now. */
  reject(member: Member, { sequence, reason }: Omit<Verdict, 'ms'>, nowMs: number): boolean {
    const entry = this.#heldBy(member, sequence);
    if (entry === null) return false;
    member.progress.settled(entry.order, nowMs);
    this.changes.failed(entry, { outcome: 'rejected', reason, delayMs: null }, nowMs);
    this.#ledger.bury(entry, 'rejected', nowMs);
    return true;
  }

  /** It need not be delivered any more: expired, or gone from the log. */
  skip(sequence: number): void {
    const entry = this.#ledger.entry(sequence);
    if (entry === undefined) this.#ledger.settlePlain(sequence);
    else this.#ledger.finish(entry, 'settled');
  }

  /** The log has lost all up to here. Answers what nobody will get; what is held stays, and redriven. */
  passOver(sequence: number): SequenceRange[] {
    return this.#ledger.settleLost(sequence);
  }

  /** Goes on after `sequence` with nothing in flight. */
  seek(sequence: number): void {
    for (const member of this.#members) member.overdue = [];
    this.#order = new SendOrder();
    this.#ledger.reset(sequence);
  }

  /** Only the newest `count` stay tracked, and what is redriven; how many fell out. */
  trackNewest(count: number): number {
    const upTo = this.delivered - count;
    if (upTo <= this.floor) return 0;
    const before = this.inFlight;
    this.#ledger.settleUpTo(upTo);
    return before - this.inFlight;
  }

  /**
   * Looks at what is due: what waited becomes ready; answers the members with deliveries past their
   * deadline. Those have failed if the member's socket is empty (`expire`), else they have more time
   * (`drained`).
   */
  wake(nowMs: number): Set<Member> {
    const overdue = wakeDue(this.#ledger, nowMs);
    if (this.#sole !== null && this.#soleDeadline() <= nowMs) overdue.add(this.#sole);
    return overdue;
  }

  /** The member's socket has taken everything: what is past its deadline has failed. */
  expire(member: Member, nowMs: number): void {
    for (const entry of takeLate(this.#ledger, member, nowMs)) this.#fail(entry, LATE, nowMs);
    if (this.#sole !== member) return;
    while (this.#soleDeadline() <= nowMs) {
      this.#fail(this.#makeEntry(this.#ledger.firstPlain(), member), LATE, nowMs);
    }
  }

  /** The member's socket had bytes waiting, and is empty now: its deadlines start anew. */
  drained(member: Member, nowMs: number): void {
    member.drainedAtMs = nowMs;
    this.expire(member, nowMs);
  }

  /**
   * When to call `wake` next; Infinity: nothing to wait for. What is sent to the only member later than
   * now is not due before an ack wait from now: sending need not set a timer.
   */
  nextWakeAtMs(nowMs: number): number {
    const { minKey } = this.#ledger.timers;
    if (this.#sole === null) return minKey;
    const first = Math.max(this.#soleDeadline(), nowMs + 1);
    return Math.min(minKey, first, nowMs + this.rule.ackWaitMs);
  }

  /** Deadlines of first attempts ascend with their sequences: the first one is the first due. */
  #soleDeadline(): number {
    const member = this.#sole;
    if (member === null) return Number.POSITIVE_INFINITY;
    const sequence = this.#ledger.firstPlain();
    if (sequence > this.delivered) return Number.POSITIVE_INFINITY;
    const progress = member.progress.lastBefore(sequence);
    return Math.max(this.#sentAtMs(sequence), member.drainedAtMs, progress) + this.rule.ackWaitMs;
  }

  #heldBy(member: Member, sequence: number): Entry | null {
    const entry = this.#ledger.entry(sequence);
    if (entry !== undefined) return entry.member === member ? entry : null;
    const isPlain = this.#sole === member && this.#ledger.isPlain(sequence);
    return isPlain ? this.#makeEntry(sequence, member) : null;
  }

  #chooseSole(): void {
    const [only] = this.#members;
    const isSole = this.#members.size === 1 && this.ordering === 'none';
    this.#sole = isSole && only?.feed === 'flowing' ? only : null;
  }

  /** What the only member holds gets entries, since it will not be the only one any more. */
  #makeEntries(): void {
    const member = this.#sole;
    if (member === null) return;
    for (const sequence of this.#ledger.plain()) this.#makeEntry(sequence, member);
    this.#sole = null;
  }

  /** Of a first attempt that the only member holds. */
  #makeEntry(sequence: number, member: Member): Entry {
    const times = { sentAtMs: this.#sentAtMs(sequence), dueAtMs: this.rule.ackWaitMs };
    const entry = heldEntry(sequence, member, times);
    this.#ledger.add(entry);
    return entry;
  }

  #fail(entry: Entry, failure: DeliveryFailure, nowMs: number): void {
    this.changes.failed(entry, failure, nowMs);
    if (entry.attempts >= this.rule.maxDeliver) {
      this.#ledger.bury(entry, 'max_deliver', nowMs);
      return;
    }
    letGo(entry);
    const jitter = this.#jitter.at(nowMs);
    const delay = failure.delayMs ?? redeliveryMs(entry.attempts, this.rule, jitter);
    entry.state = 'waiting';
    entry.dueAtMs = nowMs + delay;
    entry.stored = true;
    this.changes.deliveries.set(entry.sequence, entry);
    this.#ledger.wait(entry, nowMs);
  }
}
