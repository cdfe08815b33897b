/**
 * A task that is done now and then, by one node at a time: a lock of its session says who, the row in
 * conduit.upkeep when it was last done. Whoever dies at it leaves neither: another node goes on at once.
 * Keeps no state.
 */
import type { Queryable } from '../session/queryable.js';

/** First key of the advisory lock; the second is of the task's name. */
export const TASK_LOCK_CLASS = 0x0b20;

const LOCK_SQL = `SELECT pg_try_advisory_lock(${TASK_LOCK_CLASS}, hashtext($1::text)) AS ours`;
const UNLOCK_SQL = `SELECT pg_advisory_unlock(${TASK_LOCK_CLASS}, hashtext($1::text))`;
/** One that was never done has no row. */
const RECENT_SQL = `SELECT task FROM conduit.upkeep
  WHERE task = $1 AND ran_at >= clock_timestamp() - $2::interval`;
const DONE_SQL = `INSERT INTO conduit.upkeep (task, ran_at) VALUES ($1, clock_timestamp())
  ON CONFLICT (task) DO UPDATE SET ran_at = excluded.ran_at`;

export interface UpkeepTask {
  /** In conduit.upkeep. */
  readonly name: string;
  /** An interval of PostgreSQL. */
  readonly every: string;
  /** `again`: something was in its way, and it stays due. One that rejects is due as if it were done. */
  readonly run: (session: Queryable) => Promise<'done' | 'again'>;
}

/** `busy`: it is due, and another node is at it. */
export type TaskOutcome = 'done' | 'again' | 'not due' | 'busy';

/** Rejects as the task does. */
export async function runTask(session: Queryable, task: UpkeepTask): Promise<TaskOutcome> {
  if (!(await isDue(session, task))) return 'not due';
  const { rows } = await session.query<{ ours: boolean }>(LOCK_SQL, [task.name]);
  if (rows[0]?.ours !== true) return 'busy';
  try {
    // Once more: whoever had the lock until now has done it.
    return (await isDue(session, task)) ? await doTask(session, task) : 'not due';
  } finally {
    // A session that is gone has no lock any more.
    await session.query(UNLOCK_SQL, [task.name]).catch(() => undefined);
  }
}

async function isDue(session: Queryable, { name, every }: UpkeepTask): Promise<boolean> {
  return (await session.query(RECENT_SQL, [name, every])).rows.length === 0;
}

async function doTask(session: Queryable, task: UpkeepTask): Promise<'done' | 'again'> {
  try {
    const outcome = await task.run(session);
    if (outcome === 'done') await session.query(DONE_SQL, [task.name]);
    return outcome;
  } catch (error) {
    await session.query(DONE_SQL, [task.name]).catch(() => undefined);
    throw error;
  }
}
