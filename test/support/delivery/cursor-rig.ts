/**
 * What drives a cursor in tests, as a topic worker does: a head, members with windows and sockets, a
 * clock that only the test moves. Everything that is sent is recorded.
 */

import { Cursor } from '../../../src/core/cursor.js';
import { type Entry, Member, newEntry } from '../../../src/core/cursor-entry.js';
import type { LedgerStart, Ordering } from '../../../src/core/cursor-ledger.js';
import { mayTake, roomOf } from '../../../src/core/look-ahead.js';
import type { RedeliveryRule } from '../../../src/core/redelivery.js';
import { SendTimes } from '../../../src/core/send-times.js';

export interface Sent {
  sequence: number;
  attempt: number;
  member: Member;
  atMs: number;
}

export interface RigOptions {
  ordering?: Ordering;
  parkedMax?: number;
  rule?: RedeliveryRule;
  random?: () => number;
  keyOf?: (sequence: number) => string | null;
  start?: LedgerStart;
}

export const RULE: RedeliveryRule = { ackWaitMs: 1_000, maxDeliver: 5 };

/** An entry as a store gives it back. */
export function rowEntry(sequence: number, row: Partial<Entry>): Entry {
  return { ...newEntry(sequence), state: 'waiting', stored: true, ...row };
}

export class CursorRig {
  nowMs = 10_000;
  head = 0;
  cursor: Cursor;
  /** Members whose sockets hold bytes that were not taken yet. */
  readonly full = new Set<Member>();
  readonly sent: Sent[] = [];
  onSent: (sent: Sent) => void = () => undefined;
  readonly keyOf: (sequence: number) => string | null;
  readonly #options: RigOptions;
  #times = new SendTimes();
  /** Calls of `sentAtMs`. */
  timesAsked = 0;

  constructor(options: RigOptions = {}) {
    this.#options = options;
    this.keyOf = options.keyOf ?? (() => null);
    this.head = options.start?.delivered ?? options.start?.ackFloor ?? 0;
    this.cursor = this.#make(options.start ?? { ackFloor: 0 }, options.ordering ?? 'none');
  }

  /** What is not stored is lost. */
  restart(start: LedgerStart, rows: readonly Entry[]): void {
    this.full.clear();
    this.#times = new SendTimes();
    this.cursor = this.#make(start, this.cursor.ordering);
    for (const row of rows) this.cursor.restore(row);
  }

  join(name = 'a', inFlightMax = 256): Member {
    const member = new Member({ name, inFlightMax, ackWaitMs: this.cursor.rule.ackWaitMs });
    this.cursor.attach(member);
    this.pump();
    return member;
  }

  leave(member: Member, end: 'clean' | 'abrupt'): void {
    this.full.delete(member);
    this.cursor.detach(member, end, this.nowMs);
    this.pump();
  }

  publish(count: number): void {
    this.head += count;
    this.pump();
  }

  ack(member: Member, sequence: number): boolean {
    const said = this.cursor.settle(member, sequence, this.nowMs);
    this.pump();
    return said;
  }

  ackUpTo(member: Member, sequence: number): boolean {
    const said = this.cursor.settleUpTo(member, sequence, this.nowMs);
    this.pump();
    return said;
  }

  nack(member: Member, sequence: number, delayMs: number | null = null): boolean {
    const verdict = { sequence, ms: delayMs, reason: 'no' };
    const said = this.cursor.nack(member, verdict, this.nowMs);
    this.pump();
    return said;
  }

  reject(member: Member, sequence: number, reason: string | null = 'bad'): boolean {
    const said = this.cursor.reject(member, { sequence, reason }, this.nowMs);
    this.pump();
    return said;
  }

  /** `ms` pass; the cursor is woken whenever it asked to be. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    for (let round = 0; round < 100_000; round++) {
      const next = this.cursor.nextWakeAtMs(this.nowMs);
      if (next > end) break;
      this.nowMs = Math.max(this.nowMs, next);
      this.wake();
    }
    this.nowMs = end;
    this.wake();
  }

  wake(): void {
    for (const member of this.cursor.wake(this.nowMs)) {
      if (!this.full.has(member)) this.cursor.expire(member, this.nowMs);
    }
    this.pump();
  }

  seek(sequence: number): void {
    this.cursor.seek(sequence);
    this.#times.rewind(sequence);
    this.pump();
  }

  drained(member: Member): void {
    this.full.delete(member);
    this.cursor.drained(member, this.nowMs);
    this.pump();
  }

  /** What it was sent and has not answered. */
  outstanding(member: Member): number {
    const { cursor } = this;
    if (cursor.sole !== member) return member.held;
    return member.held + cursor.inFlight - cursor.entries().length;
  }

  /** Ready ones first, then new ones, as far as the windows go. */
  pump(): void {
    if (!this.#sendReady()) return;
    if (this.cursor.sole === null) this.#sendShared();
    else this.#sendSole(this.cursor.sole);
  }

  /** When each attempt of a sequence was sent, from the first one on. */
  offsetsOf(sequence: number): number[] {
    const times = this.sent.filter((one) => one.sequence === sequence).map(({ atMs }) => atMs);
    return times.map((atMs) => atMs - (times[0] ?? 0));
  }

  /** What a member was sent, in order. */
  sequencesOf(member: Member): number[] {
    return this.sent.filter((one) => one.member === member).map(({ sequence }) => sequence);
  }

  #make(start: LedgerStart, ordering: Ordering): Cursor {
    return new Cursor({
      ...start,
      ordering,
      rule: { ...(this.#options.rule ?? RULE) },
      random: this.#options.random ?? (() => 0),
      sentAtMs: (sequence) => {
        this.timesAsked++;
        return this.#times.at(sequence);
      },
    });
  }

  /** False: no room for all of them. */
  #sendReady(): boolean {
    const { cursor } = this;
    for (;;) {
      const ready = cursor.readyEntries(16);
      if (ready.length === 0) return true;
      for (const entry of ready) {
        const member = this.#freest();
        if (member === null) return false;
        if (cursor.enter(entry, this.keyOf(entry.sequence))) this.#give(entry, member);
      }
    }
  }

  #sendSole(member: Member): void {
    const { cursor } = this;
    if (this.full.has(member)) return;
    const last = Math.min(this.head, cursor.fullAt(member.inFlightMax));
    const first = cursor.delivered + 1;
    if (last < first) return;
    cursor.sentUpTo(last);
    this.#times.sent(last, this.nowMs);
    for (let sequence = first; sequence <= last; sequence++) this.#note(sequence, 1, member);
  }

  #sendShared(): void {
    const { cursor } = this;
    while (cursor.delivered < this.head && roomOf(cursor) > 0) {
      if (!mayTake(cursor, this.#options.parkedMax ?? 100)) return;
      const member = this.#freest();
      if (member === null) return;
      const sequence = cursor.delivered + 1;
      const entry = cursor.take(sequence, this.keyOf(sequence));
      if (entry !== null) this.#give(entry, member);
    }
  }

  #give(entry: Entry, member: Member): void {
    this.cursor.give(entry, member, this.nowMs);
    this.#note(entry.sequence, entry.attempts + 1, member);
  }

  #note(sequence: number, attempt: number, member: Member): void {
    const sent = { sequence, attempt, member, atMs: this.nowMs };
    this.sent.push(sent);
    this.onSent(sent);
  }

  #freest(): Member | null {
    const free = [...this.cursor.members].filter(
      (member) => !this.full.has(member) && this.outstanding(member) < member.inFlightMax,
    );
    free.sort((a, b) => a.held - b.held);
    return free[0] ?? null;
  }
}
