/**
 * Logins, on the main thread: makes them of keys that were shown, and says what one is good for, which is
 * what its key is good for now. One of a configured key is bound to that key by a proof: a node whose
 * configuration has another key under that name does not take it.
 */
import { createHash } from 'node:crypto';
import { digestOf, isSameDigest, makeLogin } from '../core/api-key.js';
import type { FoundKey } from '../core/key-record.js';
import type { Limits } from '../core/limits.js';
import type { ConfiguredKeys } from './configured-keys.js';
import type { FoundLogin, LoginStore } from './login-store.js';

const HOUR_MS = 3_600_000;

export interface LoginsOptions {
  store: LoginStore;
  configured: ConfiguredKeys;
  limits: Pick<Limits, 'loginHours'>;
}

/** What the browser is to show, and for how long. */
export interface MadeLogin {
  login: string;
  leftMs: number;
}

export class Logins {
  readonly #options: LoginsOptions;

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** As `LoginStore.add`; null: none was made. `keyId`: of the key, or the name of its variable. */
  async create(keyId: string, replaces: string | null): Promise<MadeLogin | null> {
    const { store, configured, limits } = this.#options;
    const { id, text: login } = makeLogin();
    const key = configured.byId(keyId);
    const of = key === null ? { keyId } : { variable: keyId, proof: proofOf(key.digest, id) };
    const lifeMs = limits.loginHours * HOUR_MS;
    const leftMs = await store.add({ id, digest: digestOf(login), of, lifeMs, replaces });
    return leftMs === null ? null : { login, leftMs };
  }

  async find(ids: readonly string[]): Promise<FoundKey[]> {
    const logins = await this.#options.store.find(ids);
    return logins.flatMap((login) => this.#rightOf(login) ?? []);
  }

  /**
   * As of a key; null: its key is not there any more. The end is that of the key, so whoever is logged in
   * sees and ends what the key may; the login's own is in `leftMs`.
   */
  #rightOf({ id, digest, leftMs, of }: FoundLogin): FoundKey | null {
    const login = { id, digest, leftMs };
    if ('keyId' in of) {
      const { keyId: loginOf, ...right } = of;
      return { ...login, ...right, loginOf };
    }
    const key = this.#options.configured.byId(of.variable);
    if (key === null) return null;
    if (!isSameDigest(proofOf(key.digest, id), Buffer.from(of.proof, 'hex'))) return null;
    const { tenant, scopes, topics, expiresAtMs } = key.principal;
    return { ...login, tenant, scopes: [...scopes], topics, expiresAtMs, loginOf: of.variable };
  }
}

function proofOf(digest: Buffer, loginId: string): Buffer {
  return createHash('sha256').update(loginId).update(digest).digest();
}
