/**
 * Asks the database once a second for its time, and for what may change under a session that lives on: a
 * schema that was dropped and restored, a standby that was promoted, an epoch that an operator bumped. One
 * question is under way at a time; one that fails is asked again.
 */
import type { DatabaseClock } from '../../../core/database-clock.js';
import { readSeen, type SeenWal } from './copied-files.js';
import type { Queryable } from './queryable.js';

const PERIOD_MS = 1_000;

/** What became of an incarnation that was seen; one that is not taken in is told of again. */
export type Seen = 'taken in' | 'not yet';

export interface DatabasePulseOptions {
  db: Queryable;
  clock: DatabaseClock;
  /** `sinceMs`: when the one before was last seen, by the database's clock; null: never. */
  onIncarnation: (incarnation: string, sinceMs: number | null) => Promise<Seen>;
  /** It failed, for the first time in a row. */
  onTrouble: (error: unknown) => void;
}

export class DatabasePulse {
  readonly #options: DatabasePulseOptions;
  #timer: NodeJS.Timeout | null = null;
  #state: 'idle' | 'asking' | 'failing' | 'stopped' = 'idle';
  #incarnation = '';
  #seenAtMs: number | null = null;
  #wal: SeenWal = { incarnation: '', bytes: 0 };

  constructor(options: DatabasePulseOptions) {
    this.#options = options;
  }

  /** When the database was last seen as the incarnation that it was then, by its clock; null: never. */
  get seenAtMs(): number | null {
    return this.#seenAtMs;
  }

  /** How far the log was seen to have come that was seen last. */
  get wal(): SeenWal {
    return this.#wal;
  }

  /** Resolves once the time is known. */
  async start(): Promise<void> {
    await this.#ask();
    if (this.#state === 'stopped') return;
    this.#timer = setInterval(() => this.look(), PERIOD_MS);
  }

  stop(): void {
    this.#state = 'stopped';
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Asks at once, if no question is under way: a session has come to what may be another server. */
  look(): void {
    if (this.#state === 'asking' || this.#state === 'stopped') return;
    const wasFailing = this.#state === 'failing';
    this.#state = 'asking';
    this.#ask().then(
      () => this.#asked('idle'),
      (error: unknown) => {
        if (!wasFailing && this.#state !== 'stopped') this.#options.onTrouble(error);
        this.#asked('failing');
      },
    );
  }

  #asked(state: 'idle' | 'failing'): void {
    if (this.#state !== 'stopped') this.#state = state;
  }

  async #ask(): Promise<void> {
    const { db, onIncarnation } = this.#options;
    const nowMs = await this.#time();
    // After the time: what changed between the two is seen by this question or the next.
    const seen = await readSeen(db);
    const { incarnation } = seen;
    // Of a copy that nobody has left yet it stays the one that is ahead.
    if (incarnation !== this.#wal.incarnation || seen.bytes > this.#wal.bytes) this.#wal = seen;
    if (incarnation !== this.#incarnation) {
      const taken = await onIncarnation(incarnation, this.#seenAtMs);
      // The time stays that of the one before: what was appended since then counts.
      if (taken === 'not yet') return;
    }
    this.#incarnation = incarnation;
    this.#seenAtMs = nowMs;
  }

  async #time(): Promise<number> {
    const { db, clock } = this.#options;
    const askedAtMs = clock.monotonic();
    const { rows } = await db.query<{ now_ms: string }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms',
    );
    const nowMs = Number(rows[0]?.now_ms);
    clock.sampled(nowMs, askedAtMs, clock.monotonic());
    return nowMs;
  }
}
