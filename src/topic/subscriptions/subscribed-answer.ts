/** What a session is told of a subscription that it has now, or has again without having noticed. */
import type { Gap } from '../../thread/ops/gap.js';
import type { Subscription } from '../state/subscription.js';
import type { StartAnswer } from './start-position.js';

interface SubscribedAnswer extends Pick<StartAnswer, 'recovered' | 'gap'> {
  /** Which may be further than fan-out has come. */
  head: number;
}

export function tellSubscribed(
  subscription: Subscription,
  request: number,
  { recovered, gap, head }: SubscribedAnswer,
): void {
  const { outlet, topic, number } = subscription;
  outlet.subscribed({
    request,
    subscription: number,
    topicNo: topic.no,
    idTag: topic.idTag,
    sequence: head,
    delivered: subscription.delivered,
    epoch: topic.epoch,
    recovered,
    gap,
  });
}

/** It was open before, and is coordinated here from now on. */
export function tellGoneOn(subscription: Subscription, head: number, gap: Gap): void {
  const { outlet, number, topic, delivered } = subscription;
  const place = { subscription: number, topicNo: topic.no, epoch: topic.epoch };
  outlet.gap({ ...place, sequence: head, delivered, gap });
}
