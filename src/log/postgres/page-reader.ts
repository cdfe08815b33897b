/**
 * Reads of the log on connections of its own, for a thread that only reads (the cold pool). Knows
 * nothing of appends and epochs.
 */
import { RequestError } from '../../core/errors.js';
import { faultOf } from '../contract/log-errors.js';
import { LOG_REFUSALS, refusalError } from '../contract/log-refusal.js';
import type { LogPage, ReadRange } from '../contract/message-log.js';
import { READER_CONNECTIONS } from './session/connection-budget.js';
import type { KeptPool } from './session/kept-pool.js';
import { openPool } from './session/log-connection.js';
import { MessageStore } from './store/message-store.js';

export interface PageReaderOptions {
  databaseUrl: string;
  applicationName: string;
}

export class PageReader {
  readonly #pool: KeptPool;
  readonly #messages: MessageStore;

  constructor(options: PageReaderOptions) {
    this.#pool = openPool(options, READER_CONNECTIONS);
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
