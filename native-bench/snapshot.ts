/** A snapshot of a database that a session holds, as a pg_dump or a long report does. */
import pg from 'pg';
import { oneLine } from './sample.js';

export interface HeldSnapshot {
  /** Ends it, and the session. One line when it was not held until now; null: it was. */
  release(): Promise<string | null>;
}

const SNAPSHOT = 'SELECT pg_current_snapshot()::text AS snapshot';

/** Rejects when the database cannot be reached. */
export async function holdSnapshot(url: string): Promise<HeldSnapshot> {
  const client = new pg.Client({ connectionString: url, application_name: 'held-snapshot' });
  // One that is lost is told by what is asked of it next.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const taken = await snapshotOf(client);
  return {
    release: async () => {
      try {
        const found = await snapshotOf(client);
        await client.query('ROLLBACK');
        return found === taken ? null : `the snapshot became another one: ${taken}, ${found}`;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return `the session that held the snapshot was ended: ${oneLine(why)}`;
      } finally {
        await client.end().catch(() => undefined);
      }
    },
  };
}

async function snapshotOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ snapshot: string }>(SNAPSHOT);
  return rows[0]?.snapshot ?? '';
}
