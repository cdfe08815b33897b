/**
 * What workers are told of their deliveries: that a socket took, refused or emptied itself of them. Each
 * report also settles what the subscription owed of it.
 */
import type { AcceptorLinkEnd } from '../../thread/link.js';
import { packCredit, packDrained, packLeft } from '../../thread/ops/deliver.js';
import { packGiven, packProbed } from '../../thread/ops/give.js';
import { packWant } from '../../thread/ops/want.js';
import type { ReceiverSubscription } from './receiver.js';

/** Its socket refused what comes after `lastSequence`. */
export function sendLeft(subscription: ReceiverSubscription, lastSequence: number): void {
  const { link, group, number } = subscription;
  subscription.state = 'refused';
  subscription.owesDrained = false;
  subscription.lastSequence = lastSequence;
  const round = subscription.nextRound();
  packLeft(link.writer, { subscription: number, topicNo: group.topicNo, round, lastSequence });
  link.scheduleFlush();
}

/** Its socket has room again after a GIVE, of which it took so many. */
export function sendGiven(subscription: ReceiverSubscription, taken: number): void {
  const { link, number, group } = subscription;
  subscription.owesGiven = null;
  packGiven(link.writer, { subscription: number, topicNo: group.topicNo, taken });
  link.scheduleFlush();
}

/** Nothing waits for its socket; `before`: how it was when it was asked. */
export function sendProbed(subscription: ReceiverSubscription, before: 'empty' | 'filled'): void {
  const { link, number, group } = subscription;
  subscription.owesProbed = false;
  packProbed(link.writer, {
    subscription: number,
    topicNo: group.topicNo,
    wasEmpty: before === 'empty',
  });
  link.scheduleFlush();
}

/** Its socket takes another page. */
export function sendDrained(subscription: ReceiverSubscription): void {
  const { link, group } = subscription;
  subscription.owesDrained = false;
  packDrained(link.writer, { subscription: subscription.number, topicNo: group.topicNo });
  link.scheduleFlush();
}

/** It takes so many messages more, or less. */
export function sendWant({ link, number, group }: ReceiverSubscription, messages: number): void {
  packWant(link.writer, { subscription: number, topicNo: group.topicNo, messages });
  link.scheduleFlush();
}

/** So many bytes were handed to sockets. */
export function sendCredit(link: AcceptorLinkEnd, bytes: number): void {
  packCredit(link.writer, bytes);
  link.scheduleFlush();
}
