/**
 * What was appended and is in no batch yet, by topic. Batches are cut from here in the order in which
 * topics got their first message; a topic that is held (somebody else has its lock) keeps its messages
 * until it is let go, so the order within a topic stands.
 */
import type { Part } from './append-batch.js';
import { partOf } from './append-batch.js';
import type { PendingAppend } from './message-log.js';

/** Bytes of a row beside payload, key and headers, as a bound reckons it. */
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

  /** Whether `take` would give something. */
  get isReady(): boolean {
    return this.#ready.length > 0;
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

  /** The next batch, within the bounds but for its first message; empty when nothing is ready. */
  take(): Part<A>[] {
    const parts: Part<A>[] = [];
    const bounds = { ...this.#bounds };
    const ready = this.#ready;
    let at = 0;
    for (; at < ready.length && bounds.messagesMax > 0 && bounds.bytesMax > 0; at++) {
      const topic = ready[at];
      if (topic !== undefined) parts.push(this.#cut(topic, bounds));
    }
    const left = ready.slice(at);
    for (const topic of ready.slice(0, at)) {
      if (topic.appends.length > 0) left.push(topic);
      else this.#topics.delete(topic.topicId);
    }
    this.#ready = left;
    return parts;
  }

  /** Keeps the topic out of batches. Only for a topic that was just taken. */
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

  /** Empties the queue, held topics too; holds stay. */
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

  #cut(topic: TopicQueue<A>, bounds: BatchBounds): Part<A> {
    const { appends } = topic;
    let count = 0;
    while (count < appends.length && bounds.messagesMax > 0 && bounds.bytesMax > 0) {
      const publication = appends[count]?.publication;
      bounds.messagesMax--;
      bounds.bytesMax -= ROW_BYTES + (publication?.payload.length ?? 0);
      bounds.bytesMax -= (publication?.key?.length ?? 0) + (publication?.headers?.length ?? 0);
      count++;
    }
    this.#count -= count;
    if (count === appends.length) {
      topic.appends = [];
      return partOf(topic.topicId, appends);
    }
    topic.appends = appends.slice(count);
    return partOf(topic.topicId, appends.slice(0, count));
  }
}
