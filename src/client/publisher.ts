/**
 * Publishes that wait: for a connection, for their answer, for their next try. They go over the WebSocket
 * while it is open, else over HTTP in batches, one at a time; both bounded. One that is tried again has
 * the dedupe key that it had.
 */
import type { ErrorFrame, ServerFrame } from '../wire/server-frame-types.js';
import type { Codec } from './codec.js';
import { ConduitError } from './conduit-error.js';
import type { Connection } from './connection.js';
import { type NodeHttp, wasNeverSent } from './node-http.js';
import type { PendingPublish } from './pending-publish.js';
import { type RetryDelays, retryDelayMs } from './retry-delay.js';

export interface PublisherOptions {
  codec: Codec;
  http: NodeHttp;
  /** Null while there is none. */
  connection: () => Connection | null;
  queueMax: number;
  queueBytesMax: number;
  delays: RetryDelays;
}

/** Of the WebSocket; the node takes 16,384 of a session. */
const UNDER_WAY_MAX = 1_024;
/** Larger ones go over HTTP, whose bodies may be larger, and are told what is wrong with them. */
const FRAME_MAX = 196_608;
const BATCH_ITEMS_MAX = 500;
const BATCH_LENGTH_MAX = 1_048_576;
const TICK_MS = 250;
const HTTP_TIMEOUT_MS = 15_000;

export class Publisher {
  readonly #options: PublisherOptions;
  /** In their order; those that are over are taken out when they are come to. */
  #queue: PendingPublish[] = [];
  readonly #underWay = new Map<number, PendingPublish>();
  #bytes = 0;
  /** In the request that is under way. */
  #posted: readonly PendingPublish[] = [];
  /** HTTP has failed: not before then. */
  #postAtMs = 0;
  #postTries = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  readonly #onEmpty: (() => void)[] = [];

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Publishes that are not over. */
  get pending(): number {
    return this.#queue.length + this.#underWay.size + this.#posted.filter(isOpen).length;
  }

  /** Throws publish_queue_full when `count` more, or `length` more of them, are too many. */
  checkRoom(count: number, length: number): void {
    const { queueMax, queueBytesMax } = this.#options;
    const isFull = this.pending + count > queueMax;
    if (!isFull && (this.#bytes === 0 || this.#bytes + length <= queueBytesMax)) return;
    const limit = isFull ? `publishQueue (${queueMax})` : `publishQueueBytes (${queueBytesMax})`;
    throw new ConduitError('publish_queue_full', `too many publishes wait: ${limit}`);
  }

  add(publish: PendingPublish): void {
    this.#queue.push(publish);
    this.#bytes += publish.part.length;
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** Nobody waits for it any more. */
  forget(publish: PendingPublish): void {
    this.#underWay.delete(publish.ref);
    const at = this.#queue.indexOf(publish);
    if (at >= 0) this.#queue.splice(at, 1);
    this.#over(publish);
  }

  /** Sends what may be sent now. */
  pump(): void {
    if (this.#posted.length > 0 || this.#queue.length === 0) return;
    const connection = this.#options.connection();
    if (connection === null) {
      if (performance.now() >= this.#postAtMs) void this.#post(BATCH_ITEMS_MAX);
    } else this.#send(connection);
  }

  /** An answer that has the ref of a publish; false: it has none. */
  answered(frame: ServerFrame): boolean {
    const ref = 'ref' in frame ? frame.ref : undefined;
    const publish = typeof ref === 'number' ? this.#underWay.get(ref) : undefined;
    if (publish === undefined) return false;
    this.#underWay.delete(publish.ref);
    if (frame.type === 'error') {
      this.#refused(publish, new ConduitError(frame.code, frame.message));
    } else this.#taken(publish, frame);
    this.pump();
    return true;
  }

  /** Nothing more is answered: what was under way is tried again. */
  disconnected(): void {
    const again = [...this.#underWay.values()];
    this.#underWay.clear();
    for (const publish of again) {
      publish.state = 'waits';
      publish.isUnknown = true;
    }
    this.#queue = [...again, ...this.#queue];
    this.pump();
  }

  /** Resolves once nothing waits any more. */
  empty(): Promise<void> {
    if (this.pending === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /** All that waits is over. */
  close(error: ConduitError): void {
    for (const publish of this.#open()) {
      this.forget(publish);
      publish.fail(error);
    }
  }

  #send(connection: Connection): void {
    const nowMs = performance.now();
    const held = new Set<string>();
    const kept: PendingPublish[] = [];
    let at = 0;
    for (; at < this.#queue.length; at++) {
      const publish = this.#queue[at];
      if (publish === undefined) break;
      if (this.#underWay.size >= UNDER_WAY_MAX || connection.isFull) break;
      // What waits for its next try holds what comes after it in its topic.
      if (publish.notBeforeMs > nowMs || held.has(publish.topic)) {
        held.add(publish.topic);
        kept.push(publish);
        continue;
      }
      if (publish.part.length > FRAME_MAX) {
        this.#queue = [publish, ...kept, ...this.#queue.slice(at + 1)];
        void this.#post(1);
        return;
      }
      publish.tried();
      this.#underWay.set(publish.ref, publish);
      connection.sendPart(publish.part);
    }
    this.#queue = at === this.#queue.length ? kept : [...kept, ...this.#queue.slice(at)];
  }

  /** The first ones, in one request. */
  async #post(most: number): Promise<void> {
    const batch = this.#nextBatch(most);
    if (batch.length === 0) return;
    this.#posted = batch;
    for (const publish of batch) publish.tried();
    const { codec, http } = this.#options;
    const parts = batch.map(({ part }) => part);
    try {
      const signal = AbortSignal.timeout(HTTP_TIMEOUT_MS);
      const body = { body: codec.list(parts), contentType: codec.contentType };
      const answer = await http.ask({
        method: 'POST',
        path: '/api/publish/batch',
        ...body,
        signal,
      });
      this.#postTries = 0;
      this.#postAtMs = 0;
      this.#posted = [];
      this.#settle(batch, (answer as { results?: unknown } | undefined)?.results);
    } catch (thrown) {
      this.#posted = [];
      this.#postFailed(batch, asError(thrown));
    }
    this.pump();
  }

  #nextBatch(most: number): PendingPublish[] {
    const nowMs = performance.now();
    const held = new Set<string>();
    const batch: PendingPublish[] = [];
    let length = 0;
    this.#queue = this.#queue.filter((publish) => {
      const isHeld = publish.notBeforeMs > nowMs || held.has(publish.topic);
      const more = length + publish.part.length;
      const isFull = batch.length > 0 && (more > BATCH_LENGTH_MAX || batch.length >= most);
      if (isHeld || isFull) {
        held.add(publish.topic);
        return true;
      }
      length = more;
      batch.push(publish);
      return false;
    });
    return batch;
  }

  #settle(batch: readonly PendingPublish[], results: unknown): void {
    const items: unknown[] = Array.isArray(results) ? results : [];
    const again: PendingPublish[] = [];
    for (const [at, publish] of batch.entries()) {
      if (!isOpen(publish)) continue;
      const item = (items[at] ?? {}) as BatchAnswer;
      if (item.error !== undefined) {
        const { code, detail, field, status, retryable } = item.error;
        publish.lastError = new ConduitError(code, detail, { field, status, retryable });
        if (this.#isAgain(publish, publish.lastError)) again.push(publish);
      } else this.#taken(publish, item);
    }
    this.#queue = [...again, ...this.#queue];
  }

  /** The whole request failed. */
  #postFailed(batch: readonly PendingPublish[], error: ConduitError): void {
    const open = batch.filter(isOpen);
    const hasNoAnswer = error.code === 'disconnected' || error.code === 'bad_answer';
    const isLost = hasNoAnswer && !wasNeverSent(error);
    const again: PendingPublish[] = [];
    for (const publish of open) {
      publish.lastError = error;
      if (isLost) publish.isUnknown = true;
      // What is too much together may pass one by one.
      const isApart = open.length > 1 && !error.retryable && error.status === 413;
      if (error.retryable || isApart) {
        publish.state = 'waits';
        again.push(publish);
      } else this.#fail(publish, error);
    }
    this.#queue = [...again, ...this.#queue];
    if (error.retryable) {
      const delayMs = retryDelayMs(this.#postTries++, this.#options.delays);
      this.#postAtMs = performance.now() + Math.max(delayMs, error.retryAfterMs);
      // What is too large for a frame goes by HTTP while a connection is open, too: it waits as well.
      for (const publish of again) {
        if (publish.part.length > FRAME_MAX) publish.notBeforeMs = this.#postAtMs;
      }
    } else if (again.length > 0) {
      void this.#post(Math.ceil(again.length / 2));
    }
  }

  #refused(publish: PendingPublish, error: ConduitError): void {
    publish.lastError = error;
    if (!this.#isAgain(publish, error)) return;
    const at = this.#queue.findIndex(({ ref }) => ref > publish.ref);
    this.#queue.splice(at < 0 ? this.#queue.length : at, 0, publish);
  }

  /** False: it is over. */
  #isAgain(publish: PendingPublish, error: ConduitError): boolean {
    if (error.code === 'outcome_unknown') publish.isUnknown = true;
    if (!error.retryable) {
      this.#fail(publish, error);
      return false;
    }
    publish.state = 'waits';
    const delayMs = retryDelayMs(publish.tries++, this.#options.delays);
    publish.notBeforeMs = performance.now() + Math.max(delayMs, error.retryAfterMs);
    return true;
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const publish of this.#open()) {
      if (!publish.isLate(nowMs)) continue;
      if (publish.state === 'sent') publish.isUnknown = true;
      this.forget(publish);
      publish.expire();
    }
    this.pump();
  }

  #open(): PendingPublish[] {
    return [...this.#underWay.values(), ...this.#posted.filter(isOpen), ...this.#queue];
  }

  /** It is stored, if the answer says where. */
  #taken(publish: PendingPublish, answer: object): void {
    const { message_id: messageId, deferred_id: deferredId } = answer as BatchAnswer;
    if (typeof messageId === 'string' || typeof deferredId === 'number') {
      this.#over(publish);
      publish.done(answer as Parameters<PendingPublish['done']>[0]);
    } else {
      const text = 'the answer names no message';
      this.#fail(publish, new ConduitError('bad_answer', text));
    }
  }

  #fail(publish: PendingPublish, error: ConduitError): void {
    this.#over(publish);
    publish.fail(error);
  }

  #over(publish: PendingPublish): void {
    this.#bytes -= publish.part.length;
    publish.state = 'over';
    if (this.pending > 0) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}

/** One result of a batch. */
interface BatchAnswer {
  message_id?: unknown;
  deferred_id?: unknown;
  error?: {
    code: ErrorFrame['code'];
    detail: string;
    field?: string | undefined;
    status?: number | undefined;
    retryable?: boolean | undefined;
  };
}

function isOpen({ state }: PendingPublish): boolean {
  return state !== 'over';
}

function asError(thrown: unknown): ConduitError {
  if (thrown instanceof ConduitError) return thrown;
  return new ConduitError('disconnected', 'no answer in time', { cause: thrown });
}
