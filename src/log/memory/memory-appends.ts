/**
 * Appends to the log in memory: those that wait for their commit, which is told to the sink, and deferred
 * messages that came due. What is over a bound then goes; a dedupe key that cannot be kept is refused.
 */
import type { Clock } from '../../core/clock.js';
import type { ErrorCode } from '../../core/errors.js';
import { RequestError } from '../../core/errors.js';
import { idTag } from '../../core/id-tag.js';
import type { Limits } from '../../core/limits.js';
import type { LogRow, Publication } from '../../core/message.js';
import { makeUuidV7 } from '../../core/uuid.js';
import type { FirstResult, LogSink, PendingAppend } from '../contract/message-log.js';
import { isSameMessage, MISMATCH } from '../contract/same-message.js';
import type { Deferred, MemoryOutbox } from './memory-outbox.js';
import type { MemoryTopic } from './memory-topic.js';
import type { MemoryTopics } from './memory-topics.js';

export interface MemoryAppendsOptions<A extends PendingAppend> {
  limits: Limits;
  clock: Clock;
  sink: LogSink<A>;
  topics: MemoryTopics<A>;
  outbox: MemoryOutbox;
  epochOf: (topicId: number) => string;
}

/** A publish that did not make it into the batch: told after the commits of the batch. */
type Leftover<A> =
  | { append: A; first: FirstResult }
  | { append: A; code: ErrorCode; detail: string };

export class MemoryAppends<A extends PendingAppend> {
  readonly #options: MemoryAppendsOptions<A>;
  #pending: A[] = [];
  #state: 'open' | 'closed' = 'open';
  #flushing: 'no' | 'yes' = 'no';

  constructor(options: MemoryAppendsOptions<A>) {
    this.#options = options;
  }

  add(append: A): void {
    this.#pending.push(append);
  }

  /** Commits all that was appended; calls the sink before it returns. */
  flush(): void {
    if (this.#flushing === 'yes' || this.#pending.length === 0) return;
    this.#flushing = 'yes';
    try {
      while (this.#pending.length > 0) {
        const appends = this.#pending;
        this.#pending = [];
        this.#commit(appends);
      }
    } finally {
      this.#flushing = 'no';
    }
  }

  /** What was appended by now is committed, what comes later refused. */
  close(): void {
    this.flush();
    this.#state = 'closed';
  }

  /** Of what is in the log, or waits; 'mismatch' with another message; undefined: not known. */
  firstResult(
    publication: Publication,
    topic: MemoryTopic<A>,
    now: number,
  ): FirstResult | 'mismatch' | undefined {
    if (publication.dedupeKey === null) return undefined;
    const waiting = this.#options.outbox.find(topic.id, publication.dedupeKey);
    if (waiting === undefined) return topic.firstResult(publication, now);
    if (!isSameMessage(publication, waiting.publication)) return 'mismatch';
    const deferred = { id: waiting.id, deliverAtMs: waiting.dueAtMs };
    return { sequence: 0, messageId: new Uint8Array(16), publishedAtMs: 0, deferred };
  }

  /** Throws log_full where `bytes` more cannot be kept of what is never evicted. */
  checkRoom(bytes: number): void {
    if (this.#isFull(bytes)) throw logFull();
  }

  /** Stores what another node published, under ids of this one; in their order. Empty: the topic is gone. */
  takeIn(topicId: number, rows: readonly LogRow[]): LogRow[] {
    this.flush();
    const topic = this.#options.topics.byId(topicId);
    if (topic === undefined || this.#state === 'closed') return [];
    const now = this.#options.clock.now();
    const stored = rows.flatMap((row) => {
      const { contentType, payload, key, headers, publishedAtMs, expiresAtMs } = row;
      // As long as there, by the clock of here.
      const ttlMs = expiresAtMs === 0 ? 0 : Math.max(1, expiresAtMs - publishedAtMs);
      const publication = { contentType, payload, key, headers, dedupeKey: null, ttlMs };
      const messageId = makeUuidV7(now, idTag(topicId));
      topic.store({ topicId, epoch: null, messageId, publication, owner: topic.tenant }, now);
      return topic.rows.at(topic.rows.last) ?? [];
    });
    this.#evictOver(topic);
    return stored;
  }

  /** Appends what came due, which has its dedupe key since it was accepted. */
  release(due: readonly Deferred[]): void {
    this.flush();
    const { topics, clock, sink, epochOf } = this.#options;
    const now = clock.now();
    const released = new Map<MemoryTopic<A>, LogRow[]>();
    for (const { id, topicId, publication, dueAtMs } of due) {
      const topic = topics.byId(topicId);
      if (topic === undefined) continue;
      const messageId = makeUuidV7(now, idTag(topicId));
      const { tenant: owner } = topic;
      topic.store({ topicId, epoch: null, messageId, publication, owner }, now, {
        id,
        deliverAtMs: dueAtMs,
      });
      const row = topic.rows.at(topic.rows.last);
      const rows = released.get(topic);
      if (row === undefined) continue;
      if (rows === undefined) released.set(topic, [row]);
      else rows.push(row);
    }
    for (const [topic, rows] of released) {
      this.#evictOver(topic);
      sink.released({ topicId: topic.id, epoch: epochOf(topic.id), rows });
    }
  }

  #commit(appends: readonly A[]): void {
    const { sink, clock, topics } = this.#options;
    const touched: MemoryTopic<A>[] = [];
    const leftovers: Leftover<A>[] = [];
    const now = clock.now();
    let topic: MemoryTopic<A> | undefined;
    for (const append of appends) {
      if (topic === undefined || topic.id !== append.topicId) topic = topics.byId(append.topicId);
      const leftover = this.#refusal(append, topic, now);
      if (leftover !== null) leftovers.push(leftover);
      else if (topic !== undefined) {
        topic.store(append, now);
        if (topic.batch.push(append) === 1) touched.push(topic);
      }
    }
    for (const committed of touched) this.#told(committed);
    for (const leftover of leftovers) {
      if ('first' in leftover) sink.duplicate(leftover.append, leftover.first);
      else sink.failed(leftover.append, leftover.code, leftover.detail);
    }
  }

  /** Bounds first, so that what the sink reads back is what there is. */
  #told(topic: MemoryTopic<A>): void {
    const appends = topic.batch;
    topic.batch = [];
    this.#evictOver(topic);
    this.#options.sink.committed({
      topicId: topic.id,
      firstSequence: topic.rows.last - appends.length + 1,
      publishedAtMs: topic.lastPublishedAtMs,
      appends,
    });
  }

  #evictOver(topic: MemoryTopic<A>): void {
    const { topics, outbox } = this.#options;
    topic.evictOver();
    topics.count(topic);
    topics.evictOver(outbox.bytes);
  }

  /** Null: it can be stored, and then `topic` is there. */
  #refusal<P extends PendingAppend>(
    append: P,
    topic: MemoryTopic<A> | undefined,
    now: number,
  ): Leftover<P> | null {
    if (this.#state === 'closed') {
      return { append, code: 'draining', detail: 'the log is closed' };
    }
    if (topic === undefined) {
      return { append, code: 'topic_not_found', detail: 'topic not found' };
    }
    const { publication } = append;
    if (publication.payload.length > this.#options.limits.memoryLogBytesMax / 2) {
      return { append, code: 'log_full', detail: 'larger than half of MEMORY_LOG_BYTES_MAX' };
    }
    if (publication.dedupeKey === null) return null;
    const first = this.firstResult(publication, topic, now);
    if (first === 'mismatch') return { append, code: 'dedupe_mismatch', detail: MISMATCH };
    if (first !== undefined) return { append, first };
    topic.forgetDedupe(now);
    if (!this.#isFull(0)) return null;
    return { append, code: 'log_full', detail: logFull().message };
  }

  #isFull(bytes: number): boolean {
    const { topics, outbox, limits } = this.#options;
    return topics.dedupeBytes + outbox.bytes + bytes > limits.memoryLogBytesMax / 2;
  }
}

function logFull(): RequestError {
  return new RequestError(
    'log_full',
    'dedupe keys and deferred messages take half of MEMORY_LOG_BYTES_MAX',
  );
}
