/**
 * Deletes what deleted topics and subscriptions left behind, and failures that are too old, in bounded
 * chunks for a bounded time; what is left waits for the next turn. Nobody reaches these rows any
 * more.
 */
import type { Clock } from '../core/clock.js';
import type { Queryable } from './queryable.js';
import { PURGE_ROWS_MAX, purgeInChunks } from './retention.js';

/** How long the trace of a message knows its failures. */
export const HISTORY_HOURS = 72;

const SUBSCRIPTIONS_SQL = `DELETE FROM conduit.subscriptions WHERE id IN (
  SELECT s.id FROM conduit.subscriptions s JOIN conduit.topics t ON t.id = s.topic_id
  WHERE t.deleted_at IS NOT NULL ORDER BY s.id LIMIT ${PURGE_ROWS_MAX}
  FOR UPDATE OF s SKIP LOCKED)`;

/**
 * Rows whose owner is gone. The owners are found by leaps through the index on `column` (which has
 * `predicate`), so that a turn without any costs one look-up per owner, not a scan of all rows.
 */
function orphansSql(table: string, column: string, predicate: string, isGone: string): string {
  const least = (more: string): string =>
    `SELECT min(${column}) FROM conduit.${table} WHERE ${predicate} ${more}`;
  return `WITH RECURSIVE owners(id) AS (
      (${least('')})
    UNION ALL
      SELECT (${least(`AND ${column} > o.id`)}) FROM owners o WHERE o.id IS NOT NULL)
    DELETE FROM conduit.${table} WHERE ctid = ANY (ARRAY(
      SELECT x.ctid FROM owners o CROSS JOIN LATERAL (
        SELECT ctid FROM conduit.${table} WHERE ${predicate} AND ${column} = o.id
        LIMIT ${PURGE_ROWS_MAX}) x
      WHERE o.id IS NOT NULL AND ${isGone} LIMIT ${PURGE_ROWS_MAX}))`;
}

const NO_SUBSCRIPTION = 'NOT EXISTS (SELECT FROM conduit.subscriptions WHERE id = o.id)';
const NO_TOPIC = 'NOT EXISTS (SELECT FROM conduit.topics WHERE id = o.id AND deleted_at IS NULL)';

/** Subscriptions first: without them their rows are orphans. */
const ORPHANS_SQL = [
  SUBSCRIPTIONS_SQL,
  orphansSql('deliveries', 'subscription_id', 'true', NO_SUBSCRIPTION),
  orphansSql('dead_letters', 'subscription_id', 'subscription_id IS NOT NULL', NO_SUBSCRIPTION),
  orphansSql('dead_letters', 'topic_id', 'session IS NOT NULL', NO_TOPIC),
];

const HISTORY_SQL = `DELETE FROM conduit.delivery_history WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM conduit.delivery_history
  WHERE at < clock_timestamp() - interval '${HISTORY_HOURS} hours'
  ORDER BY at LIMIT ${PURGE_ROWS_MAX}))`;

/** Rows of deleted topics and subscriptions: how many went. */
export async function purgeOrphans(session: Queryable, clock: Clock): Promise<number> {
  let purged = 0;
  for (const sql of ORPHANS_SQL) purged += await purgeInChunks(session, sql, clock);
  return purged;
}

/** Failures older than HISTORY_HOURS, of topics that are gone too: how many went. */
export async function forgetFailures(session: Queryable, clock: Clock): Promise<number> {
  return purgeInChunks(session, HISTORY_SQL, clock);
}
