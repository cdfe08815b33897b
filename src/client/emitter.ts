/** Typed events, and the same as an iterator. */

type Listener<T> = (event: T) => void;

export interface ListenOptions {
  /** Stops listening. */
  signal?: AbortSignal | undefined;
}

/** Events that a reader of an iterator has not come to; the oldest give way. */
const WAITING_MAX = 256;

/** `E`: what each event brings along, by its name. */
export class Emitter<E extends object> {
  readonly #listeners = new Map<keyof E, Set<Listener<never>>>();

  /** What it returns stops it. A listener that throws stops nothing: it is reported as uncaught. */
  on<K extends keyof E>(
    type: K,
    listener: Listener<E[K]>,
    { signal }: ListenOptions = {},
  ): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    listeners.add(listener);
    const off = (): void => void listeners.delete(listener);
    if (signal?.aborted === true) off();
    signal?.addEventListener('abort', off, { once: true });
    return off;
  }

  emit<K extends keyof E>(type: K, event: E[K]): void {
    for (const listener of this.#listeners.get(type) ?? []) {
      try {
        (listener as Listener<E[K]>)(event);
      } catch (error) {
        // What is waiting for this event goes on; the fault is still seen.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** What is pushed, for one reader: bounded, the oldest give way. Ends when it is ended or left. */
export class EventQueue<T> implements AsyncIterableIterator<T> {
  readonly #waiting: T[] = [];
  readonly #readers: ((result: IteratorResult<T>) => void)[] = [];
  readonly #onEnd: () => void;
  #state: 'open' | 'ended' = 'open';

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  push(value: T): void {
    if (this.#state === 'ended') return;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader({ value, done: false });
    else if (this.#waiting.push(value) > WAITING_MAX) this.#waiting.shift();
  }

  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#onEnd();
    for (const reader of this.#readers.splice(0)) reader({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#waiting.length > 0) {
      return Promise.resolve({ value: this.#waiting.shift() as T, done: false });
    }
    if (this.#state === 'ended') return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    this.#waiting.length = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
