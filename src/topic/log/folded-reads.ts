/**
 * Reads of the log for many who ask: one query for all that ask within a turn, never two queries at a
 * time. Who comes while a query is under way waits for the next one, so that what he gets was read
 * after he asked: what another node made a moment ago is found, and nothing need be remembered.
 */

/** Keys in one query. */
const BATCH_MAX = 1_000;

interface Ask<K, V> {
  key: K;
  resolve: (value: V | null) => void;
  reject: (error: unknown) => void;
}

export class FoldedReads<K, V> {
  readonly #read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>;
  #asks: Ask<K, V>[] = [];
  #state: 'idle' | 'reading' = 'idle';

  constructor(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>) {
    this.#read = read;
  }

  /** As the log has it after this call; null: it has none. Rejects as the log does. */
  read(key: K): Promise<V | null> {
    return new Promise((resolve, reject) => {
      this.#asks.push({ key, resolve, reject });
      if (this.#state === 'idle') {
        this.#state = 'reading';
        setImmediate(() => this.#next());
      }
    });
  }

  #next(): void {
    const asks = this.#asks.splice(0, BATCH_MAX);
    if (asks.length === 0) {
      this.#state = 'idle';
      return;
    }
    const keys = [...new Set(asks.map((ask) => ask.key))];
    this.#read(keys).then(
      (values) => {
        for (const ask of asks) ask.resolve(values.get(ask.key) ?? null);
        this.#next();
      },
      (error: unknown) => {
        for (const ask of asks) ask.reject(error);
        this.#next();
      },
    );
  }
}
