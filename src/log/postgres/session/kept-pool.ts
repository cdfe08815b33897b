/**
 * A pool of sessions over their breaks. pg's own opens a session for whoever asks, so that a thousand
 * queries during an outage are a thousand connections: here one in a while finds out whether the server
 * is back, and who comes meanwhile is told what the last try was told.
 */
import type pg from 'pg';
import type { QueryResultRow } from 'pg';
import { backoffMs } from '../../../core/backoff.js';
import type { Clock } from '../../../core/clock.js';
import type { DatabaseUse } from '../../../core/log-figures.js';
import { faultOf } from '../../contract/log-errors.js';
import { BoundedClient } from './bounded-client.js';
import { borrowed, type SessionPool } from './lent-session.js';

const RECONNECT = { firstMs: 20, capMs: 500 };
/** For sessions that are lent while the pool ends. */
const END_MS = 500;

export class KeptPool implements SessionPool {
  readonly #pool: pg.Pool;
  readonly #clock: Clock;
  readonly #sessions = new Set<BoundedClient>();
  /** Tries that failed, one after another, and what the last one was told. */
  #failed = 0;
  #error: unknown = null;
  #nextTryMs = 0;

  constructor(pool: pg.Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
    // An idle session that breaks is replaced by the pool; a query on it says what is wrong.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => {
      if (!(client instanceof BoundedClient)) throw new Error('a pool of other clients');
      this.#sessions.add(client);
      client.once('end', () => this.#sessions.delete(client));
    });
  }

  get use(): Pick<DatabaseUse, 'poolSessions' | 'poolWaiting'> {
    const { totalCount: poolSessions, waitingCount: poolWaiting } = this.#pool;
    return { poolSessions, poolWaiting };
  }

  /** To be released. Rejects at once while the server is away. */
  async connect(): Promise<pg.PoolClient> {
    if (this.#failed > 0 && this.#pool.idleCount === 0) this.#claimTry();
    try {
      const session = await this.#pool.connect();
      this.#failed = 0;
      return session;
    } catch (error) {
      // A pool that is full has waited for a session of its own, not for the server.
      if (this.#pool.totalCount < this.#pool.options.max) this.#away(error);
      throw error;
    }
  }

  query<R extends QueryResultRow>(
    statement: string | { name: string; text: string },
    values?: unknown[],
  ): Promise<{ rows: R[]; rowCount: number | null }> {
    return borrowed(this, async (session, spoil) => {
      try {
        return await session.query<R>(statement, values);
      } catch (error) {
        if (error instanceof Error && faultOf(error) === 'connection') spoil(error);
        throw error;
      }
    });
  }

  /** Queries under way have a moment. */
  async end(): Promise<void> {
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, END_MS);
    await this.#pool.end();
    clearTimeout(timer);
  }

  /** The caller is the one who tries, or is told why not. */
  #claimTry(): void {
    const now = this.#clock.monotonic();
    if (now < this.#nextTryMs) throw this.#error;
    this.#nextTryMs = now + this.#delayMs();
  }

  #away(error: unknown): void {
    this.#failed++;
    this.#error = error;
    this.#nextTryMs = this.#clock.monotonic() + this.#delayMs();
  }

  #delayMs(): number {
    return backoffMs(this.#failed, RECONNECT, () => this.#clock.random());
  }
}
