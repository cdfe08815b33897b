/**
 * Pages of the log for a topic worker, read on the cold pool's threads. A worker has at most OUTSTANDING_MAX
 * reads there; the number of those that wait is bounded by the topics and sessions that read, one page each.
 */
import type { MessagePort } from 'node:worker_threads';
import { PoolPort } from '../../thread/pool-port.js';
import type { LogPage, ReadRange } from './message-log.js';
import { unpackPage } from './packed-page.js';

const OUTSTANDING_MAX = 8;

export class ColdReader {
  readonly #port: PoolPort<ReadRange>;

  constructor(port: MessagePort) {
    this.#port = new PoolPort<ReadRange>(port, {
      underWayMax: OUTSTANDING_MAX,
      waitingMax: Number.POSITIVE_INFINITY,
      answerMs: Number.POSITIVE_INFINITY,
    });
  }

  /** Rejects with RequestError, `log_unavailable` when the pool is gone. */
  async read(range: ReadRange): Promise<LogPage> {
    return unpackPage(await this.#port.ask(range));
  }

  /** Reads that have no answer reject. */
  close(): void {
    this.#port.close();
  }
}
