/**
 * Reads of the log on connections of its own, for a thread that only reads (the cold pool). Knows
 * nothing of appends and epochs.
 */
import type { LogPage, ReadRange } from '../contract/message-log.js';
import { type ReaderOptions, ReaderPool } from './reader-pool.js';
import { MessageStore } from './store/message-store.js';

export class PageReader {
  readonly #pool: ReaderPool;
  readonly #messages: MessageStore;

  constructor(options: ReaderOptions) {
    this.#pool = new ReaderPool(options);
    this.#messages = new MessageStore(this.#pool.db);
  }

  /** Rejects as the pool does. */
  read(range: ReadRange): Promise<LogPage> {
    return this.#pool.ask(() => this.#messages.read(range));
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
