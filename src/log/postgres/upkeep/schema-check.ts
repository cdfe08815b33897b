/**
 * Whether the schema that the migrations made is all there, and the role may use it: a table that somebody
 * dropped or renamed, a dump that was restored in part, a privilege that was taken back.
 */
import type { Queryable } from '../session/queryable.js';

/**
 * Of conduit, but for what only a start or SQL reads. A test holds that the migrations make these and no
 * others.
 */
export const SCHEMA_TABLES: readonly string[] = [
  'api_keys',
  'audit',
  'cursors',
  'dead_letters',
  'deliveries',
  'delivery_history',
  'incarnation_heads',
  'incarnations',
  'log_identity',
  'logins',
  'messages',
  'moved_epochs',
  'nodes',
  'outbox',
  'outbox_releases',
  'publish_dedupe',
  'quota_budgets',
  'quota_holdings',
  'subscriptions',
  'tenants',
  'token_secret',
  'topics',
  'upkeep',
  'webhooks',
];

/** What every publish goes through. */
const APPEND_FUNCTION = 'lock_heads';

export type SchemaState = 'whole' | 'incomplete' | 'denied';

const CHECK_SQL = `SELECT bool_and(c.oid IS NOT NULL) AND EXISTS (
      SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname = 'conduit' AND p.proname = $2) AS whole,
    bool_and(has_table_privilege(c.oid, 'SELECT')
      AND (t.name <> 'messages' OR has_table_privilege(c.oid, 'INSERT')))
      AND (SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = 'conduit')
      AS allowed
  FROM unnest($1::text[]) AS t (name)
  LEFT JOIN (pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace AND s.nspname = 'conduit')
    ON c.relname = t.name AND c.relkind IN ('r', 'p')`;

/** Rejects when it cannot be asked. */
export async function checkSchema(db: Queryable): Promise<SchemaState> {
  const { rows } = await db.query<{ whole: boolean; allowed: boolean }>(CHECK_SQL, [
    SCHEMA_TABLES,
    APPEND_FUNCTION,
  ]);
  if (rows[0]?.whole !== true) return 'incomplete';
  return rows[0].allowed ? 'whole' : 'denied';
}
