/**
 * Pools of threads for what is not hot: pages of the log for catch-up and replay; what the HTTP API shows.
 * Each has threads and connections of its own, so that browsing never delays who catches up. Owned by the
 * main thread; other threads reach them through ports (cold-port.ts). A thread starts at the first ask
 * and ends when it has been idle for a while.
 */
import { fileURLToPath } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ReaderOptions } from '../log/postgres/reader-pool.js';
import type { PoolResult } from '../thread/pool-port.js';

const THREADS_DEFAULT = 1;
/** Asks under way in one thread: they wait for the database most of the time. */
const ASKS_PER_THREAD = 2;
const IDLE_MS = 60_000;
/**
 * Rows are garbage once they are packed: with V8's own bounds 50 pages of 4 MiB left 170 MB, with this 120.
 */
const HEAP: ResourceLimits = { maxYoungGenerationSizeMb: 6 };

export interface ColdPoolOptions extends ReaderOptions {
  task: 'read-page' | 'browse';
  /** Default 1. */
  threads?: number;
}

/** `Q`: what its task is asked. */
export class ColdPool<Q> {
  readonly #pool: Piscina<Q, PoolResult>;

  constructor(options: ColdPoolOptions) {
    const { task, threads, databaseUrl, moreDatabaseUrls = [], applicationName } = options;
    this.#pool = new Piscina<Q, PoolResult>({
      filename: fileURLToPath(new URL(`./${task}.js`, import.meta.url)),
      workerData: { databaseUrl, moreDatabaseUrls, applicationName } satisfies ReaderOptions,
      minThreads: 0,
      maxThreads: threads ?? THREADS_DEFAULT,
      concurrentTasksPerWorker: ASKS_PER_THREAD,
      idleTimeout: IDLE_MS,
      execArgv: [],
      resourceLimits: HEAP,
    });
  }

  /** Rejects with what the task threw, when its thread died, or when the pool is closed. */
  run(ask: Q): Promise<PoolResult> {
    return this.#pool.run(ask);
  }

  /** Ends the threads; asks under way reject. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
