/** What a load leaves on the disk: WAL, tables and indexes of its database, in bytes. */
import pg from 'pg';

export interface Disk {
  wal: number;
  /** With what is toasted. */
  tables: number;
  indexes: number;
  /** Rows of Conduit's log; 0 where there is none. */
  messages: number;
}

/** Objects of the database's users: those of the system have numbers below. */
const FIRST_USER_OID = 16_384;
const SIZES = `SELECT
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS wal,
    coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relkind <> 'i'), 0)::float8 AS tables,
    coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relkind = 'i'), 0)::float8 AS indexes
  FROM pg_class WHERE oid >= ${FIRST_USER_OID} AND relkind IN ('r', 't', 'm', 'i')`;
const HAS_LOG = "SELECT to_regclass('conduit.messages') IS NOT NULL AS is_there";
const MESSAGES = 'SELECT count(*)::float8 AS messages FROM conduit.messages';

/** `bytes(messages)`: what came since, for each message; without a count, of those in Conduit's log. */
export interface DiskWatch {
  bytes(messages?: number): Promise<Record<string, number>>;
}

/** Rejects when the database cannot be reached. */
export async function watchDisk(url: string): Promise<DiskWatch> {
  const before = await readDisk(url);
  return {
    bytes: async (messages) => {
      const after = await readDisk(url);
      const count = messages ?? after.messages - before.messages;
      return {
        wal_bytes_a_message: (after.wal - before.wal) / count,
        table_bytes_a_message: (after.tables - before.tables) / count,
        index_bytes_a_message: (after.indexes - before.indexes) / count,
      };
    },
  };
}

/** The sizes first: counting rows may write what a later reader is spared. */
async function readDisk(url: string): Promise<Disk> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const sizes = await rowOf<Omit<Disk, 'messages'>>(client, SIZES);
    const { is_there } = await rowOf<{ is_there: boolean }>(client, HAS_LOG);
    const { messages } = is_there
      ? await rowOf<{ messages: number }>(client, MESSAGES)
      : { messages: 0 };
    return { ...sizes, messages };
  } finally {
    await client.end();
  }
}

async function rowOf<T extends pg.QueryResultRow>(client: pg.Client, sql: string): Promise<T> {
  const [row] = (await client.query<T>(sql)).rows;
  if (row === undefined) throw new Error('PostgreSQL answered no row');
  return row;
}
