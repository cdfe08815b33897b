/** Rows of conduit.webhooks: their SQL, and what a row says. */
import { asTenant } from '../core/topic-key.js';
import type {
  WebhookFormat,
  WebhookOrdering,
  WebhookRecord,
  WebhookSecret,
  WebhookStart,
} from '../core/webhook-record.js';

const msOf = (column: string): string => `floor(extract(epoch FROM ${column}) * 1000)::float8`;

/** Of `w`, and its tenant `n`. */
const RECORD = `n.name AS tenant, w.topic, w.name, w.version, w.url, w.secrets, w.concurrency,
  w.timeout_ms, w.format, w.ack_wait_ms, w.max_deliver, w.ordering, w.start, w.disabled_reason,
  ${msOf('w.disabled_at')} AS disabled_ms, ${msOf('w.created_at')} AS created_ms,
  ${msOf('w.updated_at')} AS updated_ms`;
const WITH_TENANT = 'JOIN conduit.tenants n ON n.id = w.tenant_id';
/** $1 to $3: tenant, topic, name. */
const OF_TENANT = `w.tenant_id = (SELECT id FROM conduit.tenants WHERE name = $1)`;

export const ALL_SQL = {
  name: 'all_webhooks',
  text: `SELECT ${RECORD} FROM conduit.webhooks w ${WITH_TENANT} WHERE n.deleted_at IS NULL`,
};

export const GET_SQL = `SELECT ${RECORD} FROM conduit.webhooks w ${WITH_TENANT}
  WHERE n.name = $1 AND w.topic = $2 AND w.name = $3`;

/** $1: the tenant's id. */
export const COUNT_SQL = `SELECT count(*)::int AS of_all,
    (count(*) FILTER (WHERE w.tenant_id = $1))::int AS of_tenant FROM conduit.webhooks w`;

export const NOW_SQL = `SELECT ${msOf('clock_timestamp()')} AS now_ms`;

/** $1: the tenant's id; $2, $3: topic and name; the rest in the order of the columns. */
export const PUT_SQL = `WITH w AS (
    INSERT INTO conduit.webhooks AS w (tenant_id, topic, name, version, url, secrets, concurrency,
      timeout_ms, format, ack_wait_ms, max_deliver, ordering, start)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (tenant_id, topic, name) DO UPDATE SET version = excluded.version,
      url = excluded.url, secrets = excluded.secrets, concurrency = excluded.concurrency,
      timeout_ms = excluded.timeout_ms, format = excluded.format, ack_wait_ms = excluded.ack_wait_ms,
      max_deliver = excluded.max_deliver, ordering = excluded.ordering, start = excluded.start,
      disabled_reason = NULL, disabled_at = NULL, updated_at = clock_timestamp()
    RETURNING *)
  SELECT ${RECORD} FROM w ${WITH_TENANT}`;

/** $4: version, or NULL for whichever. */
export const REMOVE_SQL = `DELETE FROM conduit.webhooks w
  WHERE ${OF_TENANT} AND w.topic = $2 AND w.name = $3 AND ($4::uuid IS NULL OR w.version = $4)`;

/** $1, $2: tenant, topic. */
export const REMOVE_TOPIC_SQL = `DELETE FROM conduit.webhooks w WHERE ${OF_TENANT} AND w.topic = $2`;

/** $4: version; $5: reason. */
export const DISABLE_SQL = `UPDATE conduit.webhooks w
  SET disabled_reason = $5, disabled_at = clock_timestamp()
  WHERE ${OF_TENANT} AND w.topic = $2 AND w.name = $3 AND w.version = $4
    AND w.disabled_reason IS NULL`;

export interface WebhookRow {
  tenant: string;
  topic: string;
  name: string;
  version: string;
  url: string;
  secrets: { key: string; until_ms: number | null }[];
  concurrency: number;
  timeout_ms: number;
  format: WebhookFormat;
  ack_wait_ms: number;
  max_deliver: number | null;
  ordering: WebhookOrdering;
  start: WebhookStart;
  disabled_reason: 'gone' | null;
  disabled_ms: number | null;
  created_ms: number;
  updated_ms: number;
}

export function webhookOf(row: WebhookRow): WebhookRecord {
  const { disabled_reason: reason, disabled_ms: atMs } = row;
  return {
    tenant: asTenant(row.tenant),
    topic: row.topic,
    name: row.name,
    version: row.version,
    url: row.url,
    secrets: row.secrets.map(({ key, until_ms: untilMs }) => ({ key, untilMs })),
    concurrency: row.concurrency,
    timeoutMs: row.timeout_ms,
    format: row.format,
    ackWaitMs: row.ack_wait_ms,
    maxDeliver: row.max_deliver,
    ordering: row.ordering,
    start: row.start,
    disabled: reason === null || atMs === null ? null : { reason, atMs },
    createdAtMs: row.created_ms,
    updatedAtMs: row.updated_ms,
  };
}

/** For the column. */
export function secretsText(secrets: readonly WebhookSecret[]): string {
  return JSON.stringify(secrets.map(({ key, untilMs }) => ({ key, until_ms: untilMs })));
}
