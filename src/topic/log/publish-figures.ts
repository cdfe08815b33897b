/** What became of the publishes of this worker, and how long they took: plain numbers, one owner. */
import type { Clock } from '../../core/clock.js';
import { Histogram } from '../../observe/histogram.js';
import { DURATION_BOUNDS } from '../../observe/metrics.js';

/** Sixteenths of a ms fit a small integer for a day and a half; a difference over its end is right. */
const TICKS_PER_MS = 16;
const TICKS_PER_S = TICKS_PER_MS * 1_000;

export class PublishFigures {
  readonly counts = { ok: 0, deferred: 0, duplicate: 0, rejected: 0 };
  bytes = 0;
  readonly seconds = new Histogram(DURATION_BOUNDS);
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** When this turn took its first publish; NaN: it has taken none. */
  #turnTicks = Number.NaN;
  #commitTicks = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** When a publish is taken: all of a turn are taken at once. */
  get takenTicks(): number {
    if (Number.isNaN(this.#turnTicks)) this.#turnTicks = this.#ticks();
    return this.#turnTicks;
  }

  endTurn(): void {
    this.#turnTicks = Number.NaN;
  }

  /** Those of one commit follow. */
  committing(): void {
    this.#commitTicks = this.#ticks();
  }

  committed(bytes: number, takenTicks: number): void {
    this.counts.ok++;
    this.bytes += bytes;
    this.seconds.observe(((this.#commitTicks - takenTicks) | 0) / TICKS_PER_S);
  }

  /** From then to the commit that is told of. */
  sinceMs(takenTicks: number): number {
    return ((this.#commitTicks - takenTicks) | 0) / TICKS_PER_MS;
  }

  #ticks(): number {
    return (this.#clock.monotonic() * TICKS_PER_MS) | 0;
  }
}
