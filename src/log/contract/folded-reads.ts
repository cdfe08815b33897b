/**
 * Reads of the log for many who ask: one query for all that ask within a turn, never two queries at a
 * time. Who comes while a query is under way waits for the next one, so that what he gets was read
 * after he asked: what another node made a moment ago is found, and nothing need be remembered.
 */

import { RequestError } from '../../core/errors.js';

/** Keys in one query. */
const BATCH_MAX = 1_000;

/** Who asked. Thousands ask at a time, so it is told by its key and needs no promise of its own. */
export interface Asker<K, V> {
  /** `value` as the log has it; null: it has none. */
  found(key: K, value: V | null): void;
  /** As the log rejects. */
  failed(key: K, error: unknown): void;
}

export class FoldedReads<K, V> {
  readonly #read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V | RequestError>>;
  #keys: K[] = [];
  /** Of the key at the same place. */
  #askers: Asker<K, V>[] = [];
  #state: 'idle' | 'reading' = 'idle';

  /** `read`: an error in the place of a value is of that key alone. */
  constructor(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V | RequestError>>) {
    this.#read = read;
  }

  /** As the log has it after this call; null: it has none. Rejects as the log does. */
  read(key: K): Promise<V | null> {
    return new Promise((resolve, reject) => {
      this.ask(key, {
        found: (_key, value) => resolve(value),
        failed: (_key, error) => reject(error),
      });
    });
  }

  /** The same for who is told: later, never before this returns. What it throws is a bug. */
  ask(key: K, asker: Asker<K, V>): void {
    this.#keys.push(key);
    this.#askers.push(asker);
    if (this.#state === 'reading') return;
    this.#state = 'reading';
    setImmediate(() => this.#next());
  }

  #next(): void {
    const keys = this.#keys.splice(0, BATCH_MAX);
    const askers = this.#askers.splice(0, BATCH_MAX);
    if (keys.length === 0) {
      this.#state = 'idle';
      return;
    }
    this.#read([...new Set(keys)]).then(
      (values) => {
        for (const [at, key] of keys.entries()) {
          const value = values.get(key) ?? null;
          if (value instanceof RequestError) askers[at]?.failed(key, value);
          else askers[at]?.found(key, value);
        }
        this.#next();
      },
      (error: unknown) => {
        for (const [at, key] of keys.entries()) askers[at]?.failed(key, error);
        this.#next();
      },
    );
  }
}
