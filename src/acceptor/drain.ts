/**
 * How long the end of an acceptor waits: for the answers that are owed when the drain begins, and for those
 * to what is asked meanwhile, if they come soon.
 */
import type { Limits } from '../core/limits.js';
import type { LeftOver } from '../thread/control.js';
import type { LogReads } from './routes/log-reads.js';
import type { Backlog } from './session/inboxes.js';
import type { Requests } from './workers/pending-requests.js';

/** How often a drain looks whether everything under way was answered. */
const POLL_MS = 10;
/** What is asked during a drain holds it up this long at most. */
const LATE_MS = 500;
/** The part of SHUTDOWN_TIMEOUT_MS that may pass from the drain's begin until everything was answered. */
const SHARE = 0.63;
/** Of that until what had come before was read. */
const READ_SHARE = 0.2;

/** What sessions sent and was not read yet. */
export interface Unread {
  /** So many sessions. */
  readonly unread: number;
  backlog(): Backlog;
}

const NOTHING: LeftOver = { publishes: 0, requests: 0, unread: 0, cursors: 0, acks: 0 };

export interface DrainOptions {
  requests: Pick<Requests, 'owed' | 'owedPublishes'>;
  browsing: Pick<LogReads, 'owed'>;
  frames: Unread;
  limits: Pick<Limits, 'shutdownTimeoutMs'>;
}

export class Drain {
  readonly #options: DrainOptions;
  #beganAtMs = performance.now();
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

  /** The drain begins. Resolves once all is read that had come by now, or much of the time is over. */
  async read(): Promise<void> {
    const { frames, limits } = this.#options;
    this.#beganAtMs = performance.now();
    const untilMs = this.#beganAtMs + limits.shutdownTimeoutMs * READ_SHARE;
    const before = frames.backlog();
    while (!this.#isStopped && !before.isRead() && performance.now() < untilMs) {
      await pause(POLL_MS);
    }
  }

  /**
   * Resolves once everything that is under way now was answered, and what came later too, if that is
   * soon: clients that go on asking must not hold up the end for ever. A database that does not answer must
   * not, either: what is then owed is left over.
   */
  async answered(): Promise<LeftOver> {
    const { frames, limits } = this.#options;
    const lateUntilMs = performance.now() + LATE_MS;
    const untilMs = this.#beganAtMs + limits.shutdownTimeoutMs * SHARE;
    let owed = this.#owed();
    const before = new Set(owed);
    const unread = frames.backlog();
    while (!this.#isStopped && (owed.size > 0 || frames.unread > 0)) {
      await pause(POLL_MS);
      owed = this.#owed();
      for (const one of before) if (!owed.has(one)) before.delete(one);
      const isAnswered = unread.isRead() && before.size === 0;
      if (isAnswered && performance.now() > lateUntilMs) return NOTHING;
      if (performance.now() > untilMs) return this.#leftOver(owed.size);
    }
    return NOTHING;
  }

  #owed(): Set<object> {
    const { requests, browsing } = this.#options;
    return new Set([...requests.owed(), ...browsing.owed()]);
  }

  #leftOver(owed: number): LeftOver {
    const { requests, frames } = this.#options;
    const publishes = requests.owedPublishes();
    return { ...NOTHING, publishes, requests: owed - publishes, unread: frames.unread };
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
