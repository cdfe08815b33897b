/** Waits between tries of failed I/O: doubling, with jitter, so that nodes do not come back in step. */
export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #stepMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#stepMs = options.firstMs;
  }

  /** Milliseconds to wait before the next try: half to all of the step, which doubles up to maxMs. */
  next(): number {
    const step = this.#stepMs;
    this.#stepMs = Math.min(step * 2, this.#options.maxMs);
    return step * (0.5 + this.#options.random() / 2);
  }

  /** After a success: the next wait is short again. */
  reset(): void {
    this.#stepMs = this.#options.firstMs;
  }
}
