/**
 * Several statements as one: all are committed, or none. A session that cannot even roll back is ended.
 */
import { borrowed, type SessionPool } from './lent-session.js';
import type { Queryable } from './queryable.js';

/** Rejects with what `work` or PostgreSQL said; only when COMMIT said it is the outcome open. */
export function inTransaction<T>(
  pool: SessionPool,
  work: (session: Queryable) => Promise<T>,
): Promise<T> {
  return borrowed(pool, async (session, spoil) => {
    try {
      await session.query('BEGIN');
      const result = await work(session);
      await session.query('COMMIT');
      return result;
    } catch (error) {
      if (!(await rolledBack(session))) spoil(new Error('it could not roll back'));
      throw error;
    }
  });
}

async function rolledBack(session: Queryable): Promise<boolean> {
  return session.query('ROLLBACK').then(
    () => true,
    () => false,
  );
}
