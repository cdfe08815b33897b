/** A tenant and an API key as the directory has them: without the key itself, which nobody has. */
import type { Quotas } from './quotas.js';
import type { Scope } from './scope.js';
import type { Tenant } from './topic-key.js';

export interface TenantRecord {
  name: Tenant;
  createdAtMs: number;
  quotas: Quotas;
}

/** What a key is good for. */
export interface KeyRight {
  tenant: Tenant;
  scopes: readonly Scope[];
  /** Patterns (core/topic-pattern.ts); null: all topics of the tenant. */
  topics: readonly string[] | null;
  /** Unix ms of the directory's clock; null: it does not end. */
  expiresAtMs: number | null;
}

export interface KeyRecord extends KeyRight {
  id: string;
  createdAtMs: number;
  /** To the minute; null: never. */
  lastUsedAtMs: number | null;
}

/** For whoever is shown a key and is to know whose it is. */
export interface FoundKey extends KeyRight {
  id: string;
  /** Of the whole key, SHA-256 in hex. */
  digest: string;
  /** Until it expires, ms; null: it does not. So nobody else needs the directory's clock. */
  leftMs: number | null;
  /** Of a login: the id of the key that was shown, or the name of its variable; absent: it is a key. */
  loginOf?: string;
}
