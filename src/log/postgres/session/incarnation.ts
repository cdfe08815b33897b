/**
 * Which incarnation of the log a database holds, and what a position of another one is worth here; both are
 * kept by sql/0009_incarnations.sql. Keeps no state.
 */
import { isWritable } from './log-connection.js';
import type { Queryable } from './queryable.js';

/** A place in a topic, of any incarnation. */
export interface ForeignPosition {
  topicId: number;
  /** As core/epoch.ts takes it. */
  incarnation: string;
}

/** `incarnations` knows those that came after: the lowest of their beginnings is what they share. */
const COMMON_SQL = `SELECT o.number IS NOT NULL AS is_known, (
    SELECT min(coalesce(h.head, 0)) FROM conduit.incarnations i
    LEFT JOIN conduit.incarnation_heads h ON h.number = i.number AND h.topic_id = a.topic_id
    WHERE i.number > o.number) AS common
  FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS a (topic_id, name, place)
  LEFT JOIN conduit.incarnations o ON o.name = a.name
  ORDER BY a.place`;

/** 20 of [0-9a-f]. */
export async function readIncarnation(db: Queryable): Promise<string> {
  return nameOf(await db.query<NameRow>('SELECT conduit.incarnation() AS name'));
}

/**
 * The same, entered into the list before anything is appended to it. `sinceMs`: what was published from then
 * on may have been appended before it was noticed; null: nothing was.
 */
export async function beginIncarnation(db: Queryable, sinceMs: number | null): Promise<string> {
  const sql = 'SELECT conduit.begin_incarnation(to_timestamp($1::float8 / 1000)) AS name';
  return nameOf(await db.query<NameRow>(sql, [sinceMs]));
}

/** For a session that was just opened: entered where it can be. */
export async function enterIncarnation(
  db: Queryable,
): Promise<{ name: string; writable: boolean }> {
  const writable = await isWritable(db);
  return { name: await (writable ? beginIncarnation(db, null) : readIncarnation(db)), writable };
}

/**
 * For each the last sequence that means the same message here: Infinity when it is of this incarnation, null
 * when nothing is known of it.
 */
export async function commonUpTo(
  db: Queryable,
  positions: readonly ForeignPosition[],
): Promise<(number | null)[]> {
  if (positions.length === 0) return [];
  const { rows } = await db.query<{ is_known: boolean; common: string | null }>(COMMON_SQL, [
    positions.map(({ topicId }) => topicId),
    positions.map(({ incarnation }) => incarnation),
  ]);
  return rows.map(({ is_known, common }) => {
    if (!is_known) return null;
    return common === null ? Number.POSITIVE_INFINITY : Number(common);
  });
}

interface NameRow {
  name: string;
}

function nameOf({ rows }: { rows: NameRow[] }): string {
  const row = rows[0];
  if (row === undefined) throw new Error('the log has no incarnation');
  return row.name;
}
