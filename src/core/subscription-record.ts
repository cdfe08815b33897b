/** A durable subscription as the store has it, and how it stands by what its worker knows. */
import type { SequenceRange } from './ack-floor.js';
import type { Ordering } from './cursor-ledger.js';

/** What a durable subscription was made with; later subscribes take it over, PATCH changes it. */
export interface SubscriptionSettings {
  /** First step of the redelivery back-off, ms. */
  ackWaitMs: number;
  /** Attempts, the first included, before the dead letter. */
  maxDeliver: number;
  ordering: Ordering;
}

export interface SubscriptionRecord {
  /** Unique for ever, <= 2^53 - 1. */
  id: number;
  topicId: number;
  topic: string;
  /** Unique in its topic. */
  name: string;
  settings: SubscriptionSettings;
  /** All up to here are settled. */
  ackFloor: number;
  /** Settled above the floor: ascending, disjoint, not adjacent. */
  settled: SequenceRange[];
  /** Last sequence that was sent for the first time. */
  delivered: number;
  /** Grows with every `take`: what was saved under an older one is refused. */
  term: number;
  paused: boolean;
  createdAtMs: number;
  /** Life of the node that has it, or had it last; absent: none has. */
  owner?: string | null;
}

/** A delivery that is not the ordinary first one: failed before, or redriven. */
export interface DeliveryRecord {
  sequence: number;
  /** Attempts that have failed; 0: none (redriven). */
  attempts: number;
  /** Unix ms of the next attempt. */
  dueAtMs: number;
  /** Unix ms; 0: has not failed. */
  firstFailedAtMs: number;
  lastError: string | null;
  /** It stands in the dead letters until it is settled. */
  redriven: boolean;
}

/** How one stands: as it was stored, or, where a worker has it open, as that worker knows it. */
export interface SubscriptionStanding {
  settings: SubscriptionSettings;
  paused: boolean;
  ackFloor: number;
  delivered: number;
  /** Delivered and not settled. */
  inFlight: number;
  /** Messages that wait for one of their key that is in flight; 0 where nobody has it open. */
  parked: number;
  /** Since the oldest unsettled delivery was sent; null: there is none here. */
  oldestUnackedMs: number | null;
  sessions: number;
}

/** All that is shown of one. */
export interface SubscriptionSummary extends SubscriptionStanding {
  topicId: number;
  topic: string;
  name: string;
  createdAtMs: number;
  /** As in a record; null: nobody's. */
  owner?: string | null;
  /** Last sequence of its topic. */
  head: number;
}

/** Of one that nobody has open; `head`: last sequence of its topic. */
export function summaryOf(record: SubscriptionRecord, head: number): SubscriptionSummary {
  const { topicId, topic, name, createdAtMs, settings, paused } = record;
  const { ackFloor, settled, delivered } = record;
  const settledAbove = settled.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return {
    topicId,
    topic,
    name,
    createdAtMs,
    owner: record.owner ?? null,
    head,
    settings,
    paused,
    ackFloor,
    delivered,
    inFlight: delivered - ackFloor - settledAbove,
    parked: 0,
    oldestUnackedMs: null,
    sessions: 0,
  };
}
