/** A durable subscription as the HTTP API gives it: what the store has, and what its worker knows better. */
import { isoTime } from '../../core/time.js';
import type { SubscriptionRecord } from './subscription-store.js';

export type StoredState = Pick<
  SubscriptionRecord,
  'ackFloor' | 'settled' | 'delivered' | 'settings' | 'paused'
>;

/** What the head of the topic says of it is left to whoever knows the head: see `withHead`. */
export interface SubscriptionState {
  ack_wait_ms: number;
  max_deliver: number;
  ordering: string;
  paused: boolean;
  ack_floor: number;
  delivered: number;
  in_flight: number;
  /** Messages that wait for one of their key that is in flight; 0 where nobody has it open. */
  parked: number;
  /** Since the oldest unsettled delivery was sent; null: there is none here. */
  oldest_unacked_ms: number | null;
  sessions: number;
}

export interface SubscriptionView extends SubscriptionState {
  topic: string;
  name: string;
  created_at: string;
}

/** Of one that nobody has open. */
export function subscriptionView(record: SubscriptionRecord): SubscriptionView {
  const { topic, name, settled, delivered, ackFloor } = record;
  const settledAbove = settled.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return {
    topic,
    name,
    created_at: isoTime(record.createdAtMs),
    ...settingsView(record),
    in_flight: delivered - ackFloor - settledAbove,
    parked: 0,
    oldest_unacked_ms: null,
    sessions: 0,
  };
}

export function settingsView({
  settings,
  paused,
  ackFloor,
  delivered,
}: StoredState): Pick<
  SubscriptionState,
  'ack_wait_ms' | 'max_deliver' | 'ordering' | 'paused' | 'ack_floor' | 'delivered'
> {
  const { ackWaitMs: ack_wait_ms, maxDeliver: max_deliver, ordering } = settings;
  return { ack_wait_ms, max_deliver, ordering, paused, ack_floor: ackFloor, delivered };
}

/** With `lag` (head - ack_floor) and `backlog` (head - delivered), in messages. */
export function withHead<T extends SubscriptionState>(
  view: T,
  head: number,
): T & { lag: number; backlog: number } {
  const lag = Math.max(0, head - view.ack_floor);
  return { ...view, lag, backlog: Math.max(0, head - view.delivered) };
}
