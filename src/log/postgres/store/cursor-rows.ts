/**
 * Writes what a save changes in subscriptions and their deliveries: few statements, however many saves.
 * Whoever calls these holds a transaction, save for `storeCursors`, which alone is one.
 */

import { incarnationOf } from '../../../core/epoch.js';
import type { DeliveryRecord } from '../../../core/subscription-record.js';
import { OtherLog, type SubscriptionSave } from '../../contract/subscription-store.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import type { RowKind, StoreRows } from './refused-data.js';
import { withinTime, withoutText } from './refused-data.js';
import { cursorSql, sameSql, settledText, storable } from './subscription-rows.js';

/** See sql/0016_held_snapshots.sql. */
const SAVES_PER_NUMBER = 32;

/**
 * Locks in id order, so that two savers do not wait for each other, and then writes what it has locked;
 * a row that somebody took while it waited is looked at again and no longer fits its term. The row of the
 * subscription is changed only when its settings are. One row is answered: as a row each, a thousand cursors
 * took a tenth of the worker's time. By then the statement has the tables, which cannot be restored beneath
 * it any more, so it is asked here which log that is of.
 *
 * The cursor is looked for in the snapshot of the statement, which is older than the lock: one that another
 * save has moved since then is not written, but answered as `late`.
 */
const CURSORS_SQL = `WITH log AS MATERIALIZED (
    SELECT $10::text IS NULL OR $10 = conduit.incarnation() AS is_same),
  new AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[],
      $6::bigint[], $7::int[], $8::text[], $9::boolean[], $11::bigint[], $12::bigint[])
      AS n (id, term, ack_floor, settled, delivered, ack_wait_ms, max_deliver, ordering, paused,
        topic_id, created_ms)),
  locked AS MATERIALIZED (
    SELECT n.*, (s.ack_wait_ms, s.max_deliver, s.ordering, s.paused)
      IS DISTINCT FROM (n.ack_wait_ms, n.max_deliver, n.ordering, n.paused) AS is_set
    FROM conduit.subscriptions s JOIN new n ON n.id = s.id AND n.term = s.term
      AND ${sameSql('n')}
      AND (SELECT is_same FROM log)
    JOIN conduit.topics t ON t.id = s.topic_id AND ${livingHere('t')}
    ORDER BY s.id FOR NO KEY UPDATE OF s),
  set AS (
    UPDATE conduit.subscriptions s SET ack_wait_ms = l.ack_wait_ms, max_deliver = l.max_deliver,
      ordering = l.ordering, paused = l.paused
    FROM locked l WHERE s.id = l.id AND l.is_set),
  stored AS (
    UPDATE conduit.cursors c SET saves = c.saves + 1,
      number = (c.saves + 1) / ${SAVES_PER_NUMBER}, ack_floor = l.ack_floor,
      settled = l.settled::bigint[], delivered = l.delivered
    FROM locked l CROSS JOIN LATERAL (${cursorSql('l.id')}) last
    WHERE c.ctid = last.version AND c.subscription_id = l.id AND c.saves = last.saves
    RETURNING c.subscription_id AS id)
  SELECT (SELECT string_agg(id::text, ',') FROM stored) AS stored,
    (SELECT string_agg(id::text, ',') FROM locked WHERE id NOT IN (SELECT id FROM stored)) AS late,
    (SELECT is_same FROM log) AS is_same`;

/** So often a cursor may be moved while a save waits for its lock: by saves that have lost their session. */
const TURNS_MAX = 5;

/** Until the transaction ends nobody can put another log in the place of this one. */
const LOG_SQL = 'SELECT mark, conduit.incarnation() AS name FROM conduit.log_identity';

/** By columns that are not of the key: a lock that is waited for shows what became of them. */
const HOLD_SQL = `SELECT place <> 0 OR moved_to IS NOT NULL AS is_gone
  FROM conduit.topics WHERE id = $1 FOR KEY SHARE`;

const DROP_SQL = 'DELETE FROM conduit.deliveries WHERE subscription_id = ANY($1::bigint[])';

const SETTLE_SQL = `DELETE FROM conduit.deliveries d
  USING unnest($1::bigint[], $2::bigint[]) AS g (subscription_id, sequence)
  WHERE d.subscription_id = g.subscription_id AND d.sequence = g.sequence`;

const UPSERT_SQL = `INSERT INTO conduit.deliveries
    (subscription_id, sequence, attempts, due_at, first_failed_at, last_error, redriven)
  SELECT n.subscription_id, n.sequence, n.attempts, to_timestamp(n.due_ms / 1000),
    to_timestamp(n.first_failed_ms / 1000), n.last_error, n.redriven
  FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::float8[], $5::float8[], $6::text[],
    $7::boolean[])
    AS n (subscription_id, sequence, attempts, due_ms, first_failed_ms, last_error, redriven)
  ON CONFLICT (subscription_id, sequence) DO UPDATE SET attempts = excluded.attempts,
    due_at = excluded.due_at, first_failed_at = excluded.first_failed_at,
    last_error = excluded.last_error, redriven = excluded.redriven`;

/** Whether `storeCursors` stores all of it. */
export function isCursorOnly(save: SubscriptionSave): boolean {
  return (
    !save.dropDeliveries &&
    save.deliveries.length === 0 &&
    save.settledDeliveries.length === 0 &&
    save.deadLetters.length === 0 &&
    save.failures.length === 0
  );
}

/** Rejects OtherLog when the session's log is not that of the epoch; holds it for the transaction. */
export async function holdLog(
  session: Queryable,
  { topicId, epoch }: { topicId: number; epoch?: string },
): Promise<void> {
  if (epoch === undefined) return;
  const { rows } = await session.query<{ name: string }>(LOG_SQL);
  if (rows[0]?.name !== incarnationOf(epoch, topicId)) throw new OtherLog();
}

/** Rejects OtherLog when it has moved to another database; until the transaction ends it does not. */
export async function holdTopic(session: Queryable, topicId: number): Promise<void> {
  const { rows } = await session.query<{ is_gone: boolean }>(HOLD_SQL, [topicId]);
  if (rows[0]?.is_gone === true) throw new OtherLog();
}

/** Null: they may be of any. Throws OtherLog when they are not all of the same. */
function incarnationOfAll(saves: readonly SubscriptionSave[]): string | null {
  const [first] = saves;
  if (first?.epoch === undefined) return null;
  const incarnation = incarnationOf(first.epoch, first.topicId);
  if (!saves.every(({ epoch }) => epoch?.endsWith(incarnation))) throw new OtherLog();
  return incarnation;
}

/**
 * Answers the ids whose row is there under that term, stored and locked. One save per id. Rejects OtherLog.
 */
export async function storeCursors(
  session: Queryable,
  saves: readonly SubscriptionSave[],
): Promise<Set<number>> {
  const stored = new Set<number>();
  let left = saves;
  for (let turn = 1; left.length > 0; turn++) {
    if (turn > TURNS_MAX) throw new Error(`subscription ${left[0]?.id} has no cursor`);
    const row = await storeThose(session, left);
    for (const id of idsOf(row.stored)) stored.add(id);
    const late = idsOf(row.late);
    left = left.filter(({ id }) => late.has(id));
  }
  return stored;
}

interface StoredCursors {
  /** Ids with commas; null: none. */
  stored: string | null;
  late: string | null;
  is_same: boolean;
}

async function storeThose(
  session: Queryable,
  saves: readonly SubscriptionSave[],
): Promise<StoredCursors> {
  const { rows } = await session.query<StoredCursors>(CURSORS_SQL, [
    plainArray(saves.map((save) => save.id)),
    plainArray(saves.map((save) => save.term)),
    plainArray(saves.map((save) => save.ackFloor)),
    plainArray(saves.map((save) => `"${settledText(save.settled)}"`)),
    plainArray(saves.map((save) => save.delivered)),
    plainArray(saves.map((save) => save.settings.ackWaitMs)),
    plainArray(saves.map((save) => save.settings.maxDeliver)),
    plainArray(saves.map((save) => save.settings.ordering)),
    plainArray(saves.map((save) => save.paused)),
    incarnationOfAll(saves),
    plainArray(saves.map((save) => save.topicId)),
    plainArray(saves.map((save) => save.createdAtMs)),
  ]);
  const [row] = rows;
  if (row?.is_same !== true) throw new OtherLog();
  return row;
}

function idsOf(text: string | null): Set<number> {
  return new Set(text?.split(',').map(Number));
}

/** Rows that go, first; then those that are new. What is given up has no row any more. */
export async function storeDeliveries(
  session: Queryable,
  saves: readonly SubscriptionSave[],
  storeRows: StoreRows,
): Promise<void> {
  const dropped = saves.filter((save) => save.dropDeliveries).map((save) => save.id);
  if (dropped.length > 0) await session.query(DROP_SQL, [dropped]);
  const gone = saves.flatMap((save) => [
    ...save.settledDeliveries.map((sequence) => ({ id: save.id, sequence })),
    ...save.deadLetters.map(({ sequence }) => ({ id: save.id, sequence })),
  ]);
  if (gone.length > 0) {
    const ids = gone.map(({ id }) => id);
    await session.query(SETTLE_SQL, [ids, gone.map(({ sequence }) => sequence)]);
  }
  const made = saves.flatMap((save) => save.deliveries.map((row) => ({ id: save.id, ...row })));
  if (made.length > 0) await storeRows(made, deliveryKind(session));
}

type OwnedDelivery = DeliveryRecord & { id: number };

/** One that is left out comes again as what it is: delivered and not settled. */
function deliveryKind(session: Queryable): RowKind<OwnedDelivery> {
  return {
    store: async (rows) => {
      await session.query(UPSERT_SQL, [
        rows.map((row) => row.id),
        rows.map((row) => row.sequence),
        rows.map((row) => row.attempts),
        rows.map((row) => row.dueAtMs),
        rows.map((row) => (row.firstFailedAtMs === 0 ? null : row.firstFailedAtMs)),
        rows.map((row) => storable(row.lastError)),
        rows.map((row) => row.redriven),
      ]);
    },
    plain: (row) => ({
      ...row,
      dueAtMs: withinTime(row.dueAtMs),
      firstFailedAtMs: withinTime(row.firstFailedAtMs),
      lastError: withoutText(row.lastError),
    }),
    otherwise: 'left out',
  };
}

/**
 * The text of an array whose elements need no escape. pg would escape each by itself: 15 ms more for
 * a thousand cursors with a hundred ranges each.
 */
function plainArray(elements: readonly (number | string | boolean)[]): string {
  return `{${elements.join(',')}}`;
}
