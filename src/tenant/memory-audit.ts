/**
 * The audit log of a node without a database, on its main thread: the newest entries, up to
 * MEMORY_AUDIT_ROWS_MAX. It ends with the node.
 */
import type { AuditEntry, AuditRecord } from '../core/audit-record.js';
import type { Clock } from '../core/clock.js';
import type { Limits } from '../core/limits.js';
import type { Tenant } from '../core/topic-key.js';
import type { AuditPage, AuditStore } from './audit-store.js';

const DAY_MS = 86_400_000;

export interface MemoryAuditOptions {
  clock: Clock;
  limits: Pick<Limits, 'auditDays' | 'memoryAuditRowsMax'>;
}

export class MemoryAudit implements AuditStore {
  readonly #options: MemoryAuditOptions;
  /** By their entryId, the oldest first. */
  readonly #records = new Map<string, AuditRecord>();
  #lastId = 0;

  constructor(options: MemoryAuditOptions) {
    this.#options = options;
  }

  async add(entries: readonly AuditEntry[]): Promise<void> {
    const { clock, limits } = this.#options;
    const nowMs = clock.now();
    for (const { ageMs, entryId, ...event } of entries) {
      if (this.#records.has(entryId)) continue;
      this.#lastId++;
      this.#records.set(entryId, { ...event, id: this.#lastId, atMs: nowMs - ageMs });
      if (this.#records.size > limits.memoryAuditRowsMax) this.#dropOldest();
    }
  }

  async list(tenant: Tenant | null, page: AuditPage): Promise<AuditRecord[]> {
    const { after, limit, order } = page;
    const { clock, limits } = this.#options;
    const keptMs = clock.now() - limits.auditDays * DAY_MS;
    const sinceMs = Math.max(keptMs, page.sinceMs ?? 0);
    const own = [...this.#records.values()].filter(
      (record) => record.atMs >= sinceMs && (tenant === null || record.tenant === tenant),
    );
    if (order === 'desc') own.reverse();
    const isBehind = ({ id }: AuditRecord): boolean =>
      after === null || (order === 'asc' ? id > after : id < after);
    return own.filter(isBehind).slice(0, limit);
  }

  async close(): Promise<void> {
    this.#records.clear();
  }

  #dropOldest(): void {
    for (const entryId of this.#records.keys()) {
      this.#records.delete(entryId);
      return;
    }
  }
}
