/** Durable subscriptions as clients see them. */
import type { SubscriptionSummary } from '../../core/subscription-record.js';
import { isoTime } from '../../core/time.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/subscriptions.js';

export type SubscriptionView = View<typeof schemas.SUBSCRIPTION>;
export type SubscriptionPageView = View<typeof schemas.SUBSCRIPTION_PAGE>;

export function subscriptionView(summary: SubscriptionSummary): SubscriptionView {
  const { topic, name, head, settings, ackFloor, delivered } = summary;
  return {
    topic,
    name,
    created_at: isoTime(summary.createdAtMs),
    ack_wait_ms: settings.ackWaitMs,
    max_deliver: settings.maxDeliver,
    ordering: settings.ordering,
    paused: summary.paused,
    ack_floor: ackFloor,
    delivered,
    in_flight: summary.inFlight,
    parked: summary.parked,
    oldest_unacked_ms: summary.oldestUnackedMs,
    sessions: summary.sessions,
    lag: Math.max(0, head - ackFloor),
    backlog: Math.max(0, head - delivered),
  };
}

/** `limit`: as many as were asked for; a page that has them may have a next one. */
export function subscriptionPageView(
  summaries: readonly SubscriptionSummary[],
  limit: number,
): SubscriptionPageView {
  const subscriptions = summaries.map(subscriptionView);
  const last = subscriptions.length === limit ? subscriptions.at(-1) : undefined;
  return { subscriptions, next: last && `${last.topic}/${last.name}` };
}
