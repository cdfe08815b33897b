/**
 * Deletes what deleted topics and subscriptions left behind, in bounded
 * chunks for a bounded time; what is left waits for the next turn. Nobody reaches these rows any
 * more. A deleted topic's messages go with their leaf, its dedupe keys when they expire.
 */

import type { Clock } from '../../../core/clock.js';
import { neededHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import { PURGE_ROWS_MAX, purgeInChunks } from './retention.js';

/** How long the tombstone of a deleted topic stays; its id is never given again. */
export const TOMBSTONE_HOURS = 1;
/**
 * The row of a topic that has moved: what a transaction that began before has published is brought after it.
 */
const MOVED_HOURS = 24;
/**
 * A session may have a redriven dead letter for so long; then it is a dead letter again. Far longer than an
 * ack wait of an hour with its attempts and extensions: what is taken back from a session that lives stays
 * although it is acknowledged, and what a dead node had is only seen later.
 */
export const GIVEN_HOURS = 168;

/** A topic that is not there, or no longer. */
const NOT_LIVING = `NOT EXISTS (SELECT FROM conduit.topics t
  WHERE t.id = s.topic_id AND ${neededHere('t')})`;

const SUBSCRIPTIONS_SQL = `DELETE FROM conduit.subscriptions WHERE id IN (
  SELECT s.id FROM conduit.subscriptions s WHERE ${NOT_LIVING}
  ORDER BY s.id LIMIT ${PURGE_ROWS_MAX} FOR UPDATE OF s SKIP LOCKED)`;

const TOMBSTONES_SQL = `DELETE FROM conduit.topics WHERE id IN (
  SELECT id FROM conduit.topics
  WHERE deleted_at < clock_timestamp() - interval '${TOMBSTONE_HOURS} hours'
    AND (moved_to IS NULL OR deleted_at < clock_timestamp() - interval '${MOVED_HOURS} hours')
  ORDER BY deleted_at LIMIT ${PURGE_ROWS_MAX} FOR UPDATE SKIP LOCKED)`;

const GIVEN_SQL = `UPDATE conduit.dead_letters SET redriven_at = NULL WHERE id IN (
  SELECT id FROM conduit.dead_letters WHERE session IS NOT NULL AND redriven_at IS NOT NULL
    AND redriven_at < clock_timestamp() - interval '${GIVEN_HOURS} hours'
  ORDER BY redriven_at LIMIT ${PURGE_ROWS_MAX} FOR UPDATE SKIP LOCKED)`;

/**
 * Rows whose owner is gone. The owners are found by leaps through the index on `column` (which has
 * `predicate`), so that a turn without any costs one look-up per owner, not a scan of all rows. Downwards: of
 * what is behind an owner's id in these indexes the oldest goes first, and a held snapshot keeps it there.
 */
function orphansSql(table: string, column: string, predicate: string, isGone: string): string {
  const last = (more: string): string =>
    `SELECT max(${column}) FROM conduit.${table} WHERE ${predicate} ${more}`;
  return `WITH RECURSIVE owners(id) AS (
      (${last('')})
    UNION ALL
      SELECT (${last(`AND ${column} < o.id`)}) FROM owners o WHERE o.id IS NOT NULL)
    DELETE FROM conduit.${table} WHERE ctid = ANY (ARRAY(
      SELECT x.ctid FROM owners o CROSS JOIN LATERAL (
        SELECT ctid FROM conduit.${table} WHERE ${predicate} AND ${column} = o.id
        LIMIT ${PURGE_ROWS_MAX} FOR UPDATE SKIP LOCKED) x
      WHERE o.id IS NOT NULL AND ${isGone} LIMIT ${PURGE_ROWS_MAX}))`;
}

const NO_SUBSCRIPTION = 'NOT EXISTS (SELECT FROM conduit.subscriptions WHERE id = o.id)';
const NO_TOPIC = `NOT EXISTS (SELECT FROM conduit.topics t WHERE t.id = o.id AND ${neededHere('t')})`;

/** Subscriptions first: without them their rows are orphans. */
const ORPHANS_SQL = [
  SUBSCRIPTIONS_SQL,
  orphansSql('cursors', 'subscription_id', 'true', NO_SUBSCRIPTION),
  orphansSql('deliveries', 'subscription_id', 'true', NO_SUBSCRIPTION),
  orphansSql('dead_letters', 'subscription_id', 'subscription_id IS NOT NULL', NO_SUBSCRIPTION),
  orphansSql('dead_letters', 'topic_id', 'session IS NOT NULL', NO_TOPIC),
  // What is not due for a year; what is due the release drops.
  orphansSql('outbox', 'topic_id', 'true', NO_TOPIC),
  TOMBSTONES_SQL,
];

/** Redriven dead letters of sessions whose node died: dead letters again. How many. */
export async function returnGiven(session: Queryable, clock: Clock): Promise<number> {
  return purgeInChunks(session, GIVEN_SQL, clock);
}

/** Rows of deleted topics and subscriptions, and in the end the tombstones: how many went. */
export async function purgeOrphans(session: Queryable, clock: Clock): Promise<number> {
  let purged = 0;
  for (const sql of ORPHANS_SQL) purged += await purgeInChunks(session, sql, clock);
  return purged;
}
