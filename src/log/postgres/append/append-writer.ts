/**
 * Appends of one topic worker. While one batch is on its way the next collects, which is the group
 * commit; topics that somebody else has locked go to the waiter and do not stop the others.
 */
import type { ErrorCode } from '../../../core/errors.js';
import type { Limits } from '../../../core/limits.js';
import type { LogSink, PendingAppend } from '../../contract/message-log.js';
import type { AppendLane } from './append-lane.js';
import type { AppendQueue } from './append-queue.js';
import type { AppendConnection } from './append-session.js';
import type { TopicWaiter } from './append-waiter.js';

export interface AppendWriterOptions<A extends PendingAppend> {
  queue: AppendQueue<A>;
  lane: AppendLane<A>;
  connection: AppendConnection;
  waiter: TopicWaiter<A>;
  limits: Pick<Limits, 'batchLingerMs' | 'batchMessagesMax'>;
  sink: LogSink<A>;
  onBug: (error: unknown) => void;
}

/** Why nothing is taken now. */
export interface Refusal {
  code: ErrorCode;
  detail: string;
}

export class AppendWriter<A extends PendingAppend> {
  readonly #options: AppendWriterOptions<A>;
  #state: 'idle' | 'lingering' | 'writing' | 'closed' = 'idle';
  #refusal: Refusal | null = null;
  #run: Promise<void> = Promise.resolve();
  #linger: NodeJS.Timeout | null = null;

  constructor(options: AppendWriterOptions<A>) {
    this.#options = options;
  }

  append(append: A): void {
    this.#options.queue.push(append);
  }

  flush(): void {
    const { queue, limits } = this.#options;
    if (queue.count === 0) return;
    if (this.#refusal !== null) queueMicrotask(() => this.#refuse());
    else if (this.#state === 'lingering' && queue.count >= limits.batchMessagesMax) this.#start();
    else if (this.#state === 'idle') this.#startSoon();
  }

  /** What is appended fails at once, and what is queued; null: no more. */
  refuse(refusal: Refusal | null): void {
    if (this.#state === 'closed') return;
    this.#refusal = refusal;
    if (refusal === null) this.flush();
    else this.#refuse();
  }

  /** Answers what was appended before; what comes after is refused. */
  async close(): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'lingering') this.#start();
    await this.#run;
    await this.#options.waiter.close();
    this.refuse({ code: 'draining', detail: 'the log is closed' });
    await this.#run;
    this.#state = 'closed';
    await this.#options.connection.close();
  }

  #startSoon(): void {
    const { queue, limits } = this.#options;
    if (limits.batchLingerMs === 0 || queue.count >= limits.batchMessagesMax) {
      this.#start();
      return;
    }
    this.#state = 'lingering';
    this.#linger = setTimeout(() => this.#start(), limits.batchLingerMs);
  }

  #start(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#state = 'writing';
    this.#run = this.#writeAll().catch(this.#options.onBug);
  }

  async #writeAll(): Promise<void> {
    const { queue, lane, waiter } = this.#options;
    for (let batch = queue.take(); batch.size > 0; batch = queue.take()) {
      const locked = await lane.write(batch, 'skip');
      for (const topicId of locked.keys()) queue.hold(topicId);
      if (locked.size > 0) waiter.take(locked);
    }
    this.#state = 'idle';
  }

  #refuse(): void {
    const { queue, sink } = this.#options;
    if (this.#refusal === null || queue.count === 0) return;
    const { code, detail } = this.#refusal;
    for (const append of queue.takeAll()) sink.failed(append, code, detail);
  }
}
