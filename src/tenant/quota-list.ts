/**
 * Which tenants have quotas, on the main thread: read whole at the start and whenever somebody says that one
 * changed. Of what is said while it is being read, and for a moment after it, one more reading comes.
 */
import type { TenantQuotas } from '../core/quotas.js';

/** Between two readings: each is told to all threads. */
const TOGETHER_MS = 50;
/** After a reading that failed. */
const AGAIN_MS = 500;

export interface QuotaListOptions {
  read: () => Promise<readonly TenantQuotas[]>;
  /** The tenants that have quotas, all of them, as they are from now on. */
  onChanged: (all: readonly TenantQuotas[]) => void;
  /** It is read again after a while. */
  onFault: (error: unknown) => void;
}

export class QuotaList {
  readonly #options: QuotaListOptions;
  #all: readonly TenantQuotas[] = [];
  /** `reading`: or it was read a moment ago; `told`: the same, and one more is due. */
  #state: 'idle' | 'reading' | 'told' | 'closed' = 'idle';
  #timer: NodeJS.Timeout | null = null;

  constructor(options: QuotaListOptions) {
    this.#options = options;
  }

  get all(): readonly TenantQuotas[] {
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
