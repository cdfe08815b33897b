/**
 * The connections of a thread that only reads the log, and PostgreSQL's errors there as what callers know.
 */
import { RequestError } from '../../core/errors.js';
import { faultOf } from '../contract/log-errors.js';
import { LOG_REFUSALS, refusalError } from '../contract/log-refusal.js';
import { READER_CONNECTIONS } from './session/connection-budget.js';
import type { KeptPool } from './session/kept-pool.js';
import { openPool } from './session/log-connection.js';

export interface ReaderOptions {
  databaseUrl: string;
  /** Of several databases the others, for who reads of all. */
  moreDatabaseUrls?: readonly string[];
  applicationName: string;
}

export class ReaderPool {
  readonly db: KeptPool;

  constructor(options: ReaderOptions) {
    this.db = openPool(options, READER_CONNECTIONS);
  }

  /** Rejects with RequestError, its cause what was said; or with a bug. */
  async ask<T>(query: () => Promise<T>): Promise<T> {
    try {
      return await query();
    } catch (error) {
      if (error instanceof RequestError) throw error;
      const fault = faultOf(error);
      throw fault === 'bug' ? error : refusalError(LOG_REFUSALS[fault], error);
    }
  }

  async close(): Promise<void> {
    await this.db.end();
  }
}
