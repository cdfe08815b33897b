/**
 * Ends a Conduit session that holds a topic's row and does not move: none of PostgreSQL's time-outs ends
 * a backend that waits for COPY data of a frozen client (measured: still locked after 12 s). While we
 * wait for a row, whoever blocks us is looked at; a session of ours in a transaction older than 5 s
 * is terminated. Sessions of others are never touched.
 */
import { AS_LOGIN_SQL } from './own-backends.js';
import type { Queryable } from './queryable.js';

/** Whoever blocks those who wait, and who blocks them. */
const breakSql = (
  pids: readonly number[],
): string => `${AS_LOGIN_SQL} WITH RECURSIVE chain (pid) AS (
    SELECT b FROM unnest('{${pids}}'::int[]) AS w (pid), unnest(pg_blocking_pids(w.pid)) AS b
  UNION
    SELECT b FROM chain, unnest(pg_blocking_pids(chain.pid)) AS b)
  SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
  WHERE a.pid IN (SELECT pid FROM chain) AND a.usename = session_user
    AND a.application_name LIKE 'conduit/%'
    AND a.xact_start < clock_timestamp() - interval '5 s'`;

/** One look; `waiterPids` are the backends of the sessions that wait. */
export async function breakBlockers(db: Queryable, waiterPids: readonly number[]): Promise<void> {
  if (waiterPids.length > 0) await db.query(breakSql(waiterPids));
}
