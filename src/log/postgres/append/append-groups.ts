/** Appends by topic: how they are joined, cut and listed, the order of each topic kept. Pure. */

import type { PendingAppend } from '../../contract/message-log.js';

/** By topic, each in its order. */
export type TopicAppends<A> = Map<number, A[]>;

export function groupByTopic<A extends PendingAppend>(appends: readonly A[]): TopicAppends<A> {
  const groups: TopicAppends<A> = new Map();
  for (const append of appends) {
    const group = groups.get(append.topicId);
    if (group === undefined) groups.set(append.topicId, [append]);
    else group.push(append);
  }
  return groups;
}

export function appendsOf<A extends PendingAppend>(groups: TopicAppends<A>): A[] {
  return [...groups.values()].flat();
}

/** Puts `later` into `groups`, behind what is there of the same topics. */
export function addBehind<A extends PendingAppend>(
  groups: TopicAppends<A>,
  later: TopicAppends<A>,
): void {
  for (const [topicId, appends] of later) {
    const before = groups.get(topicId);
    groups.set(topicId, before === undefined ? appends : [...before, ...appends]);
  }
}

/** The groups of another incarnation than this, in whole or in part: what came first tells. */
export function ofOtherLogs<A extends PendingAppend>(
  groups: TopicAppends<A>,
  incarnation: string,
): TopicAppends<A> {
  const others: TopicAppends<A> = new Map();
  for (const [topicId, appends] of groups) {
    if (appends[0]?.epoch?.endsWith(incarnation) === false) others.set(topicId, appends);
  }
  return others;
}

/** The groups whose topics are, or are not, keys of `topics`. */
export function split<A extends PendingAppend>(
  groups: TopicAppends<A>,
  topics: ReadonlyMap<number, unknown>,
): { inside: TopicAppends<A>; outside: TopicAppends<A> } {
  const inside: TopicAppends<A> = new Map();
  const outside: TopicAppends<A> = new Map();
  for (const [topicId, appends] of groups) {
    (topics.has(topicId) ? inside : outside).set(topicId, appends);
  }
  return { inside, outside };
}
