/**
 * Several statements as one: all are committed, or none. Gives the session back whatever happens, and
 * ends one that cannot even roll back.
 */
import type { Queryable } from './queryable.js';

/** What a pg.Pool lends. */
export interface LentSession extends Queryable {
  /** With an error: it is not fit to be lent again. */
  release(error?: Error): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

export interface SessionPool extends Queryable {
  connect(): Promise<LentSession>;
}

/** Rejects with what `work` or PostgreSQL said; only when COMMIT said it is the outcome open. */
export async function inTransaction<T>(
  pool: SessionPool,
  work: (session: Queryable) => Promise<T>,
): Promise<T> {
  const session = await pool.connect();
  let broken: Error | undefined;
  // A session that is lost between two statements says so by an event, which nobody else hears.
  const onLost = (error: Error): void => {
    broken = error;
  };
  session.on('error', onLost);
  try {
    await session.query('BEGIN');
    const result = await work(session);
    await session.query('COMMIT');
    return result;
  } catch (error) {
    if (!(await rolledBack(session))) broken ??= new Error('it could not roll back');
    throw error;
  } finally {
    session.off('error', onLost);
    session.release(broken);
  }
}

async function rolledBack(session: Queryable): Promise<boolean> {
  return session.query('ROLLBACK').then(
    () => true,
    () => false,
  );
}
