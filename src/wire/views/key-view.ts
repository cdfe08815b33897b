/** Tenants and API keys as clients see them. A key itself is in one answer, that to whoever made it. */
import type { KeyRecord, TenantRecord } from '../../core/key-record.js';
import { isoTime } from '../../core/time.js';
import type * as schemas from '../schemas/keys.js';
import type { View } from '../schemas/kinds.js';
import { snakeMembers } from '../snake-case.js';

export type TenantView = View<typeof schemas.TENANT>;
export type TenantPageView = View<typeof schemas.TENANT_LIST>;
export type KeyView = View<typeof schemas.KEY>;
export type ShownKeyView = View<typeof schemas.SHOWN_KEY>;
export type KeyPageView = View<typeof schemas.KEY_LIST>;

/** What whoever made a key is shown, once. */
export interface ShownKey {
  record: KeyRecord;
  key: string;
}

/** `next`: the last of a page that is full; absent: nothing comes after it. */
export interface KeyPageShown {
  shown: readonly KeyRecord[];
  next?: string;
}

export function tenantView({ name, createdAtMs, quotas }: TenantRecord): TenantView {
  return { name, created_at: isoTime(createdAtMs), quotas: snakeMembers(quotas) };
}

/** `limit`: as many as were asked for; a page that has them may have a next one. */
export function tenantPageView(records: readonly TenantRecord[], limit: number): TenantPageView {
  const next = records.length === limit ? records.at(-1)?.name : undefined;
  return { tenants: records.map(tenantView), next };
}

export function keyView(record: KeyRecord): KeyView {
  return {
    id: record.id,
    tenant: record.tenant,
    scopes: [...record.scopes],
    topics: record.topics === null ? null : [...record.topics],
    created_at: isoTime(record.createdAtMs),
    expires_at: timeOf(record.expiresAtMs),
    last_used_at: timeOf(record.lastUsedAtMs),
  };
}

export function shownKeyView({ record, key }: ShownKey): ShownKeyView {
  return { ...keyView(record), key };
}

export function keyPageView({ shown, next }: KeyPageShown): KeyPageView {
  return { keys: shown.map(keyView), next };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
