/**
 * A session over its breaks, and the only one who opens it again: whatever order its events come in, one try
 * is under way, and tries are jittered and further apart each time. A session that breaks soon after it was
 * opened counts as a failed try.
 */
import { type BackoffOptions, backoffMs } from '../../../core/backoff.js';
import type { Clock } from '../../../core/clock.js';
import { messageOf } from '../../contract/log-errors.js';
import type { BoundedClient } from './bounded-client.js';

/** What lived for so long was well. */
const STEADY_MS = 5_000;

export interface KeptSession {
  client: BoundedClient;
}

export interface KeptConnectionOptions<S extends KeptSession> {
  /** Whoever it rejects for has no session; `onLost` may come at any time, also before it resolves. */
  open: (onLost: (error: Error) => void) => Promise<S>;
  /** `always`: as soon as it breaks. `when asked`: by the next `ready`. */
  reopen: 'always' | 'when asked';
  backoff: BackoffOptions;
  clock: Clock;
  /** Away for longer than this: `onDown`. */
  downAfterMs: number;
  onDown: (detail: string) => void;
  onOpen: (session: S) => void;
}

export class KeptConnection<S extends KeptSession> {
  readonly #options: KeptConnectionOptions<S>;
  #state: 'idle' | 'open' | 'away' | 'closed' = 'idle';
  #session: S | null = null;
  #openedAtMs = 0;
  #awaySinceMs = 0;
  /** Tries since it was last well. */
  #attempt = 0;
  #detail = 'not connected yet';
  #downTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  readonly #waiting = new Set<() => void>();

  constructor(options: KeptConnectionOptions<S>) {
    this.#options = options;
  }

  /** `idle`: nobody has asked for it. */
  get state(): 'idle' | 'open' | 'away' | 'closed' {
    return this.#state;
  }

  /** Null while it is away. */
  get session(): S | null {
    return this.#session;
  }

  /** Rejects when the first try fails. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** Opens it and keeps it open, however long that takes. */
  begin(): void {
    if (this.#state === 'idle') this.#goAway();
  }

  /** The session; null when it has been away for `graceMs`. */
  async ready(graceMs: number): Promise<S | null> {
    if (this.#session !== null || this.#state === 'closed') return this.#session;
    this.begin();
    const leftMs = this.#awaySinceMs + graceMs - this.#options.clock.monotonic();
    if (leftMs > 0) await this.#wait(leftMs);
    return this.#session;
  }

  /** The session is of no use any more. */
  drop(session: S, detail: string): void {
    session.client.destroy();
    this.#lost(session, detail);
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    const session = this.#session;
    this.#session = null;
    this.#clearTimers();
    this.#wake();
    await session?.client.end();
  }

  async #connect(): Promise<void> {
    const { open, clock, onOpen } = this.#options;
    const opened: { session: S | null; broken: Error | null } = { session: null, broken: null };
    const session = await open((error) => {
      opened.broken = error;
      if (opened.session !== null) this.#lost(opened.session, messageOf(error));
    });
    if (opened.broken !== null) throw opened.broken;
    if (this.#state === 'closed') {
      session.client.destroy();
      return;
    }
    opened.session = session;
    this.#session = session;
    this.#openedAtMs = clock.monotonic();
    this.#state = 'open';
    this.#clearTimers();
    onOpen(session);
    this.#wake();
  }

  #lost(session: S, detail: string): void {
    if (this.#session !== session) return;
    this.#session = null;
    this.#detail = detail;
    if (this.#options.clock.monotonic() - this.#openedAtMs >= STEADY_MS) this.#attempt = 0;
    if (this.#options.reopen === 'always') this.#goAway();
    else this.#state = 'idle';
  }

  #goAway(): void {
    const { clock, downAfterMs, onDown } = this.#options;
    this.#state = 'away';
    this.#awaySinceMs = clock.monotonic();
    this.#clearTimers();
    this.#downTimer = setTimeout(() => onDown(this.#detail), downAfterMs);
    this.#retry();
  }

  /** The first try is at once. */
  #retry(): void {
    const { backoff, clock } = this.#options;
    const attempt = this.#attempt++;
    const delay = attempt === 0 ? 0 : backoffMs(attempt, backoff, () => clock.random());
    this.#retryTimer = setTimeout(() => {
      this.#connect().catch((error: unknown) => {
        this.#detail = messageOf(error);
        if (this.#state === 'away') this.#retry();
      });
    }, delay);
  }

  #clearTimers(): void {
    if (this.#downTimer !== null) clearTimeout(this.#downTimer);
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
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
