/**
 * Looks every few seconds for snapshots that are held in the database: the oldest past a bound is told with
 * what it holds up, and so is the end of any that lasted, since what it kept can be removed then. One per
 * node; never on the path of a message.
 */
import type { Clock } from '../../../core/clock.js';
import type { HeldSnapshot } from '../../../core/log-figures.js';
import type { Queryable } from '../session/queryable.js';
import { type OldSnapshot, readHeldUp, readSnapshots } from './old-snapshot.js';

const PERIOD_MS = 2_000;
/** Shorter ones leave nothing behind that is worth a vacuum. */
const LASTING_MS = 5_000;

export interface SnapshotWatchOptions {
  db: Queryable;
  clock: Pick<Clock, 'monotonic'>;
  /** From this age on it is told. */
  warnMs: number;
  retentionHours: number;
  /** At every look; null: none is so old. */
  onOldest: (oldest: HeldSnapshot | null) => void;
  /** One that lasted has ended. */
  onReleased: () => void;
  onTrouble: (error: unknown) => void;
}

interface Seen extends OldSnapshot {
  sinceMs: number;
}

export class SnapshotWatch {
  readonly #options: SnapshotWatchOptions;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #oldest: { held: HeldSnapshot; atMs: number } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #state: 'idle' | 'looking' | 'stopped' = 'idle';

  constructor(options: SnapshotWatchOptions) {
    this.#options = options;
  }

  /** As of now; null: none is older than the bound. */
  get oldest(): HeldSnapshot | null {
    if (this.#oldest === null) return null;
    const { held, atMs } = this.#oldest;
    return { ...held, ageMs: Math.round(held.ageMs + this.#options.clock.monotonic() - atMs) };
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      if (this.#state !== 'idle') return;
      this.#state = 'looking';
      this.look()
        .catch((error: unknown) => {
          if (this.#state !== 'stopped') this.#options.onTrouble(error);
        })
        .finally(() => {
          if (this.#state !== 'stopped') this.#state = 'idle';
        });
    }, PERIOD_MS);
  }

  stop(): void {
    this.#state = 'stopped';
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** One look. Rejects with PostgreSQL's error. */
  async look(): Promise<void> {
    const { db, clock, warnMs, retentionHours, onOldest, onReleased } = this.#options;
    const found = await readSnapshots(db);
    const nowMs = clock.monotonic();
    const before = this.#seen;
    this.#seen = new Map(found.map((one) => [keyOf(one), this.#sinceWhen(one, nowMs)]));
    const oldest = oldestOf(this.#seen.values());
    if (oldest === null || nowMs - oldest.sinceMs < warnMs) this.#oldest = null;
    else {
      const { kind, pid, name, sinceMs } = oldest;
      const heldUp = await readHeldUp(db, oldest, retentionHours);
      const held = { kind, pid, name, ageMs: nowMs - sinceMs, ...heldUp };
      this.#oldest = { held, atMs: nowMs };
    }
    onOldest(this.oldest);
    const hasEnded = [...before].some(
      ([key, { sinceMs }]) => nowMs - sinceMs >= LASTING_MS && !this.#seen.has(key),
    );
    if (hasEnded) onReleased();
  }

  /** By the database, else since it was first seen here. */
  #sinceWhen(one: OldSnapshot, nowMs: number): Seen {
    const seenMs = this.#seen.get(keyOf(one))?.sinceMs ?? nowMs;
    const sinceMs = one.ageMs === null ? seenMs : Math.min(seenMs, nowMs - one.ageMs);
    return { ...one, sinceMs };
  }
}

function keyOf({ kind, pid, name, mark }: OldSnapshot): string {
  // A slot stays when its standby goes.
  return `${kind} ${kind === 'session' ? pid : name} ${mark}`;
}

function oldestOf(all: Iterable<Seen>): Seen | null {
  let oldest: Seen | null = null;
  for (const one of all) {
    if (oldest === null || one.sinceMs < oldest.sinceMs) oldest = one;
  }
  return oldest;
}
