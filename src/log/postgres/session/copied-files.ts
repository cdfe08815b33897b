/**
 * A copy of the server's files, or a snapshot of its disk, that was put in its place is the same log by all
 * that it says of itself. Only its write-ahead log has not come as far as it was seen to have: what was
 * written before an answer is there after any crash, so by that it is known. Keeps no state.
 */
import type { Queryable } from './queryable.js';

/** How far the write-ahead log had come, at least. */
export interface SeenWal {
  /** Of the log that wrote it. */
  incarnation: string;
  /** Bytes; 0: it was not seen. */
  bytes: number;
}

/** A server that takes no writes says nothing of its own. */
const SEEN_SQL = `SELECT conduit.incarnation() AS name, CASE WHEN NOT pg_is_in_recovery()
  THEN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::float8 END AS bytes`;
const NOT_ALLOWED = '42501';

/** Nodes and their workers notice it at once: the first of them says so, the others find another name. */
const LOCK_SQL = 'SELECT FROM conduit.log_identity FOR UPDATE';

/** What was published since the copy was started is of no log that anybody has seen. */
const LEAVE_SQL = 'SELECT conduit.bump_epoch(pg_postmaster_start_time())';

/** Which log it is, and how far it has come and is on disk; both of one session. */
export async function readSeen(db: Queryable): Promise<SeenWal> {
  const [row] = (await db.query<{ name: string; bytes: number | null }>(SEEN_SQL)).rows;
  return { incarnation: row?.name ?? '', bytes: row?.bytes ?? 0 };
}

/**
 * Makes another incarnation of what is behind `seen`, which takes the right to; on a session that was just
 * opened and takes writes, before anything is appended.
 */
export async function leaveCopy(db: Queryable, seen: SeenWal): Promise<void> {
  if (!(await isBehind(db, seen))) return;
  await db.query('BEGIN');
  try {
    await db.query(LOCK_SQL);
    if (await isBehind(db, seen)) await db.query(LEAVE_SQL);
    await db.query('COMMIT');
  } catch (error) {
    await db.query('ROLLBACK');
    if (!(error instanceof Error && 'code' in error && error.code === NOT_ALLOWED)) throw error;
    throw new Error(`the database is a copy of before: let its owner run ${LEAVE_SQL}`);
  }
}

async function isBehind(db: Queryable, { incarnation, bytes }: SeenWal): Promise<boolean> {
  if (bytes === 0) return false;
  const here = await readSeen(db);
  return here.incarnation === incarnation && here.bytes > 0 && here.bytes < bytes;
}
