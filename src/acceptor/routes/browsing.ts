/**
 * Where the HTTP API's reads of the log go: to the browsing pool's threads and connections, or in memory to
 * the workers, each of which has topics of its own. What waits for the pool is bounded.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Limits } from '../../core/limits.js';
import type { TopicKey } from '../../core/topic-key.js';
import { type BrowseAsk, type Browsed, unpackBrowsed } from '../../log/contract/browsed.js';
import { PoolPort } from '../../thread/pool-port.js';
import type { Workers } from '../workers/workers.js';

/** With the pool; the others wait here, where their number is bounded and their time runs out. */
const UNDER_WAY_MAX = 4;
const ANSWER_MS = 10_000;

export interface Answer<T> {
  result: T;
  /** To be sent as it is; may be empty. */
  body: Uint8Array;
}

export class Browsing {
  readonly #workers: Workers;
  readonly #pool: PoolPort<BrowseAsk> | null;

  /** `port`: of the pool; null in memory. */
  constructor(workers: Workers, port: MessagePort | null, limits: Limits) {
    this.#workers = workers;
    const bounds = {
      underWayMax: UNDER_WAY_MAX,
      waitingMax: limits.browseWaitingMax,
      answerMs: ANSWER_MS,
    };
    this.#pool = port === null ? null : new PoolPort<BrowseAsk>(port, bounds);
  }

  /** All that `args` reach: one answer from the pool, or one of each worker. Rejects with RequestError. */
  all<T>(method: string, args: Record<string, unknown>): Promise<Answer<T>[]> {
    const ask = { method, args };
    const { count } = this.#workers;
    const sources =
      this.#pool === null
        ? Array.from({ length: count }, (_, index) => this.#atWorker(index, ask))
        : [this.#inPool(this.#pool, ask)];
    return Promise.all(sources.map(async (source) => answerOf<T>(await source)));
  }

  /** Of one topic. Rejects with RequestError. */
  async of<T>(key: TopicKey, method: string, args: Record<string, unknown>): Promise<Answer<T>> {
    const ask = { method, args: { ...args, key } };
    if (this.#pool !== null) return answerOf<T>(await this.#inPool(this.#pool, ask));
    const owner = this.#workers.ownerOf(key);
    return answerOf<T>(await this.#workers.ask(owner, ask.method, ask.args));
  }

  /** Requests that wait for an answer of the pool. */
  owed(): Iterable<object> {
    return this.#pool?.owed() ?? [];
  }

  close(): void {
    this.#pool?.close();
  }

  async #inPool(pool: PoolPort<BrowseAsk>, ask: BrowseAsk): Promise<Browsed> {
    return unpackBrowsed(await pool.ask(ask));
  }

  async #atWorker(index: number, { method, args }: BrowseAsk): Promise<Browsed> {
    return this.#workers.ask(this.#workers.byIndex(index), method, args);
  }
}

function answerOf<T>({ result, body }: Browsed): Answer<T> {
  return { result: JSON.parse(result) as T, body };
}
