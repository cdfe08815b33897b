/**
 * What of a log has to move by itself, and since when it does not: for health. Ages are in ms, by the
 * monotonic clock.
 */
import type { Clock } from '../../core/clock.js';
import type { LogVitals } from '../../core/log-figures.js';

/** The oldest due row, as the database saw it. */
export interface OldestDue {
  dueAtMs: number;
  lateMs: number;
}

/** Follows the turns of the outbox's release. */
export class ReleaseWatch {
  readonly #clock: Clock;
  #lookedAtMs: number;
  #movedAtMs: number;
  #oldest: OldestDue | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lookedAtMs = clock.monotonic();
    this.#movedAtMs = this.#lookedAtMs;
  }

  /** A look found this to be the oldest; null: nothing is due. */
  looked(oldest: OldestDue | null): void {
    this.#lookedAtMs = this.#clock.monotonic();
    if (oldest?.dueAtMs !== this.#oldest?.dueAtMs) this.#movedAtMs = this.#lookedAtMs;
    this.#oldest = oldest;
  }

  /** Rows left the outbox. */
  moved(): void {
    this.#movedAtMs = this.#clock.monotonic();
  }

  get vitals(): Pick<LogVitals, 'releaseMs' | 'dueMs' | 'stuckMs'> {
    const now = this.#clock.monotonic();
    const releaseMs = Math.round(now - this.#lookedAtMs);
    if (this.#oldest === null) return { releaseMs, dueMs: 0, stuckMs: 0 };
    return {
      releaseMs,
      dueMs: Math.round(this.#oldest.lateMs) + releaseMs,
      stuckMs: Math.round(now - this.#movedAtMs),
    };
  }
}
