/**
 * Who has locks on days of the log, by pg_locks, which every role may read. Whoever asks for a lock that
 * somebody has stands in a queue, and all who come later stand behind him: so it is looked first. Who has
 * one at the first look, and at all that follow within a second, is one who stays.
 */
import type { Queryable } from '../session/queryable.js';

const LOOKS = 10;
const PAUSE_MS = 100;

/** A virtual transaction is one of a session; a prepared one has no session. */
const HOLDERS_SQL = `SELECT DISTINCT l.virtualtransaction AS holder
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
  WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND c.relnamespace = 'conduit'::regnamespace AND c.relname = ANY ($1::text[])`;

/** Takes no lock and holds no snapshot while it waits. */
export async function areHeld(session: Queryable, tables: readonly string[]): Promise<boolean> {
  let left = await holders(session, tables);
  for (let look = 1; look < LOOKS && left.size > 0; look++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const now = await holders(session, tables);
    left = new Set([...left].filter((holder) => now.has(holder)));
  }
  return left.size > 0;
}

async function holders(session: Queryable, tables: readonly string[]): Promise<Set<string>> {
  const { rows } = await session.query<{ holder: string }>(HOLDERS_SQL, [tables]);
  return new Set(rows.map(({ holder }) => holder));
}
