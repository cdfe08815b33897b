/**
 * Whether any head can have moved, without looking at one: who appends counts (sql/0034_head_moves.sql) after
 * its transaction has a number, and before it commits. Keeps no state.
 */
import type { HeadMoves } from '../../contract/head-moves.js';
import type { Queryable } from '../session/queryable.js';

/** A count that was lost with its server, and made again, is another one. */
const COUNT_SQL = `SELECT concat(extract(epoch FROM pg_postmaster_start_time()), '/',
    pg_sequence_last_value('conduit.head_moves')) AS count,
  pg_snapshot_xmin(pg_current_snapshot())::text AS oldest`;

/** Above the number of everybody who has counted. A standby has none to give. */
const NEXT_SQL = `SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_xact_id()::text END AS next`;

/** As the contract of the log has it. */
export async function readHeadMoves(db: Queryable, since: HeadMoves | null): Promise<HeadMoves> {
  const { rows } = await db.query<{ count: string; oldest: string }>(COUNT_SQL);
  const { count = '', oldest = '0' } = rows[0] ?? {};
  if (since?.count !== count) return { count, before: await readNext(db), isSettled: false };
  if (since.isSettled || since.before === null || BigInt(oldest) < BigInt(since.before))
    return since;
  return { ...since, isSettled: true };
}

async function readNext(db: Queryable): Promise<string | null> {
  const { rows } = await db.query<{ next: string | null }>(NEXT_SQL);
  return rows[0]?.next ?? null;
}
