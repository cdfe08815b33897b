/**
 * Pages of the log for a topic worker, read on the cold pool's threads. A worker has at most OUTSTANDING_MAX
 * reads there; the number of those that wait is bounded by the topics and sessions that read, one page each.
 * While the pool sleeps the first few pages are read by the worker itself (own-pages.ts).
 */
import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '../../core/clock.js';
import { PoolPort } from '../../thread/pool-port.js';
import type { LogPage, ReadRange } from './message-log.js';
import type { OwnPages } from './own-pages.js';
import { unpackPage } from './packed-page.js';

const OUTSTANDING_MAX = 8;
/** Since its last page: its thread, which ends when it is idle, is still there (cold/cold-pool.ts). */
const AWAKE_MS = 30_000;

export interface ColdReaderOptions {
  /** Null: every page is the pool's. */
  own: OwnPages | null;
  clock: Pick<Clock, 'monotonic'>;
}

export class ColdReader {
  readonly #port: PoolPort<ReadRange>;
  readonly #options: ColdReaderOptions;
  #awakeUntilMs = Number.NEGATIVE_INFINITY;

  constructor(port: MessagePort, options: ColdReaderOptions) {
    this.#options = options;
    this.#port = new PoolPort<ReadRange>(port, {
      underWayMax: OUTSTANDING_MAX,
      waitingMax: Number.POSITIVE_INFINITY,
      answerMs: Number.POSITIVE_INFINITY,
    });
  }

  /** Rejects with RequestError, `log_unavailable` when the pool is gone. */
  async read(range: ReadRange): Promise<LogPage> {
    const { own, clock } = this.#options;
    const isAwake = clock.monotonic() < this.#awakeUntilMs;
    const page = isAwake || own === null ? null : own.read(range);
    if (page !== null) return page;
    const packed = await this.#port.ask(range);
    this.#awakeUntilMs = clock.monotonic() + AWAKE_MS;
    return unpackPage(packed);
  }

  /** Reads that have no answer reject. */
  close(): void {
    this.#port.close();
  }
}
