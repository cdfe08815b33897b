/**
 * A session of a pool, for a while: it is given back whatever happens, and one that was lost or is not fit
 * to be lent again is ended.
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

/** Rejects with what `work` or the pool said. `spoil`: the session is not lent again. */
export async function borrowed<T>(
  pool: SessionPool,
  work: (session: Queryable, spoil: (error: Error) => void) => Promise<T>,
): Promise<T> {
  const session = await pool.connect();
  let broken: Error | undefined;
  // A session that is lost between two statements says so by an event, which nobody else hears.
  const spoil = (error: Error): void => {
    broken ??= error;
  };
  session.on('error', spoil);
  try {
    return await work(session, spoil);
  } finally {
    session.off('error', spoil);
    session.release(broken);
  }
}
