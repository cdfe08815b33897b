/**
 * Where tenants and API keys are kept: in PostgreSQL, or in memory. Texts were checked where they came in.
 */
import type { FoundKey, KeyRecord, KeyRight, TenantRecord } from '../core/key-record.js';
import type { QuotaChanges, TenantQuotas } from '../core/quotas.js';
import type { Tenant } from '../core/topic-key.js';
import type { LoginStore } from './login-store.js';

export interface NewKey extends KeyRight {
  id: string;
  /** SHA-256, 32 bytes. */
  digest: Buffer;
}

/** In the order of names or ids. */
export interface KeyPage {
  after: string;
  limit: number;
}

/** Each rejects with RequestError, with what PostgreSQL or the driver said, or with a bug. */
export interface KeyStore {
  readonly logins: LoginStore;
  /** Those of the ids that there are, expired ones not. */
  find(ids: readonly string[]): Promise<FoundKey[]>;
  /** `tenant` null: of whichever. */
  get(id: string, tenant: Tenant | null): Promise<KeyRecord | null>;
  list(tenant: Tenant | null, page: KeyPage): Promise<KeyRecord[]>;
  /** Rejects `tenant_not_found`, `key_limit`, and `invalid_field` for an end that has passed. */
  add(key: NewKey): Promise<KeyRecord>;
  /** The same, of a tenant that has no key at all; null: it has one. */
  addFirst(key: NewKey): Promise<KeyRecord | null>;
  /** Adds a key, and lets the one whose place it takes go on for so long. Rejects `key_not_found`. */
  replace(id: string, key: NewKey, overlapMs: number): Promise<KeyRecord>;
  /** False: there is none. */
  remove(id: string): Promise<boolean>;
  /** What tokens are sealed with: 32 bytes, the same for all nodes that have this store. */
  tokenSecret(): Promise<Buffer>;
  /** They were used a moment ago. */
  used(ids: readonly string[]): Promise<void>;
  /** Rejects `tenant_exists`, `tenant_limit`. */
  addTenant(name: Tenant, quotas: QuotaChanges): Promise<TenantRecord>;
  /** Rejects `tenant_not_found`. */
  patchTenant(name: Tenant, quotas: QuotaChanges): Promise<TenantRecord>;
  /** Of all tenants that have some. */
  quotas(): Promise<TenantQuotas[]>;
  listTenants(page: KeyPage): Promise<TenantRecord[]>;
  /** Since when it is there, Unix ms of the store's clock; null: it is not. */
  tenantSince(name: Tenant): Promise<number | null>;
  /** With its keys. Rejects `tenant_not_found`, `tenant_in_use`. */
  removeTenant(name: Tenant): Promise<void>;
  close(): Promise<void>;
}
