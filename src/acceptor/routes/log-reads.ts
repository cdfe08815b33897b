/**
 * Where the HTTP API's reads of the log go: to the browsing pool's threads and connections, or in memory to
 * the workers, each of which has topics of its own. A few are under way at a time, since each may bring a
 * page of megabytes; what waits is bounded.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Limits } from '../../core/limits.js';
import { Turns } from '../../core/turns.js';
import { readAnswer, unpackAnswer } from '../../thread/call-text.js';
import type { BrowseCall, CallArgs, CallAsk, CallResult, OwnersCall } from '../../thread/calls.js';
import { PoolPort } from '../../thread/pool-port.js';
import type { Workers } from '../workers/workers.js';

/** With the pool, or the workers; the others wait here, bounded in number and in time. */
const UNDER_WAY_MAX = 4;
const ANSWER_MS = 10_000;

export class LogReads {
  readonly #workers: Workers;
  readonly #pool: PoolPort<CallAsk<BrowseCall>> | null;
  /** In memory. */
  readonly #turns: Turns;

  /** `port`: of the pool; null in memory. */
  constructor(workers: Workers, port: MessagePort | null, limits: Limits) {
    this.#workers = workers;
    const waiting = { waitingMax: limits.browseWaitingMax, variable: 'BROWSE_WAITING_MAX' };
    const bounds = { underWayMax: UNDER_WAY_MAX, ...waiting, answerMs: ANSWER_MS };
    this.#turns = new Turns({ atOnce: UNDER_WAY_MAX, ...waiting });
    this.#pool = port === null ? null : new PoolPort<CallAsk<BrowseCall>>(port, bounds);
  }

  /** One answer from the pool, or in memory one from each worker. Rejects with RequestError. */
  async all<M extends BrowseCall>(method: M, args: CallArgs<M>): Promise<CallResult<M>[]> {
    if (this.#pool === null) {
      return this.#turns.run('read', () => this.#workers.callAll(method, args));
    }
    return [await this.#inPool(this.#pool, { method, args })];
  }

  /** Of the topic that `args` name, which in memory its owner has. Rejects with RequestError. */
  async of<M extends OwnersCall<BrowseCall>>(method: M, args: CallArgs<M>): Promise<CallResult<M>> {
    if (this.#pool !== null) return this.#inPool(this.#pool, { method, args });
    return this.#turns.run('read', () =>
      this.#workers.call(this.#workers.ownerOf(args.key), method, args),
    );
  }

  /** Requests that wait for an answer of the pool. */
  owed(): Iterable<object> {
    return this.#pool?.owed() ?? [];
  }

  close(): void {
    this.#pool?.close();
  }

  async #inPool<M extends BrowseCall>(
    pool: PoolPort<CallAsk<BrowseCall>>,
    ask: CallAsk<M>,
  ): Promise<CallResult<M>> {
    return readAnswer<M>(unpackAnswer(await pool.ask(ask)));
  }
}
