/**
 * What one worker is asked for again: in chunks, so that a thread with many sessions goes on serving
 * them, and later each time while it fails, so that an outage of the log is not answered by a storm.
 */
import { type BackoffOptions, backoffMs } from '../../core/backoff.js';

/** Asked for in one turn of the event loop. */
export const RESUME_CHUNK = 500;
/** The cap is what subscriptions may stand still for after the log is back. */
const BACKOFF: BackoffOptions = { firstMs: 250, capMs: 2_000 };

export class ResumeQueue<T> {
  readonly #resume: (one: T) => void;
  readonly #random: () => number;
  /** To be asked for in this turn and the next ones. */
  #due: T[] = [];
  /** To be asked for when the timer fires. */
  #failed: T[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** Timers since one of them was last resumed. */
  #attempt = 0;

  /** `resume` must not throw. `random`: as of a Clock. */
  constructor(resume: (one: T) => void, random: () => number) {
    this.#resume = resume;
    this.#random = random;
  }

  /** A new thread is there: all of them, now. What waits is for the one before, and is among them. */
  start(all: readonly T[]): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#failed = [];
    this.#attempt = 0;
    this.#ask([...all]);
  }

  /** It cannot be resumed yet. */
  failed(one: T): void {
    this.#failed.push(one);
    if (this.#timer !== null) return;
    this.#attempt++;
    const waitMs = backoffMs(this.#attempt, BACKOFF, this.#random);
    // Not by itself a reason for the thread to go on.
    this.#timer = setTimeout(() => this.#again(), waitMs).unref();
  }

  /** One of them was resumed: the others can be, too. */
  succeeded(): void {
    this.#attempt = 0;
  }

  #again(): void {
    this.#timer = null;
    const failed = this.#failed;
    this.#failed = [];
    this.#ask([...this.#due, ...failed]);
  }

  /** Those before that are still due are given up, unless they are among these. */
  #ask(due: T[]): void {
    const isAsking = this.#due.length > 0;
    this.#due = due;
    if (!isAsking) this.#askChunk();
  }

  readonly #askChunk = (): void => {
    for (const one of this.#due.splice(0, RESUME_CHUNK)) this.#resume(one);
    if (this.#due.length > 0) setImmediate(this.#askChunk);
  };
}
