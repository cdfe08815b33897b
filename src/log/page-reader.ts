/**
 * Reads of the log on connections of its own, for a thread that only reads (the cold pool). Knows
 * nothing of appends and epochs.
 */
import pg from 'pg';
import { RequestError } from '../core/errors.js';
import { faultOf } from './log-errors.js';
import { LOG_REFUSALS, refusalError } from './log-refusal.js';
import type { LogPage, ReadRange } from './message-log.js';
import { MessageStore } from './message-store.js';

const CONNECTIONS_MAX = 2;
const STATEMENT_TIMEOUT_MS = 30_000;

export interface PageReaderOptions {
  databaseUrl: string;
  applicationName: string;
}

export class PageReader {
  readonly #pool: pg.Pool;
  readonly #messages: MessageStore;

  constructor(options: PageReaderOptions) {
    this.#pool = new pg.Pool({
      connectionString: options.databaseUrl,
      application_name: options.applicationName,
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: 5_000,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    });
    // An idle connection that breaks is replaced by the pool; the next read says what is wrong.
    this.#pool.on('error', () => undefined);
    this.#messages = new MessageStore(this.#pool);
  }

  /** Rejects with RequestError, its cause what was said; or with a bug. */
  async read(range: ReadRange): Promise<LogPage> {
    try {
      return await this.#messages.read(range);
    } catch (error) {
      if (error instanceof RequestError) throw error;
      const fault = faultOf(error);
      throw fault === 'bug' ? error : refusalError(LOG_REFUSALS[fault], error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
