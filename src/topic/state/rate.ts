/** Events per second over a sliding ten seconds, in whole-second buckets. No allocation per event. */
import type { Clock } from '../../core/clock.js';

const SECONDS = 10;

export class Rate {
  readonly #clock: Clock;
  readonly #counts = new Array<number>(SECONDS + 1).fill(0);
  #second = 0;
  total = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(count: number): void {
    this.#roll();
    const at = this.#second % this.#counts.length;
    this.#counts[at] = (this.#counts[at] ?? 0) + count;
    this.total += count;
  }

  /** Over the last ten seconds and what has passed of this one. */
  perSecond(): number {
    this.#roll();
    const passed = (this.#clock.monotonic() / 1000) % 1;
    return this.#counts.reduce((sum, n) => sum + n, 0) / (SECONDS + passed);
  }

  #roll(): void {
    const second = Math.floor(this.#clock.monotonic() / 1000);
    const steps = Math.min(second - this.#second, this.#counts.length);
    for (let i = 1; i <= steps; i++) this.#counts[(this.#second + i) % this.#counts.length] = 0;
    if (second - this.#second >= this.#counts.length) this.#counts.fill(0);
    this.#second = Math.max(this.#second, second);
  }
}
