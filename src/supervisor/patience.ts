/**
 * How long a start waits for what passes by itself, and what the operator is told meanwhile: why it
 * waits, when that begins and every few seconds.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT_LATER } from '../config/config.js';
import { StartRefused } from './start-refused.js';

const TELL_EVERY_MS = 5_000;
const POLL_MS = 250;

export interface PatienceOptions {
  /** START_WAIT_MS. */
  waitMs: number;
  report: (line: string) => void;
}

export class Patience {
  readonly #options: PatienceOptions;
  /** Null: nothing was in the way yet. */
  #sinceMs: number | null = null;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** For a moment. Rejects StartRefused with the exit code "try later" when there is none left. */
  async pause(why: string): Promise<void> {
    const { waitMs, report } = this.#options;
    const now = performance.now();
    this.#sinceMs ??= now;
    const waitedMs = now - this.#sinceMs;
    if (waitedMs >= waitMs) {
      throw new StartRefused(`${why} (waited START_WAIT_MS=${waitMs})`, EXIT_LATER);
    }
    if (now - this.#toldMs >= TELL_EVERY_MS) {
      this.#toldMs = now;
      report(`waiting, ${Math.round(waitedMs / 1_000)} of ${Math.ceil(waitMs / 1_000)} s: ${why}`);
    }
    await delay(Math.min(POLL_MS, waitMs - waitedMs));
  }
}
