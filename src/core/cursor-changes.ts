/**
 * What has changed in a cursor since it was last saved. Collected by the cursor, taken by whoever
 * stores it; times are monotonic ms, as the cursor's. Pure.
 */
import type { Entry } from './cursor-entry.js';

export type FailureOutcome = 'ack_wait' | 'nack' | 'disconnect' | 'rejected';

/** What a subscriber says of a delivery that it does not ack. */
export interface Verdict {
  sequence: number;
  /** Of a nack, until the next attempt; of an extension, from now on; null: by the redelivery rule. */
  ms: number | null;
  reason: string | null;
}

export interface DeliveryFailure {
  outcome: FailureOutcome;
  /** What the subscriber said. */
  reason: string | null;
  /** Until the next attempt; null: by the redelivery rule. */
  delayMs: number | null;
}

/** One failed attempt. */
export interface FailedAttempt {
  sequence: number;
  attempt: number;
  atMs: number;
  outcome: FailureOutcome;
  reason: string | null;
  session: string;
}

/** A message given up. */
export interface Burial {
  sequence: number;
  reason: 'max_deliver' | 'rejected';
  attempts: number;
  firstFailedAtMs: number;
  lastFailedAtMs: number;
  lastError: string | null;
}

export class CursorChanges {
  /** Floor or settled ranges. */
  moved = false;
  /** Failed deliveries that wait, by sequence. */
  readonly deliveries = new Map<number, Entry>();
  /** Sequences of stored deliveries that are settled. */
  settled: number[] = [];
  /** A seek: all stored deliveries go first. */
  dropDeliveries = false;
  deadLetters: Burial[] = [];
  /** Sequences of redriven dead letters that nobody takes any more: they are dead letters again. */
  returned: number[] = [];
  failures: FailedAttempt[] = [];

  get isEmpty(): boolean {
    return !this.moved && !this.dropDeliveries && this.size === 0;
  }

  /** Rows that a save of it writes, besides the cursor's own. */
  get size(): number {
    const { deliveries, settled, deadLetters, returned, failures } = this;
    const rows = deliveries.size + settled.length + deadLetters.length;
    return rows + returned.length + failures.length;
  }

  /** One more failed attempt, by who holds it. */
  failed(entry: Entry, { outcome, reason }: DeliveryFailure, nowMs: number): void {
    entry.attempts++;
    if (Number.isNaN(entry.firstFailedAtMs)) entry.firstFailedAtMs = nowMs;
    entry.lastError = reason ?? outcome;
    const session = entry.member?.name ?? '';
    const { sequence, attempts: attempt } = entry;
    this.failures.push({ sequence, attempt, atMs: nowMs, outcome, reason, session });
  }

  buried(entry: Entry, reason: Burial['reason'], nowMs: number): void {
    const { sequence, attempts, firstFailedAtMs, lastError } = entry;
    const told = { sequence, reason, attempts, firstFailedAtMs, lastFailedAtMs: nowMs, lastError };
    this.deadLetters.push(told);
  }

  /** A seek makes what is not saved of the deliveries void; what was given up stays given up. */
  sought(): void {
    this.moved = true;
    this.dropDeliveries = true;
    this.deliveries.clear();
    this.settled = [];
  }

  /** Called for each ack of an ephemeral subscription: what is empty stays as it is, a Map's table too. */
  clear(): void {
    this.moved = false;
    this.dropDeliveries = false;
    if (this.size === 0) return;
    this.deliveries.clear();
    this.settled = [];
    this.deadLetters = [];
    this.returned = [];
    this.failures = [];
  }
}
