/**
 * The time of the database, as a node knows it: its own monotonic clock and the offset of the database's
 * clock from that, out of samples. The node's wall clock has no part in it, wherever it stands and whenever
 * it is set.
 */
import type { Clock } from './clock.js';

/** How far two clocks may drift apart, ms per ms: ten times what a clock that is kept does. */
const DRIFT = 0.001;

export class DatabaseClock implements Clock {
  readonly #node: Clock;
  /** The offset lies between them. */
  #low: number;
  #high: number;
  /** Of the sample that they are of, monotonic ms. */
  #sampledAtMs = 0;

  /** Until the first sample its time is that of the node. */
  constructor(node: Clock) {
    this.#node = node;
    this.#low = node.now() - node.monotonic();
    this.#high = this.#low;
    this.#sampledAtMs = Number.NEGATIVE_INFINITY;
  }

  now(): number {
    return Math.floor(this.#node.monotonic() + (this.#low + this.#high) / 2);
  }

  monotonic(): number {
    return this.#node.monotonic();
  }

  /** A field: it is handed on alone. */
  readonly random = (): number => this.#node.random();

  /**
   * The database said `databaseMs` (Unix, with its fraction) between two moments of the monotonic clock. The
   * narrowest sample counts, until it has become wider by age than another; one that contradicts it says
   * that a clock was set.
   */
  sampled(databaseMs: number, askedAtMs: number, answeredAtMs: number): void {
    const low = databaseMs - answeredAtMs;
    const high = databaseMs - askedAtMs;
    const age = DRIFT * (answeredAtMs - this.#sampledAtMs);
    const contradicts = low > this.#high + age || high < this.#low - age;
    const isNarrower = high - low <= this.#high - this.#low + 2 * age;
    if (!contradicts && !isNarrower) return;
    this.#low = low;
    this.#high = high;
    this.#sampledAtMs = answeredAtMs;
  }
}
