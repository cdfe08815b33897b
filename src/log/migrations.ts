/**
 * Brings a database to the schema of this version: the files of sql/, in order, each in its own
 * transaction, under a session advisory lock, so that nodes that start together do it once. Runs on
 * the supervisor's thread before any worker opens its log. What ran is remembered with its
 * checksum.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { LogConfigurationError } from './log-configuration-error.js';

/** Any constant that no other program picks: 'conduit' read in base 36. */
const LOCK_KEY = '27611853509';
/** How long another node may take for its migrations. */
const LOCK_TIMEOUT_MS = 300_000;
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** sql/ of the package, seen from dist/src/log. */
const SQL_FOLDER = fileURLToPath(new URL('../../../sql/', import.meta.url));

export interface Migration {
  /** From 1, without holes. */
  version: number;
  name: string;
  sql: string;
  /** SHA-256 of the file, hex. */
  checksum: string;
}

export interface AppliedMigration {
  version: number;
  name: string;
  checksum: string;
}

export interface MigrateOptions {
  /** Default: sql/ of this package. */
  folder?: string;
  applicationName?: string;
}

/**
 * Runs what has not run yet and answers the names of what ran. Rejects LogConfigurationError (one
 * line) when the database was migrated by other files than these, or by a newer version; then
 * nothing was changed. Other rejections are the database's own.
 */
export async function migrate(
  databaseUrl: string,
  options: MigrateOptions = {},
): Promise<string[]> {
  const migrations = await readMigrations(options.folder ?? SQL_FOLDER);
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: options.applicationName ?? 'conduit/migrations',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // A connection that breaks rejects the query under way; without a listener it ends the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await migrateOn(client, migrations);
  } finally {
    // Ends the session, and with it the advisory lock.
    await client.end();
  }
}

/**
 * The files in version order. Rejects LogConfigurationError for a hole or a name out of pattern.
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const version = Number(FILE_NAME.exec(name)?.[1]);
      if (version !== index + 1) {
        throw new LogConfigurationError(
          `sql/${name}: expected ${String(index + 1).padStart(4, '0')}_<name>.sql`,
        );
      }
      const sql = await readFile(`${folder}/${name}`, 'utf8');
      return { version, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** What is still to run. Throws LogConfigurationError when what ran is not the start of `known`. */
export function pendingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
): Migration[] {
  for (const done of applied) {
    const file = known[done.version - 1];
    if (file === undefined) {
      throw new LogConfigurationError(
        `the database has migration ${done.name}, which this version of Conduit does not know: ` +
          'it was migrated by a newer version',
      );
    }
    if (file.name !== done.name || file.checksum !== done.checksum) {
      throw new LogConfigurationError(
        `sql/${file.name} is not the migration ${done.name} that the database ran: ` +
          'a migration that has run must not be changed',
      );
    }
  }
  return known.slice(applied.length);
}

async function migrateOn(client: pg.Client, migrations: readonly Migration[]): Promise<string[]> {
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query('SET statement_timeout = 0');
  await client.query(`SELECT pg_advisory_lock(${LOCK_KEY})`);
  await client.query('SET client_min_messages = warning');
  await client.query('CREATE SCHEMA IF NOT EXISTS conduit');
  await client.query(
    `CREATE TABLE IF NOT EXISTS conduit.migrations (
       version    int PRIMARY KEY,
       name       text NOT NULL,
       checksum   text NOT NULL,
       applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  );
  const { rows } = await client.query<AppliedMigration>(
    'SELECT version, name, checksum FROM conduit.migrations ORDER BY version',
  );
  const pending = pendingMigrations(migrations, rows);
  for (const migration of pending) await run(client, migration);
  return pending.map((migration) => migration.name);
}

async function run(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query(
      'INSERT INTO conduit.migrations (version, name, checksum) VALUES ($1, $2, $3)',
      [migration.version, migration.name, migration.checksum],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
