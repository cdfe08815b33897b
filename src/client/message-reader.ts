/**
 * Who reads a subscription: one iterator, or handlers. Says of each message that it was dealt with or failed,
 * and lets others have a turn when messages come faster than they are dealt with.
 */
import { ConduitError } from './conduit-error.js';
import type { ConduitMessage } from './conduit-message.js';
import type { ConduitSubscribeOptions } from './subscribe-options.js';
import { nextTurn } from './turn.js';

/** What is read, and what becomes of it. */
export interface MessageSource<T> {
  /** The next message that waits. */
  take(): ConduitMessage<T> | undefined;
  /** Its reader is through with it. */
  handled(message: ConduitMessage<T>): void;
  failed(message: ConduitMessage<T>, cause: unknown): void;
  /** The loop was left. */
  left(): Promise<void>;
}

type Result<T> = IteratorResult<ConduitMessage<T>>;

interface Reader<T> {
  resolve: (result: Result<T>) => void;
  reject: (error: ConduitError) => void;
}

/** Who keeps the thread for longer lets others have a turn. */
const SLICE_MS = 8;
/** The clock is looked at now and then. */
const CLOCK_EVERY = 16;

export class MessageReader<T> {
  readonly #source: MessageSource<T>;
  readonly #onMessage: ConduitSubscribeOptions<T>['onMessage'];
  readonly #concurrency: number;
  readonly #readers: Reader<T>[] = [];
  #state: 'open' | 'stopped' = 'open';
  #failure: ConduitError | null = null;
  #kind: 'none' | 'iterator' | 'handler';
  /** Messages that its user has. */
  #running = 0;
  #turn: 'none' | 'waits' = 'none';
  #sliceEndMs = 0;
  #sinceClock = 0;
  #onIdle: (() => void) | null = null;

  constructor({ onMessage, concurrency }: ConduitSubscribeOptions<T>, source: MessageSource<T>) {
    this.#source = source;
    this.#onMessage = onMessage;
    this.#concurrency = concurrency ?? 1;
    this.#kind = onMessage === undefined ? 'none' : 'handler';
  }

  /** A message waits. */
  arrived(): void {
    if (this.#kind === 'handler') this.#handleLater();
    else if (this.#readers.length > 0) {
      const value = this.#source.take();
      if (value !== undefined) this.#readers.shift()?.resolve({ value, done: false });
    }
  }

  /** Nothing more is read: iterators end, with the error where there is one. */
  stop(failure: ConduitError | null): void {
    this.#state = 'stopped';
    this.#failure ??= failure;
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (failure === null) resolve({ value: undefined, done: true });
      else reject(failure);
    }
  }

  /** Resolves when its user has no message any more, or after `timeoutMs`. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Throws ConduitError already_read. */
  iterator(topic: string): AsyncIterableIterator<ConduitMessage<T>> {
    if (this.#kind !== 'none') {
      throw new ConduitError('already_read', `${topic} has a reader: subscribe again`);
    }
    this.#kind = 'iterator';
    let last: ConduitMessage<T> | undefined;
    const iterator: AsyncIterableIterator<ConduitMessage<T>> = {
      next: async () => {
        if (last !== undefined) {
          this.#source.handled(last);
          last = undefined;
          this.#done();
        }
        if (this.#isSliceOver()) await new Promise<void>(nextTurn);
        const result = await this.#next();
        if (result.done === true) return result;
        last = result.value;
        this.#running++;
        return result;
      },
      return: async () => {
        last = undefined;
        if (this.#running > 0) {
          this.#running = 1;
          this.#done();
        }
        await this.#source.left();
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #next(): Promise<Result<T>> | Result<T> {
    const value = this.#state === 'open' ? this.#source.take() : undefined;
    if (value !== undefined) return { value, done: false };
    if (this.#failure !== null) throw this.#failure;
    if (this.#state === 'stopped') return { value: undefined, done: true };
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  #done(): void {
    this.#running--;
    if (this.#running > 0) return;
    this.#onIdle?.();
    this.#onIdle = null;
  }

  #isSliceOver(): boolean {
    this.#sinceClock++;
    if (this.#sinceClock < CLOCK_EVERY) return false;
    this.#sinceClock = 0;
    const nowMs = performance.now();
    if (nowMs < this.#sliceEndMs) return false;
    // Much later: it has waited, and so others had their turn.
    const isOver = nowMs < this.#sliceEndMs + SLICE_MS;
    this.#sliceEndMs = nowMs + SLICE_MS;
    return isOver;
  }

  #handleLater(): void {
    if (this.#turn === 'waits' || this.#running >= this.#concurrency) return;
    this.#turn = 'waits';
    queueMicrotask(() => this.#handle());
  }

  /** Handles what waits, as far as handlers are free. */
  #handle(): void {
    this.#turn = 'none';
    const endMs = performance.now() + SLICE_MS;
    for (let count = 1; this.#state === 'open' && this.#running < this.#concurrency; count++) {
      const message = this.#source.take();
      if (message === undefined) return;
      this.#run(message);
      if (count % CLOCK_EVERY > 0 || performance.now() < endMs) continue;
      this.#turn = 'waits';
      nextTurn(() => this.#handle());
      return;
    }
  }

  #run(message: ConduitMessage<T>): void {
    try {
      const result = this.#onMessage?.(message);
      if (isPromise(result)) void this.#wait(message, result);
      else this.#source.handled(message);
    } catch (cause) {
      this.#source.failed(message, cause);
    }
  }

  async #wait(message: ConduitMessage<T>, result: PromiseLike<unknown>): Promise<void> {
    this.#running++;
    try {
      await result;
      this.#source.handled(message);
    } catch (cause) {
      this.#source.failed(message, cause);
    }
    this.#done();
    this.#handleLater();
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
