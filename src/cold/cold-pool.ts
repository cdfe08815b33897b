/**
 * The pool of threads for reads that are not hot: catch-up far back, replay, exports. Owned by the
 * main thread; topic workers reach it through a port (cold-port.ts). A thread starts at the first
 * read and ends when it has been idle for a while.
 */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { ReadResult } from '../log/cold-reader.js';
import type { ReadRange } from '../log/message-log.js';
import type { PageReaderOptions } from '../log/page-reader.js';

const TASK = fileURLToPath(new URL('./read-page.js', import.meta.url));
const THREADS_DEFAULT = 1;
/** Reads under way in one thread: they wait for the database most of the time. */
const READS_PER_THREAD = 2;
const IDLE_MS = 60_000;

export interface ColdPoolOptions extends PageReaderOptions {
  /** Default 1. */
  threads?: number;
}

export class ColdPool {
  readonly #pool: Piscina<ReadRange, ReadResult>;

  constructor(options: ColdPoolOptions) {
    const { threads, databaseUrl, applicationName } = options;
    this.#pool = new Piscina<ReadRange, ReadResult>({
      filename: TASK,
      workerData: { databaseUrl, applicationName } satisfies PageReaderOptions,
      minThreads: 0,
      maxThreads: threads ?? THREADS_DEFAULT,
      concurrentTasksPerWorker: READS_PER_THREAD,
      idleTimeout: IDLE_MS,
      execArgv: [],
    });
  }

  /** Rejects when the thread died of the read, or the pool is closed. */
  read(range: ReadRange): Promise<ReadResult> {
    return this.#pool.run(range);
  }

  /** Ends the threads; reads under way reject. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
