/** Makes tokens on an acceptor, each of the API key of whoever asks, with which it ends. */
import type { Clock } from '../core/clock.js';
import { RequestError } from '../core/errors.js';
import type { Verb } from '../core/scope.js';
import { makeToken, TOKEN_CHARS_MAX } from '../core/token.js';
import type { TokenRecord } from '../core/token-record.js';
import type { Tenant } from '../core/topic-key.js';
import type { KeyCache } from './key-cache.js';
import type { KnownKey } from './known-key.js';

export interface TokenMintOptions {
  clock: Clock;
  keys: KeyCache;
  /** What tokens are sealed with. */
  secret: Uint8Array;
}

/** What is asked for, which its key may do itself. */
export interface NewToken {
  tenant: Tenant;
  verbs: readonly Verb[];
  topics: readonly string[] | null;
  subject: string | null;
  ttlMs: number;
}

export interface MadeToken {
  record: TokenRecord;
  token: string;
}

export class TokenMint {
  readonly #options: TokenMintOptions;

  constructor(options: TokenMintOptions) {
    this.#options = options;
  }

  /** `keyId`: of the key that asks. Rejects as a look-up of it does, and `invalid_field` for a long one. */
  make(keyId: string, asked: NewToken): Promise<MadeToken> {
    return new Promise((resolve, reject) => {
      this.#options.keys.byId(keyId, (key) => {
        const made = key instanceof RequestError ? key : this.#makeOf(key, asked);
        if (made instanceof RequestError) reject(made);
        else resolve(made);
      });
    });
  }

  #makeOf(key: KnownKey, { ttlMs, ...asked }: NewToken): MadeToken | RequestError {
    const { clock, secret } = this.#options;
    const endMs = key.principal.expiresAtMs ?? Number.POSITIVE_INFINITY;
    const record = { ...asked, expiresAtMs: Math.min(clock.now() + ttlMs, endMs) };
    const token = makeToken({ ...record, key: key.id }, { secret, digest: key.digest });
    if (token.length <= TOKEN_CHARS_MAX) return { record, token };
    const detail =
      `the token would have ${token.length} characters, and a header takes ${TOKEN_CHARS_MAX}: ` +
      'name fewer topics, or patterns';
    return new RequestError('invalid_field', detail, 'topics');
  }
}
