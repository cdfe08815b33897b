/**
 * When a session last settled something, asked per delivery: "of what was sent before this one, when was
 * the last settled?" It keeps a healthy consumer that works through a full window from being taken
 * for a dead one. Times are kept to 1/32 of the ack wait. Pure.
 */
const MARKS_MAX = 128;

export class Progress {
  readonly #grainMs: number;
  /** Ascending, and so are their times: a later settlement of something sent earlier covers more. */
  #orders: number[] = [];
  #times: number[] = [];

  constructor(ackWaitMs: number) {
    this.#grainMs = Math.max(1, ackWaitMs / 32);
  }

  /** What was sent as `order` (ascending with the time of sending) is settled. */
  settled(order: number, nowMs: number): void {
    while (this.#orders.length > 0 && (this.#orders.at(-1) ?? 0) >= order) {
      this.#orders.pop();
      this.#times.pop();
    }
    const last = this.#times.length - 1;
    if (last >= 0 && this.#grain(this.#times[last] ?? 0) === this.#grain(nowMs)) {
      this.#times[last] = nowMs;
      return;
    }
    this.#orders.push(order);
    this.#times.push(nowMs);
    if (this.#orders.length > MARKS_MAX) {
      this.#orders = this.#orders.slice(MARKS_MAX / 2);
      this.#times = this.#times.slice(MARKS_MAX / 2);
    }
  }

  /** Last settlement of something sent before `order`; -Infinity: none that is remembered. */
  lastBefore(order: number): number {
    let low = 0;
    let high = this.#orders.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#orders[middle] ?? 0) < order) low = middle + 1;
      else high = middle;
    }
    return this.#times[low - 1] ?? Number.NEGATIVE_INFINITY;
  }

  #grain(timeMs: number): number {
    return Math.floor(timeMs / this.#grainMs);
  }
}
