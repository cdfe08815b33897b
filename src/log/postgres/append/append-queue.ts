/**
 * What was appended and is in no batch yet, by topic. Batches are cut from here in the order in which
 * topics got their first message. A topic that is held (it is waited for on another session) keeps its
 * messages until it is let go, so the order within a topic stands.
 */

import type { PendingAppend } from '../../contract/message-log.js';
import type { TopicAppends } from './append-groups.js';

/** Bytes of a row beside payload, key and headers, as the bound reckons it. */
const ROW_BYTES = 128;

interface TopicQueue<A> {
  topicId: number;
  appends: A[];
  state: 'free' | 'held';
}

export interface BatchBounds {
  messagesMax: number;
  bytesMax: number;
}

export class AppendQueue<A extends PendingAppend> {
  readonly #bounds: BatchBounds;
  readonly #topics = new Map<number, TopicQueue<A>>();
  /** Free topics with messages, in turn. */
  #ready: TopicQueue<A>[] = [];
  #count = 0;

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds;
  }

  /** Messages here, those of held topics too. */
  get count(): number {
    return this.#count;
  }

  push(append: A): void {
    const { topicId } = append;
    let topic = this.#topics.get(topicId);
    if (topic === undefined) {
      topic = { topicId, appends: [], state: 'free' };
      this.#topics.set(topicId, topic);
    }
    this.#count++;
    if (topic.appends.push(append) === 1 && topic.state === 'free') this.#ready.push(topic);
  }

  /** The next batch, within the bounds but for its last message; empty when nothing is ready. */
  take(): TopicAppends<A> {
    const batch: TopicAppends<A> = new Map();
    const left = { ...this.#bounds };
    const ready = this.#ready;
    const rest: TopicQueue<A>[] = [];
    let at = 0;
    for (; at < ready.length && left.messagesMax > 0 && left.bytesMax > 0; at++) {
      const topic = ready[at];
      if (topic === undefined) continue;
      batch.set(topic.topicId, this.#cut(topic, left));
      if (topic.appends.length > 0) rest.push(topic);
      else this.#topics.delete(topic.topicId);
    }
    this.#ready = [...ready.slice(at), ...rest];
    return batch;
  }

  /** Keeps the topic out of batches until `release`. */
  hold(topicId: number): void {
    const topic = this.#topics.get(topicId);
    if (topic === undefined) {
      this.#topics.set(topicId, { topicId, appends: [], state: 'held' });
      return;
    }
    topic.state = 'held';
    this.#ready = this.#ready.filter((other) => other !== topic);
  }

  release(topicId: number): void {
    const topic = this.#topics.get(topicId);
    if (topic === undefined) return;
    topic.state = 'free';
    if (topic.appends.length > 0) this.#ready.push(topic);
    else this.#topics.delete(topicId);
  }

  /** Empties the queue of a topic that is held; it stays held. */
  takeOf(topicId: number): A[] {
    const topic = this.#topics.get(topicId);
    if (topic === undefined || topic.state === 'free') return [];
    const { appends } = topic;
    topic.appends = [];
    this.#count -= appends.length;
    return appends;
  }

  /** Empties the queue, held topics too; they stay held. */
  takeAll(): A[] {
    const all: A[] = [];
    for (const topic of this.#topics.values()) {
      for (const append of topic.appends) all.push(append);
      topic.appends = [];
      if (topic.state === 'free') this.#topics.delete(topic.topicId);
    }
    this.#ready = [];
    this.#count = 0;
    return all;
  }

  #cut(topic: TopicQueue<A>, left: BatchBounds): A[] {
    const { appends } = topic;
    let count = 0;
    while (count < appends.length && left.messagesMax > 0 && left.bytesMax > 0) {
      const publication = appends[count]?.publication;
      left.messagesMax--;
      left.bytesMax -= ROW_BYTES + (publication?.payload.length ?? 0);
      left.bytesMax -= (publication?.key?.length ?? 0) + (publication?.headers?.length ?? 0);
      count++;
    }
    this.#count -= count;
    // A whole queue is handed on as it is.
    topic.appends = count === appends.length ? [] : appends.slice(count);
    return count === appends.length ? appends : appends.slice(0, count);
  }
}
