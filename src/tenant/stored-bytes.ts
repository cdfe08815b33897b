/**
 * How much a tenant keeps, as one acceptor knows it: what the log said last, and what was let through here
 * since. What others let through meanwhile is known with the next look.
 */
const LOOK_MS = 2_000;

export class StoredBytes {
  max: number;
  /** Null: the log has not said it yet, and all is let through. */
  #bytes: number | null = null;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Somebody published since. */
  #asked: 'yes' | 'no' = 'yes';

  constructor(max: number) {
    this.max = max;
  }

  hasRoom(bytes: number): boolean {
    this.#asked = 'yes';
    return this.#bytes === null || this.#bytes + bytes <= this.max;
  }

  add(bytes: number): void {
    if (this.#bytes !== null) this.#bytes += bytes;
  }

  /** Whether to ask the log with this turn; then it counts as asked. */
  isDue(nowMs: number): boolean {
    if (this.#asked === 'no' || nowMs - this.#lookedAtMs < LOOK_MS) return false;
    this.#asked = 'no';
    this.#lookedAtMs = nowMs;
    return true;
  }

  found(bytes: number): void {
    this.#bytes = bytes;
  }
}
