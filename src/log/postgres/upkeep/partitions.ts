/**
 * The leaves of conduit.messages, one per UTC day of the database's clock: made days ahead, dropped
 * when wholly past retention. Nothing here waits for readers for longer than LOCK_TIMEOUT_MS, since
 * every COPY would wait behind it. Functions take a session of their own (session settings, session
 * advisory lock, no transaction block).
 */
import { mayDropLeaves } from '../session/privileges.js';
import type { Queryable } from '../session/queryable.js';

const DAYS_AHEAD = 3;
const LOCK_TIMEOUT_MS = 500;
const LOCK_KEY = '27611853510';
const TRIES = 10;
const PAUSE_MS = 100;
const LOCK_NOT_AVAILABLE = '55P03';
/** Rounds of moving first_sequence before a drop is put off: a topic's row may be locked. */
const MOVE_ROUNDS = 5;

const MISSING_SQL = `SELECT to_char(day, 'YYYY-MM-DD') AS day
  FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date + n AS day
    FROM generate_series(-1, ${DAYS_AHEAD}) AS n) d
  WHERE to_regclass('conduit.messages_' || to_char(day, 'YYYYMMDD')) IS NULL ORDER BY day`;

/** Leaves whose last moment is older than $1 hours; also such as were detached but not dropped. */
const OLD_SQL = `SELECT c.relname AS leaf, i.inhrelid IS NOT NULL AS attached,
    coalesce(i.inhdetachpending, false) AS pending
  FROM pg_class c
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
  WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind = 'r'
    AND c.relname ~ '^messages_[0-9]{8}$'
    AND (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC'
      < clock_timestamp() - $1::float8 * interval '1 hour'
  ORDER BY c.relname`;

interface OldLeaf {
  leaf: string;
  attached: boolean;
  pending: boolean;
}

/**
 * Makes what is missing of yesterday to three days ahead: the days made. Cheap when there is
 * nothing.
 */
export async function makeLeaves(session: Queryable): Promise<string[]> {
  const missing = await session.query<{ day: string }>(MISSING_SQL);
  if (missing.rows.length === 0) return [];
  return locked(session, async () => {
    const made: string[] = [];
    for (const { day } of missing.rows) {
      const { rows } = await patiently(() =>
        session.query<{ made: boolean }>('SELECT conduit.make_leaf($1::date) AS made', [day]),
      );
      if (rows[0]?.made === true) made.push(day);
    }
    return made;
  });
}

/**
 * Drops leaves wholly older than `hours`: their names. What is busy is left to the next call. Rejects
 * when there are some and the role may not drop them.
 */
export async function dropOldLeaves(session: Queryable, hours: number): Promise<string[]> {
  const old = await session.query<OldLeaf>(OLD_SQL, [hours]);
  if (old.rows.length === 0) return [];
  if (!(await mayDropLeaves(session))) {
    throw new Error(
      `${old.rows.length} days past retention stay: the role of DATABASE_URL may not drop them ` +
        '(docs/operations.md, Roles)',
    );
  }
  return locked(session, async () => {
    const dropped: string[] = [];
    // Once more, under the lock: another node may have done it.
    const { rows } = await session.query<OldLeaf>(OLD_SQL, [hours]);
    for (const leaf of rows) if (await dropLeaf(session, leaf)) dropped.push(leaf.leaf);
    return dropped;
  });
}

async function dropLeaf(
  session: Queryable,
  { leaf, attached, pending }: OldLeaf,
): Promise<boolean> {
  if (attached && !pending && !(await passLeaf(session, leaf))) return false;
  try {
    if (attached) await patiently(() => detach(session, leaf));
    await patiently(() => session.query(`DROP TABLE conduit.${leaf}`));
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

/**
 * A detach that is broken off while it waits stays pending, and then only FINALIZE goes on with it.
 */
async function detach(session: Queryable, leaf: string): Promise<void> {
  const { rows } = await session.query<{ pending: boolean }>(
    'SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhrelid = $1::regclass',
    [`conduit.${leaf}`],
  );
  const how = rows[0]?.pending === true ? 'FINALIZE' : 'CONCURRENTLY';
  await session.query(`ALTER TABLE conduit.messages DETACH PARTITION conduit.${leaf} ${how}`);
}

/** Moves first_sequence past all rows of the leaf; false: not for all topics. */
async function passLeaf(session: Queryable, leaf: string): Promise<boolean> {
  for (let round = 0; round < MOVE_ROUNDS; round++) {
    const { rows } = await session.query<{ left: string }>(passLeafSql(leaf));
    if (Number(rows[0]?.left) === 0) return true;
    await pause();
  }
  return false;
}

function passLeafSql(leaf: string): string {
  return `WITH ends AS (
      SELECT t.id, m.last FROM conduit.topics t CROSS JOIN LATERAL (
        SELECT max(sequence) AS last FROM conduit.${leaf} WHERE topic_id = t.id) m
      WHERE t.deleted_at IS NULL AND t.first_sequence <= m.last),
    free AS (
      SELECT t.id, e.last FROM conduit.topics t JOIN ends e ON e.id = t.id
      ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED),
    moved AS (
      UPDATE conduit.topics t SET first_sequence = greatest(t.first_sequence, f.last + 1),
        bytes = CASE WHEN f.last >= t.last_sequence THEN 0 ELSE (t.bytes::numeric
          * (t.last_sequence - f.last) / (t.last_sequence - t.first_sequence + 1))::bigint END
      FROM free f WHERE t.id = f.id RETURNING t.id)
    SELECT (SELECT count(*) FROM ends) - (SELECT count(*) FROM moved) AS left`;
}

/** Runs `work` as the only one of all nodes, with a short lock_timeout. */
async function locked<T>(session: Queryable, work: () => Promise<T>): Promise<T> {
  await session.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await patiently(() => session.query(`SELECT pg_advisory_lock(${LOCK_KEY})`));
  try {
    return await work();
  } finally {
    await session.query(`SELECT pg_advisory_unlock(${LOCK_KEY})`);
  }
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || left === 1) throw error;
    }
    await pause();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
