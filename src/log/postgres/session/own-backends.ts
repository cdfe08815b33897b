/**
 * Backends of our own sessions: whether one lives, and its end. Asked as the user who logged in: with
 * ALTER ROLE .. SET role the session acts for another, who may neither see nor end what is not its own.
 */
import type pg from 'pg';

/** Before one statement, in one query, so that it lasts no longer. */
export const AS_LOGIN_SQL = 'SET LOCAL ROLE NONE;';

/** Of ours, with our purpose: a pid may be somebody else's by now. */
const ofOurs = (pid: number): string => `FROM pg_stat_activity
  WHERE pid = ${Math.trunc(pid)} AND pid <> pg_backend_pid() AND usename = session_user
    AND application_name = current_setting('application_name')`;

/** Tells it to end. The session must have no transaction open. */
export async function endBackend(client: pg.Client, pid: number): Promise<void> {
  await client.query(`${AS_LOGIN_SQL} SELECT pg_terminate_backend(pid) ${ofOurs(pid)}`);
}

/** The session must have no transaction open. */
export async function backendLives(client: pg.Client, pid: number): Promise<boolean> {
  // Two statements in one query have two results, which pg's types do not say.
  const results: unknown = await client.query(`${AS_LOGIN_SQL} SELECT 1 ${ofOurs(pid)}`);
  const last = Array.isArray(results) ? (results.at(-1) as pg.QueryResult) : null;
  return (last?.rowCount ?? 0) > 0;
}
