/**
 * All groups of this acceptor, by link and topic. A topic has as many as its subscriptions here need: a
 * group is bounded, so that a fan-out can be written in slices (see group-pump.ts).
 */
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { ReceiverSubscription, SocketGroup } from './receiver.js';
import { SocketGroupOf } from './socket-group.js';

/** Subscriptions that refer to a group: some 0.7 ms of system calls to write to. */
export const GROUP_SUBSCRIPTIONS_MAX = 128;

export class SocketGroups {
  readonly #byLink = new Map<AcceptorLinkEnd, Map<number, SocketGroup[]>>();
  #lastSerial = 0;

  /** Those of a topic's number on a link. */
  of(link: AcceptorLinkEnd, topicNo: number): readonly SocketGroup[] {
    return this.#byLink.get(link)?.get(topicNo) ?? [];
  }

  /** One of the topic that has room for a subscription, which is to enter it; it is made when none has. */
  withRoom(link: AcceptorLinkEnd, topicNo: number): SocketGroup {
    const known = this.of(link, topicNo).find(
      ({ subscriptions }) => subscriptions.length < GROUP_SUBSCRIPTIONS_MAX,
    );
    return known ?? this.#add(link, topicNo);
  }

  /** The subscription refers to its group no more; a group that nobody refers to is gone. */
  exit(subscription: ReceiverSubscription): void {
    const { group } = subscription;
    const { link, topicNo, subscriptions } = group;
    const at = subscriptions.indexOf(subscription);
    if (at >= 0) subscriptions.splice(at, 1);
    if (subscriptions.length > 0) return;
    const left = this.of(link, topicNo).filter((one) => one !== group);
    if (left.length > 0) this.#byLink.get(link)?.set(topicNo, left);
    else this.#byLink.get(link)?.delete(topicNo);
  }

  /** The worker's thread is gone, and its topics' numbers with it. */
  unlinked(link: AcceptorLinkEnd): void {
    this.#byLink.delete(link);
  }

  #add(link: AcceptorLinkEnd, topicNo: number): SocketGroup {
    this.#lastSerial++;
    const group: SocketGroup = new SocketGroupOf(link, topicNo, this.#lastSerial);
    const ofLink = this.#byLink.get(link) ?? new Map<number, SocketGroup[]>();
    this.#byLink.set(link, ofLink);
    ofLink.set(topicNo, [...(ofLink.get(topicNo) ?? []), group]);
    return group;
  }
}
