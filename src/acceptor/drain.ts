/**
 * How long the end of an acceptor waits: for the answers that are owed when the drain begins, and for those
 * to what is asked meanwhile, if they come soon.
 */
import type { Limits } from '../core/limits.js';
import type { LeftOver } from '../thread/control.js';
import type { Browsing } from './routes/browsing.js';
import type { Requests } from './workers/requests.js';

/** How often a drain looks whether everything under way was answered. */
const POLL_MS = 10;
/** What is asked during a drain holds it up this long at most. */
const LATE_MS = 500;
/** The part of SHUTDOWN_TIMEOUT_MS that may pass until everything was answered; workers have the rest. */
const SHARE = 0.63;

export interface DrainOptions {
  requests: Requests;
  browsing: Browsing;
  limits: Pick<Limits, 'shutdownTimeoutMs'>;
}

export class Drain {
  readonly #options: DrainOptions;
  #isStopped = false;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Whoever waits goes on at the next look. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Resolves once everything that is under way now was answered, and what came later too, if that is
   * soon: clients that go on asking must not hold up the end for ever. A database that does not answer must
   * not, either: what is then owed is left over.
   */
  async answered(): Promise<LeftOver> {
    const { requests, limits } = this.#options;
    const lateUntilMs = performance.now() + LATE_MS;
    const untilMs = performance.now() + limits.shutdownTimeoutMs * SHARE;
    let owed = this.#owed();
    const before = new Set(owed);
    while (!this.#isStopped && owed.size > 0) {
      await pause(POLL_MS);
      owed = this.#owed();
      for (const one of before) if (!owed.has(one)) before.delete(one);
      if (before.size === 0 && performance.now() > lateUntilMs) return leftOver(0, 0);
      if (performance.now() > untilMs) return leftOver(requests.owedPublishes(), owed.size);
    }
    return leftOver(0, 0);
  }

  #owed(): Set<object> {
    const { requests, browsing } = this.#options;
    return new Set([...requests.owed(), ...browsing.owed()]);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function leftOver(publishes: number, owed: number): LeftOver {
  return { publishes, requests: owed - publishes, cursors: 0, acks: 0 };
}
