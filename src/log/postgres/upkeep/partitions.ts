/**
 * The leaves of conduit.messages, one per UTC day of the database's clock: made days ahead, dropped
 * when wholly past retention. A lock that others would wait behind is only asked for when nobody has one in
 * its way, and then for ASK_MS: what is held, by a dump for hours, is left to a later call. Functions take a
 * session of their own (session settings, session advisory lock, no transaction block).
 */
import { livingHere } from '../session/living-topic.js';
import { mayDropLeaves } from '../session/privileges.js';
import type { Queryable } from '../session/queryable.js';
import { areHeld } from './leaf-holders.js';
import { settleHeads } from './settled-heads.js';

const DAYS_AHEAD = 3;
/** Making a leaf asks for nothing that a COPY or a reader would wait behind. */
const LOCK_TIMEOUT_MS = 500;
/** Of ACCESS EXCLUSIVE on a leaf. */
const ASK_MS = 50;
/**
 * A detach that is not broken off waits first, without a lock, for every transaction that has the log open: a
 * COPY takes so long. Its ACCESS EXCLUSIVE comes last, on a leaf that no new statement opens any more.
 */
const DETACH_ASK_MS = 200;
const LOCK_KEY = '27611853510';
const TRIES = 10;
/** For the turn of another node. */
const TURN_TRIES = 60;
const PAUSE_MS = 100;
const LOCK_NOT_AVAILABLE = '55P03';
/** Another detach is not finished: of one at a time there may be one. */
const OTHER_DETACH = '55000';
/** Rounds of moving first_sequence before a drop is put off: a topic's row may be locked. */
const MOVE_ROUNDS = 5;

const MISSING_SQL = `SELECT to_char(day, 'YYYY-MM-DD') AS day
  FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date + n AS day
    FROM generate_series(-1, ${DAYS_AHEAD}) AS n) d
  WHERE to_regclass('conduit.messages_' || to_char(day, 'YYYYMMDD')) IS NULL ORDER BY day`;

/**
 * Leaves whose last moment is older than $1 hours; also such as were detached but not dropped. One whose
 * detach was broken off comes first: before it no other can be detached.
 */
export const OLD_LEAVES_SQL = `SELECT c.relname AS leaf, i.inhrelid IS NOT NULL AS attached,
    coalesce(i.inhdetachpending, false) AS pending,
    (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::text AS until
  FROM pg_class c
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
  WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind = 'r'
    AND c.relname ~ '^messages_[0-9]{8}$'
    AND (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC'
      < clock_timestamp() - $1::float8 * interval '1 hour'
  ORDER BY pending DESC, leaf`;

interface OldLeaf {
  leaf: string;
  /** The day behind it. */
  until: string;
  attached: boolean;
  pending: boolean;
}

/**
 * Makes what is missing of yesterday to three days ahead: the days made. Cheap when there is
 * nothing. Rejects when the log is locked against it.
 */
export async function makeLeaves(session: Queryable): Promise<string[]> {
  const missing = await session.query<{ day: string }>(MISSING_SQL);
  if (missing.rows.length === 0) return [];
  return locked(session, async () => {
    const made: string[] = [];
    for (const { day } of missing.rows) {
      if (await makeLeaf(session, day)) made.push(day);
    }
    return made;
  });
}

/** Makes those of these days, as `2026-11-28`, that are missing. */
export async function makeLeavesOf(session: Queryable, days: readonly string[]): Promise<void> {
  const sql = 'SELECT d FROM unnest($1::text[]) d WHERE conduit.leaf_of(d::date) IS NULL';
  const { rows } = await session.query<{ d: string }>(sql, [days]);
  if (rows.length === 0) return;
  await locked(session, async () => {
    for (const { d } of rows) await makeLeaf(session, d);
  });
}

async function makeLeaf(session: Queryable, day: string): Promise<boolean> {
  const make = (): Promise<{ rows: { made: boolean }[] }> =>
    session.query<{ made: boolean }>('SELECT conduit.make_leaf($1::date) AS made', [day]);
  try {
    const { rows } = await patiently(TRIES, make);
    return rows[0]?.made === true;
  } catch (cause) {
    if (!isBusy(cause)) throw cause;
    throw new Error(`the log of ${day} cannot be made: somebody has locked conduit.messages`, {
      cause,
    });
  }
}

/** Leaves that were wholly past retention. */
export interface OldLeaves {
  dropped: string[];
  /** Somebody has them, or rows of their topics, in use: for the next call. */
  waiting: string[];
}

/** Drops leaves wholly older than `hours`. Rejects when there are some and the role may not drop them. */
export async function dropOldLeaves(session: Queryable, hours: number): Promise<OldLeaves> {
  const old = await session.query<OldLeaf>(OLD_LEAVES_SQL, [hours]);
  if (old.rows.length === 0) return { dropped: [], waiting: [] };
  if (!(await mayDropLeaves(session))) {
    throw new Error(
      `${old.rows.length} days past retention stay: the role of DATABASE_URL may not drop them ` +
        '(docs/operations.md, Roles)',
    );
  }
  return locked(session, async () => {
    const dropped: string[] = [];
    const waiting: string[] = [];
    // Once more, under the lock: another node may have done it.
    const { rows } = await session.query<OldLeaf>(OLD_LEAVES_SQL, [hours]);
    for (const leaf of rows) {
      const isGone = await dropLeaf(session, leaf);
      (isGone ? dropped : waiting).push(leaf.leaf);
    }
    return { dropped, waiting };
  });
}

/** False: it is in use, or a topic's row is. */
async function dropLeaf(session: Queryable, old: OldLeaf): Promise<boolean> {
  const { leaf, attached, pending } = old;
  if (attached && !pending) {
    if (await areHeld(session, ['messages', leaf])) return false;
    if (!(await passLeaf(session, old))) return false;
  }
  if (attached && !(await detach(session, leaf))) return false;
  // Where a clock was set back by more than retention a message may have come since the look. None does now.
  if (!(await passLeaf(session, old))) return false;
  return insist(session, leaf, () => ask(session, `DROP TABLE conduit.${leaf}`, ASK_MS));
}

function detach(session: Queryable, leaf: string): Promise<boolean> {
  return insist(session, leaf, async () => {
    const { rows } = await session.query<{ pending: boolean }>(
      'SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhrelid = $1::regclass',
      [`conduit.${leaf}`],
    );
    if (rows[0] === undefined) return 'done';
    const sql = `ALTER TABLE conduit.messages DETACH PARTITION conduit.${leaf}`;
    // A detach that is broken off while it waits stays pending, and then only FINALIZE goes on with it. That
    // has the leaf to itself while it waits for older snapshots.
    if (rows[0].pending) return ask(session, `${sql} FINALIZE`, ASK_MS);
    return ask(session, `${sql} CONCURRENTLY`, DETACH_ASK_MS);
  });
}

/** Some tries for what takes the leaf for itself, each once nobody has it; false: somebody has. */
async function insist(
  session: Queryable,
  leaf: string,
  tryIt: () => Promise<'done' | 'busy'>,
): Promise<boolean> {
  for (let left = TRIES; left > 0; left--) {
    if (await areHeld(session, [leaf])) return false;
    if ((await tryIt()) === 'done') return true;
    await pause();
  }
  return false;
}

async function ask(session: Queryable, sql: string, waitMs: number): Promise<'done' | 'busy'> {
  await session.query(`SET lock_timeout = ${waitMs}`);
  try {
    await session.query(sql);
    return 'done';
  } catch (error) {
    if (isBusy(error)) return 'busy';
    throw error;
  }
}

/**
 * Writes down the heads that lie in the leaf and moves first_sequence past all of its rows; false: not for
 * all topics.
 */
async function passLeaf(session: Queryable, { leaf, until }: OldLeaf): Promise<boolean> {
  for (let round = 0; round < MOVE_ROUNDS; round++) {
    const unsettled = await settleHeads(session, until);
    const { rows } = await session.query<{ left: string }>(passLeafSql(leaf));
    if (unsettled + Number(rows[0]?.left) === 0) return true;
    await pause();
  }
  return false;
}

function passLeafSql(leaf: string): string {
  return `WITH ends AS (
      SELECT t.id, m.last FROM conduit.topics t CROSS JOIN LATERAL (
        SELECT max(sequence) AS last FROM conduit.${leaf} WHERE topic_id = t.id) m
      WHERE ${livingHere('t')} AND t.first_sequence <= m.last),
    free AS (
      SELECT t.id, e.last FROM conduit.topics t JOIN ends e ON e.id = t.id
      ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED),
    moved AS (
      UPDATE conduit.topics t SET first_sequence = greatest(t.first_sequence, f.last + 1),
        gone_bytes = conduit.bytes_before(t, greatest(t.first_sequence, f.last + 1))
      FROM free f WHERE t.id = f.id RETURNING t.id)
    SELECT (SELECT count(*) FROM ends) - (SELECT count(*) FROM moved) AS left`;
}

/** Runs `work` as the only one of all nodes. Rejects when another is at it for long. */
async function locked<T>(session: Queryable, work: () => Promise<T>): Promise<T> {
  // Not waited for in a statement: its snapshot would be waited for by a detach.
  await patiently(TURN_TRIES, async () => {
    const sql = `SELECT pg_try_advisory_lock(${LOCK_KEY}) AS ours`;
    const { rows } = await session.query<{ ours: boolean }>(sql);
    if (rows[0]?.ours !== true) throw new Busy();
  });
  await session.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  try {
    return await work();
  } finally {
    await session.query(`SELECT pg_advisory_unlock(${LOCK_KEY})`);
  }
}

async function patiently<T>(tries: number, work: () => Promise<T>): Promise<T> {
  for (let left = tries; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || left === 1) throw error;
    }
    await pause();
  }
}

/** As PostgreSQL says it. */
class Busy extends Error {
  readonly code = LOCK_NOT_AVAILABLE;

  constructor() {
    super('another node makes or drops days of the log');
  }
}

function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === LOCK_NOT_AVAILABLE || error.code === OTHER_DETACH;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
