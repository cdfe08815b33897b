/** The audit log in PostgreSQL, on a connection of the main thread: nobody who manages keys waits for it. */
import type { AuditAction, AuditEntry, AuditOutcome, AuditRecord } from '../core/audit-record.js';
import { asTenant, type Tenant } from '../core/topic-key.js';
import { KEY_CONNECTIONS } from '../log/postgres/session/connection-budget.js';
import type { KeptPool } from '../log/postgres/session/kept-pool.js';
import { openPool } from '../log/postgres/session/log-connection.js';
import type { AuditPage, AuditStore } from './audit-store.js';

/** Whoever writes takes turns: so ids are in the order of the commits, and who reads on misses none. */
const LOCK_KEY = '27611853513';

const COLUMNS = 'tenant, actor, address, action, object, outcome, times';

/** $1: entries as JSON. Times are the database's, less their age. */
export const ADD_SQL = `WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(${LOCK_KEY}))
  INSERT INTO conduit.audit (at, ${COLUMNS}, request_id, request)
  SELECT clock_timestamp() - e.age_ms * interval '1 ms', e.tenant, e.actor, e.address, e.action,
    e.object, e.outcome, e.times, e.entry_id, e.request_id
  FROM turn, json_to_recordset($1::json) AS e (age_ms float8, tenant text, actor text, address text,
    action text, object text, outcome text, times int, entry_id uuid,
    request_id text)
  ON CONFLICT (request_id) DO NOTHING`;

const LIST = `SELECT id, floor(extract(epoch FROM at) * 1000) AS at_ms, ${COLUMNS},
    coalesce(request, request_id::text) AS request_id FROM conduit.audit
  WHERE ($1::text IS NULL OR tenant = $1)
    AND ($4::float8 IS NULL OR at >= to_timestamp($4::float8 / 1000))`;
/** $1: tenant, or NULL for all; $2: behind this id, or NULL; $3: limit; $4: since, ms, or NULL. */
const LIST_SQL = {
  asc: `${LIST} AND id > coalesce($2::bigint, 0) ORDER BY id LIMIT $3`,
  desc: `${LIST} AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
} as const;

/** Of the types that text has here; numerics and bigints come as text. */
interface AuditRow {
  id: string;
  at_ms: string;
  tenant: string;
  actor: string;
  address: string;
  action: AuditAction;
  object: string;
  outcome: AuditOutcome;
  times: number;
  request_id: string;
}

export interface PostgresAuditOptions {
  databaseUrl: string;
  applicationName: string;
}

export class PostgresAudit implements AuditStore {
  readonly #pool: KeptPool;

  constructor(options: PostgresAuditOptions) {
    this.#pool = openPool(options, KEY_CONNECTIONS.audit);
  }

  async add(entries: readonly AuditEntry[]): Promise<void> {
    const rows = entries.map(({ entryId, requestId, ageMs, ...event }) => {
      return { ...event, entry_id: entryId, request_id: requestId, age_ms: ageMs };
    });
    await this.#pool.query(ADD_SQL, [JSON.stringify(rows)]);
  }

  async list(tenant: Tenant | null, page: AuditPage): Promise<AuditRecord[]> {
    const { after, limit, order, sinceMs } = page;
    const values = [tenant, after, limit, sinceMs];
    const { rows } = await this.#pool.query<AuditRow>(LIST_SQL[order], values);
    return rows.map(recordOf);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

function recordOf(row: AuditRow): AuditRecord {
  const { tenant, actor, address, action, object, outcome, times } = row;
  return {
    ...{ id: Number(row.id), atMs: Number(row.at_ms), tenant: asTenant(tenant), actor, address },
    ...{ action, object, outcome, times, requestId: row.request_id },
  };
}
