/** Rows of conduit.logins: their SQL, and what a row says. */
import { SCOPES } from '../core/scope.js';
import { asTenant } from '../core/topic-key.js';
import type { FoundLogin } from './login-store.js';

const END = 'least(l.expires_at, k.expires_at)';

/** $1: ids. */
export const FIND_LOGINS_SQL = {
  name: 'find_logins',
  text: `SELECT l.id, encode(l.digest, 'hex') AS digest, l.key_id, n.name AS tenant, k.scopes, k.topics,
      l.variable, encode(l.proof, 'hex') AS proof,
      floor(extract(epoch FROM k.expires_at) * 1000) AS key_expires_ms,
      floor(extract(epoch FROM ${END} - clock_timestamp()) * 1000) AS left_ms
    FROM conduit.logins l
    LEFT JOIN conduit.api_keys k ON k.id = l.key_id
    LEFT JOIN conduit.tenants n ON n.id = k.tenant_id
    WHERE l.id = ANY ($1::text[]) AND ${END} > clock_timestamp()`,
};

/** $1 to $7: id, digest, the key's id, variable, proof, life in ms, which it replaces; or NULL. */
export const ADD_LOGIN_SQL = `INSERT INTO conduit.logins
    (id, digest, key_id, variable, proof, root, expires_at)
  SELECT $1::text, $2::bytea, $3::text, $4::text, $5::bytea, coalesce(r.root, $1::text),
    least(clock_timestamp() + $6 * interval '1 ms', k.expires_at, r.expires_at)
  FROM (VALUES ($3::text, $7::text)) AS asked (key_id, replaces)
  LEFT JOIN conduit.api_keys k ON k.id = asked.key_id
    AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
  LEFT JOIN conduit.logins r ON r.id = asked.replaces AND r.expires_at > clock_timestamp()
  WHERE (asked.key_id IS NULL OR k.id IS NOT NULL)
    AND (asked.replaces IS NULL OR r.id IS NOT NULL)
  RETURNING floor(extract(epoch FROM expires_at - clock_timestamp()) * 1000) AS left_ms`;

const OF_ITS_ROOT = 'root = (SELECT root FROM conduit.logins WHERE id = $1)';

/** $1: id. One that is not over, and is not replaced or removed before the transaction ends. */
export const LOCK_LOGIN_SQL = `SELECT
    floor(extract(epoch FROM expires_at - clock_timestamp()) * 1000) AS left_ms
  FROM conduit.logins
  WHERE id = $1 AND expires_at > clock_timestamp() FOR UPDATE`;

/** $1: id. Whoever replaces one of its root meanwhile is waited for, so that the other is there, too. */
export const LOCK_ROOT_SQL = `SELECT FROM conduit.logins
  WHERE ${OF_ITS_ROOT} AND expires_at > clock_timestamp() ORDER BY id FOR UPDATE`;

/** $1: id. */
export const REMOVE_ROOT_SQL = `DELETE FROM conduit.logins WHERE ${OF_ITS_ROOT}`;

/** $1: id; $2: ms that it goes on for. */
export const END_LOGIN_SQL = `UPDATE conduit.logins
  SET expires_at = least(expires_at, clock_timestamp() + $2 * interval '1 ms') WHERE id = $1`;

/** $1: the key's id, or NULL; $2: variable, or NULL; $3: how many there may be. What is over goes, too. */
export const TRIM_LOGINS_SQL = `DELETE FROM conduit.logins
  WHERE expires_at < clock_timestamp() OR id IN (
    SELECT id FROM conduit.logins
    WHERE key_id IS NOT DISTINCT FROM $1 AND variable IS NOT DISTINCT FROM $2
    ORDER BY created_at DESC, id OFFSET $3)`;

/** Numerics come as text. */
export interface LoginRow {
  id: string;
  digest: string;
  key_id: string | null;
  tenant: string | null;
  scopes: string[] | null;
  topics: string[] | null;
  variable: string | null;
  proof: string | null;
  key_expires_ms: string | null;
  left_ms: string;
}

export function loginOf(row: LoginRow): FoundLogin {
  const { id, digest, left_ms: leftMs } = row;
  return { id, digest, leftMs: Number(leftMs), of: keyOf(row) };
}

function keyOf(row: LoginRow): FoundLogin['of'] {
  const { key_id: keyId, tenant, scopes, topics, variable, proof, key_expires_ms: endMs } = row;
  if (keyId === null) return { variable: variable ?? '', proof: proof ?? '' };
  return {
    keyId,
    tenant: asTenant(tenant ?? ''),
    scopes: SCOPES.filter((scope) => scopes?.includes(scope) === true),
    topics,
    expiresAtMs: endMs === null ? null : Number(endMs),
  };
}
