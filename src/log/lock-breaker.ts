/**
 * Ends a Conduit session that holds a topic's row and does not move: none of PostgreSQL's time-outs ends
 * a backend that waits for COPY data of a frozen client (measured: still locked after 12 s). While we
 * wait for a row, whoever blocks us is looked at; a session of ours in a transaction older than 5 s
 * is terminated. Sessions of others are never touched.
 */
import type { Queryable } from './queryable.js';

const LOOK_MS = 500;

const BREAK_SQL = `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
  WHERE a.pid = ANY (pg_blocking_pids($1)) AND a.usename = current_user
    AND a.application_name LIKE 'conduit/%'
    AND a.xact_start < clock_timestamp() - interval '5 s'`;

/** Looks until `stop` is called. */
export function watchBlockers(
  db: Queryable,
  waiterPid: number,
  onTrouble: (error: unknown) => void,
): { stop: () => void } {
  const timer = setInterval(() => {
    db.query(BREAK_SQL, [waiterPid]).catch(onTrouble);
  }, LOOK_MS);
  return { stop: () => clearInterval(timer) };
}
