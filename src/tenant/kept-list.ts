/**
 * What the main thread keeps of a store whole, the quotas of tenants and the webhooks: read at the start and
 * whenever somebody says that one changed. Of what is said while it is being read, and for a moment after it,
 * one more reading comes.
 */

/** Between two readings: each is told to all threads. */
const TOGETHER_MS = 50;
/** After a reading that failed. */
const AGAIN_MS = 500;

export interface KeptListOptions<T> {
  read: () => Promise<readonly T[]>;
  /** All that there are from now on. */
  onChanged: (all: readonly T[]) => void;
  /** It is read again after a while. */
  onFault: (error: unknown) => void;
}

export class KeptList<T> {
  readonly #options: KeptListOptions<T>;
  #all: readonly T[] = [];
  /** `reading`: or it was read a moment ago; `told`: the same, and one more is due. */
  #state: 'idle' | 'reading' | 'told' | 'closed' = 'idle';
  #timer: NodeJS.Timeout | null = null;

  constructor(options: KeptListOptions<T>) {
    this.#options = options;
  }

  get all(): readonly T[] {
    return this.#all;
  }

  /** Resolves when it was read; rejects with what the store said. */
  async read(): Promise<void> {
    this.#all = await this.#options.read();
  }

  changed(): void {
    if (this.#state === 'reading') this.#state = 'told';
    if (this.#state !== 'idle') return;
    this.#state = 'reading';
    this.read().then(
      () => this.#wasRead(),
      (error: unknown) => this.#failed(error),
    );
  }

  close(): void {
    this.#state = 'closed';
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #wasRead(): void {
    if (this.#state === 'closed') return;
    this.#options.onChanged(this.#all);
    this.#timer = setTimeout(() => this.#next(), TOGETHER_MS);
  }

  #failed(error: unknown): void {
    if (this.#state === 'closed') return;
    this.#options.onFault(error);
    this.#timer = setTimeout(() => {
      this.#state = 'told';
      this.#next();
    }, AGAIN_MS);
  }

  #next(): void {
    const isDue = this.#state === 'told';
    this.#state = 'idle';
    if (isDue) this.changed();
  }
}
