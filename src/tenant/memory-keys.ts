/** Tenants and API keys of a node without a database, on its main thread: they end with the node. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { FoundKey, KeyRecord, TenantRecord } from '../core/key-record.js';
import type { Limits } from '../core/limits.js';
import {
  hasQuotas,
  type QuotaChanges,
  type TenantQuotas,
  UNLIMITED,
  withChanges,
} from '../core/quotas.js';
import { TOKEN_SECRET_BYTES } from '../core/token.js';
import type { Tenant } from '../core/topic-key.js';
import {
  alreadyOver,
  EXPIRED_KEPT_MS,
  keyLimit,
  keyNotFound,
  tenantExists,
  tenantLimit,
  tenantNotFound,
} from './key-refusal.js';
import type { KeyPage, KeyStore, NewKey } from './key-store.js';
import { MemoryLogins } from './memory-logins.js';

export interface MemoryKeysOptions {
  clock: Clock;
  limits: Pick<Limits, 'keysPerTenantMax' | 'tenantsMax' | 'loginsPerKeyMax'>;
  /** That is there from the start. */
  tenant: Tenant;
  /** Keys and logins that are other than they were, or gone. */
  onChanged: (ids: readonly string[]) => void;
  /** Quotas of some tenant are. */
  onQuotas: () => void;
}

interface KeptKey {
  digest: string;
  record: KeyRecord;
}

export class MemoryKeys implements KeyStore {
  readonly logins: MemoryLogins;
  readonly #options: MemoryKeysOptions;
  readonly #tenants = new Map<Tenant, TenantRecord>();
  readonly #keys = new Map<string, KeptKey>();
  readonly #tokenSecret = randomBytes(TOKEN_SECRET_BYTES);

  constructor(options: MemoryKeysOptions) {
    this.#options = options;
    const { tenant, clock } = options;
    this.#tenants.set(tenant, { name: tenant, createdAtMs: clock.now(), quotas: UNLIMITED });
    this.logins = new MemoryLogins({ ...options, keyOf: (id) => this.#found(id) });
  }

  async find(ids: readonly string[]): Promise<FoundKey[]> {
    return ids.flatMap((id) => this.#found(id) ?? []);
  }

  #found(id: string): FoundKey | null {
    const now = this.#options.clock.now();
    const kept = this.#keys.get(id);
    if (kept === undefined || isOver(kept.record, now)) return null;
    const { digest, record } = kept;
    const { tenant, scopes, topics, expiresAtMs } = record;
    const leftMs = expiresAtMs === null ? null : expiresAtMs - now;
    return { id, digest, tenant, scopes, topics, expiresAtMs, leftMs };
  }

  async get(id: string, tenant: Tenant | null): Promise<KeyRecord | null> {
    const record = this.#keys.get(id)?.record ?? null;
    return tenant === null || record?.tenant === tenant ? record : null;
  }

  async list(tenant: Tenant | null, page: KeyPage): Promise<KeyRecord[]> {
    const records = [...this.#keys.values()].map(({ record }) => record);
    const own = records.filter((record) => tenant === null || record.tenant === tenant);
    return pageOf(own, page, ({ id }) => id);
  }

  async add(key: NewKey): Promise<KeyRecord> {
    this.#checkTenant(key.tenant);
    this.#checkRoom(key.tenant);
    return this.#put(key);
  }

  async addFirst(key: NewKey): Promise<KeyRecord | null> {
    return this.#ofTenant(key.tenant).length > 0 ? null : this.add(key);
  }

  async replace(id: string, key: NewKey, overlapMs: number): Promise<KeyRecord> {
    const kept = this.#keys.get(id);
    const now = this.#options.clock.now();
    if (kept === undefined || isOver(kept.record, now)) throw keyNotFound();
    const { record } = kept;
    const endMs = Math.min(record.expiresAtMs ?? Number.POSITIVE_INFINITY, now + overlapMs);
    kept.record = { ...record, expiresAtMs: endMs };
    try {
      this.#checkRoom(key.tenant);
      const added = this.#put(key);
      this.#options.onChanged([id, ...this.logins.idsOf(id)]);
      return added;
    } catch (error) {
      kept.record = record;
      throw error;
    }
  }

  async remove(id: string): Promise<boolean> {
    const isRemoved = this.#keys.delete(id);
    if (isRemoved) this.#options.onChanged([id, ...this.logins.idsOf(id)]);
    return isRemoved;
  }

  async tokenSecret(): Promise<Buffer> {
    return this.#tokenSecret;
  }

  async used(ids: readonly string[]): Promise<void> {
    const now = this.#options.clock.now();
    for (const id of ids) {
      const kept = this.#keys.get(id);
      if (kept !== undefined) kept.record = { ...kept.record, lastUsedAtMs: now };
    }
  }

  async addTenant(name: Tenant, changes: QuotaChanges): Promise<TenantRecord> {
    const { limits, clock } = this.#options;
    if (this.#tenants.has(name)) throw tenantExists(name);
    if (this.#tenants.size >= limits.tenantsMax) throw tenantLimit(limits.tenantsMax);
    const quotas = withChanges(UNLIMITED, changes);
    const record = { name, createdAtMs: clock.now(), quotas };
    this.#tenants.set(name, record);
    if (hasQuotas(quotas)) this.#options.onQuotas();
    return record;
  }

  async patchTenant(name: Tenant, changes: QuotaChanges): Promise<TenantRecord> {
    const before = this.#tenants.get(name);
    if (before === undefined) throw tenantNotFound();
    const record = { ...before, quotas: withChanges(before.quotas, changes) };
    this.#tenants.set(name, record);
    this.#options.onQuotas();
    return record;
  }

  async quotas(): Promise<TenantQuotas[]> {
    const all = [...this.#tenants.values()].map(({ name: tenant, quotas }) => ({ tenant, quotas }));
    return all.filter(({ quotas }) => hasQuotas(quotas));
  }

  async listTenants(page: KeyPage): Promise<TenantRecord[]> {
    return pageOf([...this.#tenants.values()], page, ({ name }) => name);
  }

  async tenantSince(name: Tenant): Promise<number | null> {
    return this.#tenants.get(name)?.createdAtMs ?? null;
  }

  /** Whoever asks has seen that it has no topics: the workers have them. */
  async removeTenant(name: Tenant): Promise<void> {
    if (!this.#tenants.delete(name)) throw tenantNotFound();
    const ids = this.#ofTenant(name).map(({ id }) => id);
    for (const id of ids) this.#keys.delete(id);
    this.#options.onChanged(ids.flatMap((id) => [id, ...this.logins.idsOf(id)]));
    this.#options.onQuotas();
  }

  async close(): Promise<void> {
    this.#keys.clear();
  }

  #checkTenant(name: Tenant): void {
    if (!this.#tenants.has(name)) throw tenantNotFound();
  }

  #checkRoom(tenant: Tenant): void {
    const { keysPerTenantMax } = this.#options.limits;
    const now = this.#options.clock.now();
    const own = this.#ofTenant(tenant);
    for (const { id, expiresAtMs } of own) {
      if (expiresAtMs !== null && expiresAtMs < now - EXPIRED_KEPT_MS) this.#keys.delete(id);
    }
    const living = own.filter((record) => !isOver(record, now));
    if (living.length >= keysPerTenantMax) throw keyLimit(keysPerTenantMax);
  }

  #ofTenant(tenant: Tenant): KeyRecord[] {
    const records = [...this.#keys.values()].map(({ record }) => record);
    return records.filter((record) => record.tenant === tenant);
  }

  #put({ id, digest, tenant, scopes, topics, expiresAtMs }: NewKey): KeyRecord {
    const now = this.#options.clock.now();
    const right = { tenant, scopes, topics, expiresAtMs };
    const record = { ...right, id, createdAtMs: now, lastUsedAtMs: null };
    if (isOver(record, now)) throw alreadyOver();
    this.#keys.set(id, { digest: digest.toString('hex'), record });
    return record;
  }
}

function isOver({ expiresAtMs }: KeyRecord, now: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= now;
}

function pageOf<R>(records: R[], { after, limit }: KeyPage, nameOf: (record: R) => string): R[] {
  return records
    .filter((record) => nameOf(record) > after)
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .slice(0, limit);
}
