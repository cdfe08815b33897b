/** What is known of the deliveries of one message: what is stored, and what its owner has open. */
import type { DeadLetterRecord } from './dead-letter-record.js';
import type { DeliveryRecord, SubscriptionRecord } from './subscription-record.js';

/** One failed attempt. */
export interface FailureRecord {
  sequence: number;
  attempt: number;
  atMs: number;
  outcome: 'ack_wait' | 'nack' | 'disconnect' | 'rejected';
  /** What the subscriber said; at most 1,024 characters. */
  reason: string | null;
  /** Which session had it: opaque text. */
  session: string;
}

/** A row of the trace that is not derived from a cursor. */
export interface TraceFailure extends FailureRecord {
  /** null: an ephemeral one. */
  subscription: string | null;
}

/** What is stored of one message, of a page of its topic's durable subscriptions. */
export interface TraceRecord {
  subscriptions: { record: SubscriptionRecord; delivery: DeliveryRecord | null }[];
  deadLetters: DeadLetterRecord[];
  /** Oldest first, at most 1,000. */
  failures: TraceFailure[];
  /** The last name of the page when there are more. */
  next: string | null;
}

/** How a message stands in a durable subscription. */
export type DeliveryStanding =
  | { state: 'pending' | 'acked' }
  /** `lastError`: left out where it never failed. */
  | { state: 'in_flight'; attempt: number; session?: string | undefined; lastError?: string | null }
  /** `next` null: it comes to whoever subscribes next. */
  | { state: 'waiting'; next: NextAttempt | null };

export interface NextAttempt {
  attempt: number;
  /** Unix ms. */
  atMs: number;
  lastError: string | null;
}
