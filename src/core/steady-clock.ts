/**
 * The time of a log in memory: that of the node when it started, and from then on by its monotonic clock. A
 * wall clock that is set back does not bring back what has passed: nothing comes late for it. One that is
 * ahead by more than its keeping makes it is followed: the machine slept.
 */
import type { Clock } from './clock.js';

const SLEPT_MS = 5_000;

export class SteadyClock implements Clock {
  readonly #node: Clock;
  #offsetMs: number;

  constructor(node: Clock) {
    this.#node = node;
    this.#offsetMs = node.now() - node.monotonic();
  }

  now(): number {
    const wallMs = this.#node.now();
    const monotonicMs = this.#node.monotonic();
    if (wallMs - (monotonicMs + this.#offsetMs) > SLEPT_MS) this.#offsetMs = wallMs - monotonicMs;
    return Math.floor(monotonicMs + this.#offsetMs);
  }

  monotonic(): number {
    return this.#node.monotonic();
  }

  /** A field: it is handed on alone. */
  readonly random = (): number => this.#node.random();
}
