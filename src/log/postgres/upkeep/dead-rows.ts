/**
 * Removes the dead rows of small tables, which a snapshot that was held for long has left behind: a look-up
 * walks over the dead versions of its row until a vacuum, and autovacuum comes once a minute at best.
 */
import { mayDropLeaves } from '../session/privileges.js';
import type { Queryable } from '../session/queryable.js';

const LOCK_KEY = '27611853511';
/** Fewer are walked over in no time. */
const DEAD_MIN = 100;
/** Some 100 ms of work. What is larger is left to autovacuum, whose thresholds are in sql/. */
const BYTES_MAX = 64 * 1024 * 1024;

const DUE_SQL = `SELECT c.relname AS name
  FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid
  WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
    AND s.n_dead_tup >= ${DEAD_MIN} AND pg_table_size(c.oid) <= ${BYTES_MAX}
  ORDER BY s.n_dead_tup DESC`;

/**
 * The tables that were vacuumed, by one of all nodes: every one sees that a snapshot has ended. Nobody waits
 * for it, and it waits for nobody. On a session of its own.
 */
export async function vacuumDead(session: Queryable): Promise<string[]> {
  if (!(await mayDropLeaves(session))) return [];
  const lock = `SELECT pg_try_advisory_lock(${LOCK_KEY}) AS ours`;
  const [turn] = (await session.query<{ ours: boolean }>(lock)).rows;
  if (turn?.ours !== true) return [];
  const { rows } = await session.query<{ name: string }>(DUE_SQL);
  for (const { name } of rows) {
    // TRUNCATE would ask for ACCESS EXCLUSIVE.
    await session.query(`VACUUM (SKIP_LOCKED, TRUNCATE FALSE) conduit.${name}`);
  }
  await session.query(`SELECT pg_advisory_unlock(${LOCK_KEY})`);
  return rows.map(({ name }) => name);
}
