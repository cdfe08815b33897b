/**
 * Queries on a session that is sure to be of one incarnation of the log: after a fail-over a pool may still
 * have sessions with the old primary, which lives on and answers as if nothing had been.
 */
import { OtherLog } from '../../contract/subscription-store.js';
import { readIncarnation } from './incarnation.js';
import { borrowed, type SessionPool } from './lent-session.js';
import type { Queryable } from './queryable.js';

/** Rejects OtherLog where another answers: that session is not lent again. */
export function standingOn<T>(
  pool: SessionPool,
  incarnation: string,
  work: (session: Queryable) => Promise<T>,
): Promise<T> {
  return borrowed(pool, async (session, spoil) => {
    try {
      if ((await readIncarnation(session)) !== incarnation) throw new OtherLog();
      return await work(session);
    } catch (error) {
      // What failed here is rare: whatever it was, the next one finds out on a new session.
      spoil(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  });
}
