/** Where the audit log is kept: in PostgreSQL, or in memory. Texts are fit for it (core/audit-record.ts). */
import type { AuditEntry, AuditRecord } from '../core/audit-record.js';
import type { Tenant } from '../core/topic-key.js';

/** In the order of ids, which is that of writing; `desc`: the newest first. */
export interface AuditPage {
  /** Behind this id; null: from the beginning. */
  after: number | null;
  limit: number;
  order: 'asc' | 'desc';
  /** Nothing of before, Unix ms of the store's clock; null: all. */
  sinceMs: number | null;
}

/** Each rejects with what PostgreSQL or the driver said, or with a bug. */
export interface AuditStore {
  /** What is there by its entryId is not added again. */
  add(entries: readonly AuditEntry[]): Promise<void>;
  /** `tenant` null: of all. Nothing past AUDIT_DAYS in memory; in PostgreSQL upkeep deletes it. */
  list(tenant: Tenant | null, page: AuditPage): Promise<AuditRecord[]>;
  close(): Promise<void>;
}
