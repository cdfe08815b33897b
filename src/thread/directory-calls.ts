/**
 * What acceptors ask of the directory of tenants and API keys, and of the audit log beside it, which the main
 * thread has: one row a method.
 * Arguments were checked where they entered the process; none of them holds a key. A token is in one, and
 * in nothing that is said of it.
 */
import type { AuditEntry, AuditRecord } from '../core/audit-record.js';
import type { FoundKey, KeyRecord, KeyRight, TenantRecord } from '../core/key-record.js';
import type { LeaseAnswer, LeaseAsk } from '../core/quota-lease.js';
import type { QuotaChanges } from '../core/quotas.js';
import type { TokenRecord } from '../core/token-record.js';
import type { Tenant } from '../core/topic-key.js';
import type { AskOf } from './call-port.js';

interface Page {
  after: string;
  limit: number;
}

/** `tenant` null: of whichever. */
interface Whose {
  tenant: Tenant | null;
}

interface AuditPart {
  /** Behind this entry; null: from the beginning. */
  after: number | null;
  limit: number;
  /** desc: the newest first. */
  order: 'asc' | 'desc';
  /** this: nothing of a tenant that had the name before, and was deleted. */
  lives: 'this' | 'all';
}

interface Shown {
  record: KeyRecord;
  /** The key itself, which is told this once. */
  key: string;
}

/** `keyId`: of the key that was shown, or the name of its variable. */
interface LogsIn {
  keyId: string;
  /** The login whose place it takes. */
  replaces: string | null;
}

interface NamedQuotas {
  name: Tenant;
  quotas: QuotaChanges;
}

export interface DirectoryTypes {
  /** Those that there are; ids of logins are answered with what their keys are good for. */
  'keys.find': { args: { ids: readonly string[] }; result: { keys: FoundKey[] } };
  /** What the token of the operator's issuer comes to; null: it is not good. Rejects `busy`. */
  'tokens.check': { args: { token: string }; result: { record: TokenRecord | null } };
  'keys.used': { args: { ids: readonly string[] }; result: Record<string, never> };
  'keys.list': { args: Whose & Page; result: { records: KeyRecord[] } };
  'keys.get': { args: Whose & { id: string }; result: { record: KeyRecord | null } };
  /** Rejects `tenant_not_found`, `key_limit`, `invalid_field`. */
  'keys.create': { args: KeyRight; result: Shown };
  'keys.delete': { args: { id: string }; result: { deleted: boolean } };
  /** Another key with the same right. Rejects `key_not_found`, `key_limit`. */
  'keys.rotate': { args: { id: string; overlapMs: number }; result: Shown };
  /** `login`: what the browser is to show, told this once; null: what it has. Rejects `unauthorized`. */
  'logins.create': { args: LogsIn; result: { made: { login: string; leftMs: number } | null } };
  'logins.delete': { args: { id: string }; result: Record<string, never> };
  /** Rejects `tenant_exists`, `tenant_limit`. */
  'tenants.create': { args: NamedQuotas; result: { record: TenantRecord } };
  /** Rejects `tenant_not_found`. */
  'tenants.patch': { args: NamedQuotas; result: { record: TenantRecord } };
  'tenants.list': { args: Page; result: { records: TenantRecord[] } };
  /** Rejects `tenant_not_found`, `tenant_in_use`. */
  'tenants.delete': { args: { name: Tenant }; result: Record<string, never> };
  /** Each is kept once, however often it is added. */
  'audit.add': { args: { entries: readonly AuditEntry[] }; result: Record<string, never> };
  'audit.list': { args: Whose & AuditPart; result: { records: AuditRecord[] } };
  'quotas.lease': { args: LeaseAsk; result: LeaseAnswer };
}

export type DirectoryCall = keyof DirectoryTypes;
export type DirectoryArgs<M extends DirectoryCall> = DirectoryTypes[M]['args'];
export type DirectoryResult<M extends DirectoryCall> = DirectoryTypes[M]['result'];
export type DirectoryAsk = AskOf<DirectoryTypes>;
