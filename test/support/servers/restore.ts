/**
 * A dump of a log and its restore, by SQL, since the embedded PostgreSQL brings no pg_dump: a database that
 * is copied, and put in the place of the one that it was copied from; a schema whose rows are set aside, and
 * which is dropped, made anew, and filled again in one transaction, as `pg_restore -1` does it.
 */
import pg from 'pg';
import { readMigrations, SQL_FOLDER } from '../../../src/log/postgres/upkeep/migration-files.js';

/** On the database `postgres` of a server, for what no session of the database itself can do. */
export class RestoredDatabase {
  readonly url: string;
  readonly #admin: pg.Client;
  readonly #name = 'conduit_live';

  private constructor(serverUrl: string, admin: pg.Client) {
    this.#admin = admin;
    this.url = serverUrl.replace(/postgres$/, this.#name);
  }

  static async make(serverUrl: string): Promise<RestoredDatabase> {
    const admin = new pg.Client({ connectionString: serverUrl });
    await admin.connect();
    const database = new RestoredDatabase(serverUrl, admin);
    await admin.query(`CREATE DATABASE ${database.#name}`);
    return database;
  }

  /** Nobody may be connected. */
  async dump(): Promise<void> {
    await this.#admin.query(`CREATE DATABASE dumped TEMPLATE ${this.#name}`);
  }

  /** The dump takes its place; once. */
  async restore(): Promise<void> {
    await this.#admin.query(`DROP DATABASE ${this.#name} WITH (FORCE)`);
    await this.#admin.query(`ALTER DATABASE dumped RENAME TO ${this.#name}`);
  }

  close(): Promise<void> {
    return this.#admin.end();
  }
}

const TABLES = `SELECT c.relname AS name FROM pg_class c
  WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`;

/** Of the schema `conduit`, into a schema beside it. */
export async function dumpSchema(client: pg.Client): Promise<void> {
  await client.query('DROP SCHEMA IF EXISTS dumped CASCADE; CREATE SCHEMA dumped');
  for (const name of await tablesOf(client)) {
    await client.query(`CREATE TABLE dumped.${name} AS TABLE conduit.${name}`);
  }
}

/** In one transaction. */
export async function restoreSchema(client: pg.Client): Promise<void> {
  const migrations = await readMigrations(SQL_FOLDER);
  await client.query('BEGIN');
  const before = await tablesOf(client);
  await client.query('DROP SCHEMA conduit CASCADE; CREATE SCHEMA conduit');
  for (const { sql } of migrations) await client.query(sql);
  const after = await tablesOf(client);
  for (const name of before) {
    if (!after.includes(name))
      await client.query(`CREATE TABLE conduit.${name} AS TABLE dumped.${name}`);
    else {
      await client.query(`TRUNCATE conduit.${name} CASCADE`);
    }
  }
  // pg_restore makes foreign keys once all rows are there.
  await client.query('SET LOCAL session_replication_role = replica');
  for (const name of after)
    await client.query(`INSERT INTO conduit.${name} SELECT * FROM dumped.${name}`);
  await client.query(`SELECT setval(pg_get_serial_sequence('conduit.' || c.table_name, c.column_name), 1000)
    FROM information_schema.columns c WHERE c.table_schema = 'conduit'
      AND pg_get_serial_sequence('conduit.' || c.table_name, c.column_name) IS NOT NULL`);
  await client.query('COMMIT');
}

async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(TABLES);
  return rows.map(({ name }) => name);
}
