/**
 * Which incarnation of the log a database holds, and what a position of another one is worth here; both are
 * kept by sql/0009_incarnations.sql. Keeps no state.
 */
import { leaveCopy, type SeenWal } from './copied-files.js';
import { isWritable } from './log-connection.js';
import type { Queryable } from './queryable.js';

/** A place in a topic, of any incarnation. */
export interface ForeignPosition {
  topicId: number;
  /** As core/epoch.ts takes it. */
  incarnation: string;
  /** It counts only as far as it was published before; absent: as a whole. */
  untilMs?: number;
}

/** One of the incarnations that a log went through. */
export interface Ancestor {
  name: string;
  /** Up to when what was published is that of the one before; null: it is not known. */
  commonUntilMs: number | null;
}

/** What a session stands on. */
export interface Incarnation {
  /** 20 of [0-9a-f]. */
  name: string;
  /** The oid of conduit.messages: another one, and the log was replaced beneath the session. */
  logOid: number;
  /** In the order in which they came about, itself the last. */
  lineage: readonly Ancestor[];
}

/**
 * `incarnations` knows those that came after: the lowest of their beginnings is what they share. Of what is
 * only known up to a time, no more than was published before it. `moved_epochs` knows those of the database
 * where the topic was before.
 */
const COMMON_SQL = `SELECT o.number IS NOT NULL AS is_known, least(o.head, (
    SELECT min(coalesce(h.head, 0)) FROM conduit.incarnations i
    LEFT JOIN conduit.incarnation_heads h ON h.number = i.number AND h.topic_id = a.topic_id
    WHERE i.number > o.number)) AS common,
    CASE WHEN a.until_ms IS NOT NULL THEN (
      SELECT conduit.head_before(t.id, t.first_sequence, h.sequence,
        to_timestamp(a.until_ms / 1000))
      FROM conduit.topics t, conduit.topic_heads(ARRAY[a.topic_id]) h
      WHERE t.id = a.topic_id) END AS until
  FROM unnest($1::bigint[], $2::text[], $3::float8[]) WITH ORDINALITY
    AS a (topic_id, name, until_ms, place)
  LEFT JOIN LATERAL (
    SELECT i.number, NULL::bigint AS head FROM conduit.incarnations i WHERE i.name = a.name
    UNION ALL
    SELECT m.number, m.head FROM conduit.moved_epochs m
    WHERE m.topic_id = a.topic_id AND m.name = a.name LIMIT 1) o ON true
  ORDER BY a.place`;

/** Of topics in one query: each may take twenty look-ups. */
const POSITIONS_MAX = 1_000;

const LINEAGE_SQL = `SELECT name, extract(epoch FROM common_until)::float8 * 1000 AS until_ms
  FROM conduit.incarnations ORDER BY number`;

/** A fail-over keeps the oid, and ends the sessions: there it begins with what is there. */
const ENTER = `conduit.begin_incarnation(CASE
  WHEN to_regclass('conduit.messages')::oid::bigint <> $2::bigint
  THEN to_timestamp($1::float8 / 1000) END)`;

/** 20 of [0-9a-f]. */
export async function readIncarnation(db: Queryable): Promise<string> {
  return (await readLog(db, 'conduit.incarnation()')).name;
}

/**
 * The same, entered into the list before anything is appended to it. `sinceMs`: what was published from then
 * on may have been appended before it was noticed; null: nothing was.
 */
export async function beginIncarnation(
  db: Queryable,
  sinceMs: number | null,
): Promise<Incarnation> {
  const begin = 'conduit.begin_incarnation(to_timestamp($1::float8 / 1000))';
  return withLineage(db, await readLog(db, begin, [sinceMs]));
}

/** What a session that was just opened stands on. */
export interface Entered {
  incarnation: Incarnation;
  writable: boolean;
}

/** The log as it was last seen. */
export interface SeenLog {
  wal: SeenWal;
  logOid: number;
  /** By the clock of the database; null: it was not seen yet. */
  atMs: number | null;
}

/**
 * For a session that was just opened: entered where it can be. Where the log was replaced beneath those who
 * stood on `last`, some may have appended before they noticed: it begins where the one before was last seen.
 */
export async function enterIncarnation(db: Queryable, last: SeenLog): Promise<Entered> {
  const writable = await isWritable(db);
  if (writable) {
    await leaveCopy(db, last.wal);
    const log = await readLog(db, ENTER, [last.atMs, last.logOid]);
    return { incarnation: await withLineage(db, log), writable };
  }
  const log = await readLog(db, 'conduit.incarnation()');
  return { incarnation: await withLineage(db, log), writable };
}

/**
 * One that was not entered takes no appends: whatever it has is of the last that was. So does what a standby
 * has that follows it.
 */
async function withLineage(db: Queryable, { name, oid }: LogRow): Promise<Incarnation> {
  const { rows } = await db.query<{ name: string; until_ms: number | null }>(LINEAGE_SQL);
  const all = rows.map((row): Ancestor => ({ name: row.name, commonUntilMs: row.until_ms }));
  const at = all.findIndex((one) => one.name === name);
  const unentered = { name, commonUntilMs: Number.POSITIVE_INFINITY };
  return { name, logOid: oid, lineage: at < 0 ? [...all, unentered] : all.slice(0, at + 1) };
}

/** Those that the log has gone through. */
export async function readNames(db: Queryable): Promise<Set<string>> {
  const { rows } = await db.query<{ name: string }>('SELECT name FROM conduit.incarnations');
  return new Set(rows.map(({ name }) => name));
}

/**
 * For each the last sequence that means the same message here: Infinity when it is of this incarnation, null
 * when nothing is known of it.
 */
export async function commonUpTo(
  db: Queryable,
  positions: readonly ForeignPosition[],
): Promise<(number | null)[]> {
  const common: (number | null)[] = [];
  for (let from = 0; from < positions.length; from += POSITIONS_MAX) {
    common.push(...(await commonOfSome(db, positions.slice(from, from + POSITIONS_MAX))));
  }
  return common;
}

async function commonOfSome(
  db: Queryable,
  positions: readonly ForeignPosition[],
): Promise<(number | null)[]> {
  const { rows } = await db.query<CommonRow>(COMMON_SQL, [
    positions.map(({ topicId }) => topicId),
    positions.map(({ incarnation }) => incarnation),
    positions.map(({ untilMs = null }) => untilMs),
  ]);
  return rows.map(({ is_known, common, until }) => {
    if (!is_known) return null;
    return Math.min(
      common === null ? Number.POSITIVE_INFINITY : Number(common),
      until === null ? Number.POSITIVE_INFINITY : Number(until),
    );
  });
}

interface CommonRow {
  is_known: boolean;
  common: string | null;
  until: string | null;
}

interface LogRow {
  name: string;
  oid: number;
}

/** The oid before the name: of a log that is replaced between the two the oid is the old one. */
async function readLog(db: Queryable, name: string, values: unknown[] = []): Promise<LogRow> {
  const sql = `SELECT to_regclass('conduit.messages')::oid AS oid, ${name} AS name`;
  const [row] = (await db.query<LogRow>(sql, values)).rows;
  if (row === undefined) throw new Error('the log has no incarnation');
  return row;
}
