/**
 * The keys of the configuration, which may have any form and are compared whole: DEFAULT_API_KEY is the
 * default tenant's, for all but operating; ADMIN_API_KEY is the operator's.
 */
import type { Config } from '../config/config.js';
import { digestOf, isSameDigest } from '../core/api-key.js';
import { ANYONE, Principal } from '../core/principal.js';
import { SCOPES, type Scope } from '../core/scope.js';
import { KnownKey } from './known-key.js';

/** What the default tenant's own key is good for. */
export const TENANT_SCOPES: readonly Scope[] = SCOPES.filter((scope) => scope !== 'operate');

export class ConfiguredKeys {
  readonly #keys: readonly KnownKey[];

  constructor({ defaultApiKey, adminApiKey }: Pick<Config, 'defaultApiKey' | 'adminApiKey'>) {
    this.#keys = [
      ...configuredKey(defaultApiKey, 'DEFAULT_API_KEY', TENANT_SCOPES),
      ...configuredKey(adminApiKey, 'ADMIN_API_KEY', ['operate']),
    ];
  }

  /** All of them are compared, so the time tells nothing of which. */
  find(digest: Buffer): KnownKey | null {
    let found: KnownKey | null = null;
    for (const key of this.#keys) if (isSameDigest(key.digest, digest)) found = key;
    return found;
  }

  /** By the name of its variable, which is its id. */
  byId(id: string): KnownKey | null {
    return this.#keys.find((key) => key.id === id) ?? null;
  }
}

function configuredKey(text: string | null, keyId: string, scopes: readonly Scope[]): KnownKey[] {
  if (text === null) return [];
  const options = { keyId, topics: null, expiresAtMs: null };
  const principal = new Principal(ANYONE.tenant, scopes, options);
  return [KnownKey.configured(keyId, digestOf(text), principal)];
}
