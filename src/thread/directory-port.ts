/**
 * An acceptor's end of its port to the directory of tenants and API keys, which the main thread has. Look-ups
 * of keys, and leases of quotas, never wait for those who manage keys: each kind has its own share of what is
 * under way.
 */
import type { MessagePort } from 'node:worker_threads';
import type { TokenRecord } from '../core/token-record.js';
import { Turns } from '../core/turns.js';
import { CallPort } from './call-port.js';
import type {
  DirectoryArgs,
  DirectoryCall,
  DirectoryResult,
  DirectoryTypes,
} from './directory-calls.js';

/** Each kind of question has a smaller bound of its own. */
const UNDER_WAY_MAX = 24;
const WAITING_MAX = 64;
const ANSWER_MS = 10_000;
const MANAGING = { atOnce: 2, waitingMax: WAITING_MAX };
/** Some may wait for the keys of the issuer; how many tokens wait is bounded where they are shown. */
const CHECKING = { atOnce: 16, waitingMax: Number.POSITIVE_INFINITY };

export class DirectoryPort {
  readonly #calls: CallPort<DirectoryTypes>;
  readonly #managing = new Turns(MANAGING);
  readonly #checking = new Turns(CHECKING);

  constructor(port: MessagePort) {
    const bounds = { underWayMax: UNDER_WAY_MAX, waitingMax: WAITING_MAX, answerMs: ANSWER_MS };
    this.#calls = new CallPort<DirectoryTypes>(port, bounds);
  }

  /** For what waits for nobody who manages. Rejects with RequestError. */
  async lookUp<M extends 'keys.find' | 'keys.used' | 'audit.add' | 'quotas.lease'>(
    method: M,
    args: DirectoryArgs<M>,
  ): Promise<DirectoryResult<M>> {
    return this.#calls.ask(method, args);
  }

  /** Null: the token is not good. Rejects with RequestError. */
  async check(token: string): Promise<TokenRecord | null> {
    const asked = await this.#checking.run('tokens', () =>
      this.#calls.ask('tokens.check', { token }),
    );
    return asked.record;
  }

  /** In the turn of whoever asks; so many of each may wait. Rejects with RequestError. */
  manage<M extends DirectoryCall>(
    by: string,
    method: M,
    args: DirectoryArgs<M>,
  ): Promise<DirectoryResult<M>> {
    return this.#managing.run(by, () => this.#calls.ask(method, args));
  }

  close(): void {
    this.#calls.close();
  }
}
