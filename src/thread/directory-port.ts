/**
 * An acceptor's end of its port to the directory of tenants and API keys, which the main thread has. Look-ups
 * of keys, and leases of quotas, never wait for those who manage keys: each kind has its own share of what is
 * under way.
 */
import type { MessagePort } from 'node:worker_threads';
import type { TokenRecord } from '../core/token-record.js';
import { Turns } from '../core/turns.js';
import type {
  DirectoryArgs,
  DirectoryAsk,
  DirectoryCall,
  DirectoryResult,
} from './directory-calls.js';
import { PoolPort, type PoolResult } from './pool-port.js';

/** Each kind of question has a smaller bound of its own. */
const UNDER_WAY_MAX = 24;
const WAITING_MAX = 64;
const ANSWER_MS = 10_000;
const MANAGING = { atOnce: 2, waitingMax: WAITING_MAX };
/** Some may wait for the keys of the issuer; how many tokens wait is bounded where they are shown. */
const CHECKING = { atOnce: 16, waitingMax: Number.POSITIVE_INFINITY };

export class DirectoryPort {
  readonly #pool: PoolPort<DirectoryAsk>;
  readonly #managing = new Turns(MANAGING);
  readonly #checking = new Turns(CHECKING);

  constructor(port: MessagePort) {
    const bounds = { underWayMax: UNDER_WAY_MAX, waitingMax: WAITING_MAX, answerMs: ANSWER_MS };
    this.#pool = new PoolPort<DirectoryAsk>(port, bounds);
  }

  /** For what waits for nobody who manages. Rejects with RequestError. */
  async lookUp<M extends 'keys.find' | 'keys.used' | 'audit.add' | 'quotas.lease'>(
    method: M,
    args: DirectoryArgs<M>,
  ): Promise<DirectoryResult<M>> {
    return this.#ask(method, args);
  }

  /** Null: the token is not good. Rejects with RequestError. */
  async check(token: string): Promise<TokenRecord | null> {
    const asked = await this.#checking.run('tokens', () => this.#ask('tokens.check', { token }));
    return asked.record;
  }

  /** In the turn of whoever asks; so many of each may wait. Rejects with RequestError. */
  manage<M extends DirectoryCall>(
    by: string,
    method: M,
    args: DirectoryArgs<M>,
  ): Promise<DirectoryResult<M>> {
    return this.#managing.run(by, () => this.#ask(method, args));
  }

  close(): void {
    this.#pool.close();
  }

  async #ask<M extends DirectoryCall>(
    method: M,
    args: DirectoryArgs<M>,
  ): Promise<DirectoryResult<M>> {
    const ask: DirectoryAsk<M> = { method, args };
    const packed = await this.#pool.ask(ask as DirectoryAsk);
    return JSON.parse(Buffer.from(packed).toString('utf8')) as DirectoryResult<M>;
  }
}

/** What the other end answers with. */
export function packDirectoryResult(result: object): PoolResult {
  return new Uint8Array(Buffer.from(JSON.stringify(result), 'utf8')).buffer;
}
