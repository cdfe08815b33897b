/**
 * One session for appends, over its breaks: opened again with jittered back-off, one user at a time.
 * `always`: as soon as it breaks. `when asked`: by the next `ready`.
 */
import type pg from 'pg';
import { backoffMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { destroy } from './log-connection.js';
import { messageOf } from './log-errors.js';

const RECONNECT = { firstMs: 20, capMs: 500 };

export interface Session {
  client: pg.Client;
  /** Of its backend. */
  pid: number;
}

export interface AppendConnectionOptions {
  open: (onLost: (error: Error) => void) => Promise<Session>;
  reopen: 'always' | 'when asked';
  clock: Clock;
  /** Away for longer than this: `onDown`. */
  downAfterMs: number;
  onDown: (detail: string) => void;
  onOpen: () => void;
}

export class AppendConnection {
  readonly #options: AppendConnectionOptions;
  #state: 'idle' | 'open' | 'away' | 'closed' = 'idle';
  #session: Session | null = null;
  #awaySinceMs = 0;
  #detail = '';
  #downTimer: NodeJS.Timeout | null = null;
  readonly #waiting = new Set<() => void>();

  constructor(options: AppendConnectionOptions) {
    this.#options = options;
  }

  /** Null while it is away. */
  get pid(): number | null {
    return this.#session?.pid ?? null;
  }

  /** Rejects when the first try fails. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** The session; null when it has been away for `graceMs`. */
  async ready(graceMs: number): Promise<Session | null> {
    if (this.#session !== null || this.#state === 'closed') return this.#session;
    if (this.#state === 'idle') this.#goAway('not connected yet');
    const leftMs = this.#awaySinceMs + graceMs - this.#options.clock.monotonic();
    if (leftMs > 0) await this.#wait(leftMs);
    return this.#session;
  }

  /** The session is of no use any more. Its `onLost` does the rest. */
  drop(session: Session, detail: string): void {
    destroy(session.client);
    this.#lost(session, detail);
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    const session = this.#session;
    this.#session = null;
    if (this.#downTimer !== null) clearTimeout(this.#downTimer);
    this.#wake();
    // What is broken already may say so once more.
    await session?.client.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const opened: { session: Session | null; broken: Error | null } = {
      session: null,
      broken: null,
    };
    const session = await this.#options.open((error) => {
      opened.broken = error;
      if (opened.session !== null) this.#lost(opened.session, messageOf(error));
    });
    if (opened.broken !== null) throw opened.broken;
    if (this.#state === 'closed') {
      destroy(session.client);
      return;
    }
    opened.session = session;
    this.#session = session;
    this.#state = 'open';
    if (this.#downTimer !== null) clearTimeout(this.#downTimer);
    this.#options.onOpen();
    this.#wake();
  }

  #lost(session: Session, detail: string): void {
    if (this.#session !== session) return;
    this.#session = null;
    if (this.#options.reopen === 'always') this.#goAway(detail);
    else this.#state = 'idle';
  }

  #goAway(detail: string): void {
    const { clock, downAfterMs, onDown } = this.#options;
    this.#state = 'away';
    this.#detail = detail;
    this.#awaySinceMs = clock.monotonic();
    if (this.#downTimer !== null) clearTimeout(this.#downTimer);
    this.#downTimer = setTimeout(() => onDown(this.#detail), downAfterMs);
    this.#retry(1);
  }

  #retry(attempt: number): void {
    if (this.#state !== 'away') return;
    this.#connect().catch((error: unknown) => {
      this.#detail = messageOf(error);
      const { clock } = this.#options;
      const delay = backoffMs(attempt, RECONNECT, () => clock.random());
      setTimeout(() => this.#retry(attempt + 1), delay);
    });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}
