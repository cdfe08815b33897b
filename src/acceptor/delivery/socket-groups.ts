/**
 * All groups of this acceptor, by link and topic. A topic has as many as its subscriptions here need: a
 * group is bounded, so that a fan-out can be written in slices (see group-pump.ts).
 */
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { SocketGroup } from './receiver.js';
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

  /** Takes a place in a group of the topic; one is made when none has room. */
  enter(link: AcceptorLinkEnd, topicNo: number): SocketGroup {
    const known = this.of(link, topicNo).find(
      ({ subscriptions }) => subscriptions < GROUP_SUBSCRIPTIONS_MAX,
    );
    const group = known ?? this.#add(link, topicNo);
    group.subscriptions++;
    return group;
  }

  /** Gives the place back; a group that nobody refers to is gone. */
  exit(group: SocketGroup): void {
    group.subscriptions--;
    if (group.subscriptions > 0) return;
    const { link, topicNo } = group;
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
