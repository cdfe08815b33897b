/** Rows of conduit.tenants and conduit.api_keys: their SQL, and what a row says. */
import { eachMember } from '../core/each-member.js';
import type { FoundKey, KeyRecord, TenantRecord } from '../core/key-record.js';
import { memberOf, QUOTAS } from '../core/quotas.js';
import { SCOPES } from '../core/scope.js';
import { asTenant } from '../core/topic-key.js';

const msOf = (column: string): string => `floor(extract(epoch FROM ${column}) * 1000)`;

/** Of `k`, and its tenant `n`. */
const RIGHT = `k.id, n.name AS tenant, k.scopes, k.topics, ${msOf('k.expires_at')} AS expires_ms`;
const RECORD = `${RIGHT}, ${msOf('k.created_at')} AS created_ms,
  ${msOf('k.last_used_at')} AS last_used_ms`;
const OF_TENANT = 'JOIN conduit.tenants n ON n.id = k.tenant_id';
const IS_LIVING = '(k.expires_at IS NULL OR k.expires_at > clock_timestamp())';

/** $1: ids. One look-up each by the primary key, whatever the planner knows of the table. */
export const FIND_SQL = {
  name: 'find_api_keys',
  text: `SELECT ${RIGHT}, encode(k.digest, 'hex') AS digest,
      ${msOf('k.expires_at - clock_timestamp()')} AS left_ms
    FROM unnest($1::text[]) AS i (id)
    CROSS JOIN LATERAL (SELECT * FROM conduit.api_keys x WHERE x.id = i.id LIMIT 1) k
    ${OF_TENANT} WHERE ${IS_LIVING}`,
};

/** $1: id, $2: tenant, or NULL for whichever. */
export const GET_SQL = `SELECT ${RECORD} FROM conduit.api_keys k ${OF_TENANT}
  WHERE k.id = $1 AND ($2::text IS NULL OR n.name = $2)`;

/** $1: tenant, or NULL for all; $2: after; $3: limit. */
export const LIST_SQL = `SELECT ${RECORD} FROM conduit.api_keys k ${OF_TENANT}
  WHERE ($1::text IS NULL OR n.name = $1) AND k.id > $2 ORDER BY k.id LIMIT $3`;

/** $1 to $6: id, the tenant's id, digest, scopes, topics, the end in ms. */
export const ADD_SQL = `WITH k AS (
    INSERT INTO conduit.api_keys (id, tenant_id, digest, scopes, topics, expires_at)
    VALUES ($1, $2, $3, $4, $5, to_timestamp($6::numeric / 1000)) RETURNING *)
  SELECT ${RECORD}, ${IS_LIVING} AS is_living FROM k ${OF_TENANT}`;

/** $1: the tenant's id; $2: for how long expired ones are listed, ms. */
export const PURGE_SQL = `DELETE FROM conduit.api_keys
  WHERE tenant_id = $1 AND expires_at < clock_timestamp() - $2 * interval '1 ms'`;

/** $1: the tenant's id. */
export const COUNT_SQL = `SELECT count(*)::int AS keys FROM conduit.api_keys k
  WHERE k.tenant_id = $1 AND ${IS_LIVING}`;

/** $1: id; $2: ms that it goes on for. */
export const END_SQL = `UPDATE conduit.api_keys k
  SET expires_at = least(k.expires_at, clock_timestamp() + $2 * interval '1 ms')
  WHERE k.id = $1 AND ${IS_LIVING}`;

/** $1: ids. Several nodes may say so in the same minute; nobody waits for a key that somebody changes. */
export const USED_SQL = `WITH free AS (
    SELECT id FROM conduit.api_keys WHERE id = ANY ($1::text[])
      AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '55 s')
    FOR NO KEY UPDATE SKIP LOCKED)
  UPDATE conduit.api_keys k SET last_used_at = clock_timestamp() FROM free WHERE k.id = free.id`;

export const SECRET_SQL = "SELECT encode(secret, 'hex') AS secret FROM conduit.token_secret";

/** $1: 32 bytes. */
export const MAKE_SECRET_SQL =
  'INSERT INTO conduit.token_secret (secret) VALUES ($1) ON CONFLICT DO NOTHING';

/** Whoever adds keys to the tenant takes turns. $1: its name. */
export const LOCK_TENANT_SQL =
  'SELECT id FROM conduit.tenants WHERE name = $1 AND deleted_at IS NULL FOR NO KEY UPDATE';

const TENANT = `n.name, ${msOf('n.created_at')} AS created_ms, n.quotas`;

/** $1: name. */
export const GET_TENANT_SQL = `SELECT ${TENANT} FROM conduit.tenants n
  WHERE n.deleted_at IS NULL AND n.name = $1`;

export const LIST_TENANTS_SQL = `SELECT ${TENANT}
  FROM conduit.tenants n WHERE n.deleted_at IS NULL AND n.name > $1 ORDER BY n.name LIMIT $2`;

/** $1: name; $2: how many there may be; $3: quotas. */
export const ADD_TENANT_SQL = `INSERT INTO conduit.tenants AS n (name, quotas)
  SELECT $1, jsonb_strip_nulls($3)
  WHERE (SELECT count(*) FROM conduit.tenants x WHERE x.deleted_at IS NULL) < $2
  ON CONFLICT DO NOTHING RETURNING ${TENANT}`;

/** $1: name; $2: quotas that change, null for one that ends. */
export const PATCH_TENANT_SQL = `UPDATE conduit.tenants n
  SET quotas = jsonb_strip_nulls(n.quotas || $2)
  WHERE n.name = $1 AND n.deleted_at IS NULL RETURNING ${TENANT}`;

export const QUOTAS_SQL = `SELECT ${TENANT} FROM conduit.tenants n
  WHERE n.deleted_at IS NULL AND n.quotas <> '{}'`;

/** Waits for whoever is making a topic of it. */
export const LOCK_WHOLE_TENANT_SQL =
  'SELECT id FROM conduit.tenants WHERE name = $1 AND deleted_at IS NULL FOR UPDATE';

export const HAS_TOPICS_SQL = `SELECT EXISTS (SELECT FROM conduit.topics
  WHERE tenant_id = $1 AND deleted_at IS NULL) AS has_topics`;

export const REMOVE_KEYS_SQL = 'DELETE FROM conduit.api_keys WHERE tenant_id = $1';

/** No name of ours has a tilde: nothing finds it by name any more. */
export const BURY_TENANT_SQL = `UPDATE conduit.tenants
  SET name = '~' || id, deleted_at = clock_timestamp() WHERE id = $1`;

/** Of those that were deleted; a topic's tombstone lives for an hour. */
export const PURGE_TENANTS_SQL = `DELETE FROM conduit.tenants n
  WHERE n.deleted_at < clock_timestamp() - interval '1 day'
    AND NOT EXISTS (SELECT FROM conduit.topics t WHERE t.tenant_id = n.id)`;

/** Numerics come as text. */
interface RightRow {
  id: string;
  tenant: string;
  scopes: string[];
  topics: string[] | null;
  expires_ms: string | null;
}

export interface FoundRow extends RightRow {
  digest: string;
  left_ms: string | null;
}

export interface KeyRow extends RightRow {
  created_ms: string;
  last_used_ms: string | null;
}

export interface TenantRow {
  name: string;
  created_ms: string;
  /** Those that it has; of a newer version there may be others. */
  quotas: Readonly<Record<string, number>>;
}

export function foundOf(row: FoundRow): FoundKey {
  return { ...rightOf(row), id: row.id, digest: row.digest, leftMs: numberOf(row.left_ms) };
}

export function recordOf(row: KeyRow): KeyRecord {
  const lastUsedAtMs = numberOf(row.last_used_ms);
  return { ...rightOf(row), id: row.id, createdAtMs: Number(row.created_ms), lastUsedAtMs };
}

export function tenantOf({ name, created_ms: createdMs, quotas }: TenantRow): TenantRecord {
  return {
    name: asTenant(name),
    createdAtMs: Number(createdMs),
    quotas: eachMember(QUOTAS, (quota) => quotas[memberOf(quota)] ?? null),
  };
}

function rightOf({ tenant, scopes, topics, expires_ms: expiresMs }: RightRow) {
  return {
    tenant: asTenant(tenant),
    // Of a newer version there may be others, which this one does not know.
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    topics,
    expiresAtMs: numberOf(expiresMs),
  };
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
