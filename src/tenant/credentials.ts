/**
 * Whatever a request may show of whose it is: an API key, or a token. What is configured as a key is one,
 * whatever it looks like.
 */
import { digestOf } from '../core/api-key.js';
import type { Principal } from '../core/principal.js';
import { isToken } from '../core/token.js';
import type { ConfiguredKeys } from './configured-keys.js';
import type { Admitted, KeyCache } from './key-cache.js';
import type { TokenCache } from './token-cache.js';

export interface CredentialsOptions {
  keys: KeyCache;
  tokens: TokenCache;
  configured: ConfiguredKeys;
}

export class Credentials {
  readonly #keys: KeyCache;
  readonly #tokens: TokenCache;
  readonly #configured: ConfiguredKeys;

  constructor({ keys, tokens, configured }: CredentialsOptions) {
    this.#keys = keys;
    this.#tokens = tokens;
    this.#configured = configured;
  }

  /** Whose it is, if that is known; for every request, so it makes nothing. */
  known(text: string): Principal | null {
    return this.#keys.known(text) ?? this.#tokens.known(text);
  }

  /** Calls `admitted` once, at once where nobody has to be asked. */
  admit(text: string, admitted: Admitted): void {
    if (isToken(text) && this.#configured.find(digestOf(text)) === null) {
      this.#tokens.admit(text, admitted);
    } else this.#keys.admit(text, admitted);
  }
}
