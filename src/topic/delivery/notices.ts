/**
 * What sessions are told beside messages: that they have caught up, what they will not get, and which log
 * they are on. Who is told also goes on from there.
 */
import type { FenceOp } from '../../thread/ops/fence.js';
import type { Gap } from '../../thread/ops/gap.js';
import type { Subscription, Tracker } from '../state/subscription.js';

/** Once it has been given everything that was there when it came. */
export function tellCaughtUp(subscription: Subscription): void {
  if (subscription.delivered < subscription.caughtUpAt) return;
  subscription.caughtUpAt = Number.POSITIVE_INFINITY;
  subscription.outlet.caughtUp({
    subscription: subscription.number,
    topicNo: subscription.topic.no,
    sequence: subscription.delivered,
  });
}

/** Retention took what was next: it is told, and passed. */
export function tellGap(subscription: Subscription, upTo: number): void {
  const { tracker, delivered } = subscription;
  if (tracker !== null) {
    tellTrackerGap(tracker, upTo);
    return;
  }
  tellMissing(subscription, { from: delivered + 1, to: upTo, reason: 'retention' });
  subscription.passOver(upTo);
}

/** All sessions are told the same, and only what the cursor had not passed before. */
export function tellTrackerGap(tracker: Tracker, upTo: number): void {
  tracker.sync(tracker.topic.clock.monotonic());
  const gaps = tracker.cursor.passOver(upTo);
  for (const one of tracker.subscriptions) {
    for (const [from, to] of gaps) tellMissing(one, { from, to, reason: 'retention' });
    one.passOver(upTo);
  }
}

/** Tells one subscription what it will not get. */
export function tellMissing(subscription: Subscription, gap: Gap): void {
  tell(subscription, Math.max(subscription.delivered, gap.to), gap);
}

/**
 * Another incarnation of the log goes on after `upTo`. Whoever keeps a position keeps it with the epoch, so
 * also who misses nothing is told. Who had not come so far goes on from where it is.
 */
export function tellEpoch(subscription: Subscription, upTo: number, gap: Gap | null): void {
  tell(subscription, Math.min(subscription.delivered, upTo), gap);
}

function tell({ outlet, topic, number }: Subscription, delivered: number, gap: Gap | null): void {
  const { no: topicNo, head: sequence, epoch } = topic;
  outlet.gap({ subscription: number, topicNo, sequence, delivered, epoch, gap });
}

/** By which lease it is coordinated here. */
export function tellFence(
  { outlet, number: subscription, topic }: Subscription,
  fence: Pick<FenceOp, 'place' | 'lapses'>,
): void {
  outlet.fence({ subscription, topicNo: topic.no, ...fence });
}
