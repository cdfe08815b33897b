/**
 * Who may ask the log's pool something of his own now: a few at a time, and of those who wait one of each
 * lane in turn. So the thousand requests of one session do not hold up the one of another, and what is
 * read and saved for all finds the pool free.
 */
import { RequestError } from './errors.js';

export interface TurnsOptions {
  /** Under way at the same time. */
  atOnce: number;
  /** Those that wait in one lane; Infinity: whoever fills the lane has a bound of his own. */
  waitingMax: number;
  /** That sets it, for the error. */
  variable?: string;
}

/** What sessions ask; how much of it waits is bounded for each of them. */
export const SESSION_TURNS: TurnsOptions = { atOnce: 6, waitingMax: Number.POSITIVE_INFINITY };
/** Deferred publishes, each a statement of its own; how many wait is bounded by the link. */
export const DEFER_TURNS: TurnsOptions = { atOnce: 4, waitingMax: Number.POSITIVE_INFINITY };
/** Control requests. */
export const CALL_TURNS: TurnsOptions = { atOnce: 4, waitingMax: 1_000 };

export class Turns {
  readonly #options: TurnsOptions;
  /** By lane, the next lane first. */
  readonly #waiting = new Map<number | string, (() => void)[]>();
  #underWay = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Runs it in its turn; rejects `busy` when the lane is full, else as it does. */
  async run<T>(lane: number | string, task: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#options.atOnce) await this.#turn(lane);
    else this.#underWay++;
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** Resolves with the place of one that has ended. */
  #turn(lane: number | string): Promise<void> {
    const waiting = this.#waiting.get(lane) ?? [];
    const { waitingMax, variable } = this.#options;
    if (waiting.length >= waitingMax) {
      const bound = variable === undefined ? '' : ` (${variable})`;
      throw new RequestError('busy', `too many requests of this kind wait for the log${bound}`);
    }
    this.#waiting.set(lane, waiting);
    return new Promise((resolve) => waiting.push(resolve));
  }

  #next(): void {
    for (const [lane, waiting] of this.#waiting) {
      const [first] = waiting.splice(0, 1);
      // Behind all other lanes.
      this.#waiting.delete(lane);
      if (waiting.length > 0) this.#waiting.set(lane, waiting);
      first?.();
      return;
    }
    this.#underWay--;
  }
}
