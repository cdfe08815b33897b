/**
 * Brings a database to the schema of this version: what is pending of sql/ in one transaction, under an
 * advisory lock of that transaction, so that nodes that start together do it once and a lock is never
 * left behind. A schema that is up to date is only read. Runs on the supervisor's thread before
 * any worker opens its log.
 */
import type pg from 'pg';
import { BoundedClient } from '../session/bounded-client.js';
import { databaseTarget } from '../session/database-target.js';
import { ownBackend } from '../session/pooler-check.js';
import { assertPrivileges } from '../session/privileges.js';
import {
  type AppliedMigration,
  BOOK_SQL,
  LOCK_KEY,
  MEANING_SQL,
  type Migration,
  migrationScript,
  pendingMigrations,
  readMigrations,
  SQL_FOLDER,
} from './migration-files.js';

const CONNECT_TIMEOUT_MS = 5_000;
/** Of what is asked of a server that may have gone silent. */
const QUERY_TIMEOUT_MS = 10_000;
/** Of the transaction: to copy a large table takes its time. */
const RUN_TIMEOUT_MS = 86_400_000;
/** How long a migration waits for whoever uses a table. */
const LOCK_TIMEOUT_MS = 300_000;
const LOCK_POLL_MS = 200;

/** What a database or a role may have set otherwise; transaction_timeout is there from PostgreSQL 17 on. */
const BEGIN_SQL = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
  SET LOCAL statement_timeout = 0;
  SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL client_min_messages = warning;
  SET LOCAL idle_in_transaction_session_timeout = 0; ${MEANING_SQL};
  SELECT set_config('transaction_timeout', '0', true)
  WHERE current_setting('transaction_timeout', true) IS NOT NULL`;

const HOLDER_SQL = `SELECT l.pid, a.application_name AS name, a.usename AS "user", a.state,
    extract(epoch FROM clock_timestamp() - a.state_change)::int AS seconds
  FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32) + l.objid::bigint = ${LOCK_KEY}`;

export interface MigrateOptions {
  /** Default: sql/ of this package. */
  folder?: string;
  applicationName?: string;
  /** Another session migrates; called again and again, it waits or rejects. */
  onLocked?: (holder: string) => Promise<void>;
}

/**
 * Runs what has not run yet and answers the names of what ran. Rejects LogConfigurationError (one
 * line) when the database was migrated by other files than these, or by a newer version, or behind a
 * transaction pooler; then nothing was changed, and nothing is left. Other rejections are the
 * database's own.
 */
export async function migrate(
  databaseUrl: string,
  options: MigrateOptions = {},
): Promise<string[]> {
  const migrations = await readMigrations(options.folder ?? SQL_FOLDER);
  return withSession(databaseUrl, options, async (client) => {
    if (pendingMigrations(migrations, await readApplied(client)).length === 0) return none(client);
    for (;;) {
      const ran = await runPending(client, migrations);
      if (ran !== null) return ran.length > 0 ? ran : none(client);
      await (options.onLocked ?? pause)(await describeHolder(client));
    }
  });
}

/** Nothing ran: the schema may be somebody else's. */
async function none(client: pg.Client): Promise<string[]> {
  await assertPrivileges(client);
  return [];
}

/** The SQL of what is pending there; of everything without a database. Changes nothing. */
export async function printMigrations(databaseUrl: string | null): Promise<string> {
  const migrations = await readMigrations(SQL_FOLDER);
  if (databaseUrl === null) return migrationScript(migrations);
  const applied = await withSession(databaseUrl, {}, readApplied);
  return migrationScript(pendingMigrations(migrations, applied));
}

async function withSession<T>(
  databaseUrl: string,
  options: MigrateOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const connect = async (): Promise<BoundedClient> => {
    const client = new BoundedClient({
      ...databaseTarget(databaseUrl),
      application_name: options.applicationName ?? 'conduit/migrations',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      answerMs: RUN_TIMEOUT_MS,
      keepAlive: true,
    });
    // A connection that breaks rejects the query under way; without a listener it ends the process.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const client = await connect();
  try {
    await ownBackend(client, connect);
    return await work(client);
  } finally {
    // A broken one has ended already.
    await client.end().catch(() => undefined);
  }
}

async function readApplied(client: pg.Client): Promise<AppliedMigration[]> {
  if (!(await exists(client, "to_regclass('conduit.migrations')"))) return [];
  const { rows } = await client.query<AppliedMigration>(
    'SELECT version, name, checksum FROM conduit.migrations ORDER BY version',
  );
  return rows;
}

/** CREATE .. IF NOT EXISTS asks for the right to create what is there already. */
async function exists(client: pg.Client, name: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT ${name} IS NOT NULL AS there`);
  return rows[0]?.there === true;
}

/** Null: somebody else has the lock. */
async function runPending(
  client: pg.Client,
  migrations: readonly Migration[],
): Promise<string[] | null> {
  await client.query(BEGIN_SQL);
  try {
    const names = await runLocked(client, migrations);
    await client.query('COMMIT');
    return names;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function runLocked(
  client: pg.Client,
  migrations: readonly Migration[],
): Promise<string[] | null> {
  const lock = await client.query<{ ours: boolean }>(
    `SELECT pg_try_advisory_xact_lock(${LOCK_KEY}) AS ours`,
  );
  if (lock.rows[0]?.ours !== true) return null;
  if (!(await exists(client, "to_regnamespace('conduit')"))) {
    await client.query('CREATE SCHEMA conduit');
  }
  if (!(await exists(client, "to_regclass('conduit.migrations')"))) await client.query(BOOK_SQL);
  const pending = pendingMigrations(migrations, await readApplied(client));
  for (const migration of pending) await run(client, migration);
  return pending.map(({ name }) => name);
}

async function run(client: pg.Client, { version, name, sql, checksum }: Migration): Promise<void> {
  // pg knows it; its types do not.
  const patient: pg.QueryConfig & { query_timeout: number } = {
    text: sql,
    query_timeout: RUN_TIMEOUT_MS,
  };
  await client.query(patient);
  await client.query(
    'INSERT INTO conduit.migrations (version, name, checksum) VALUES ($1, $2, $3)',
    [version, name, checksum],
  );
}

interface Holder {
  pid: number;
  /** Null, and what follows: not ours to see. */
  name: string | null;
  user: string | null;
  state: string | null;
  seconds: number | null;
}

async function describeHolder(client: pg.Client): Promise<string> {
  const { rows } = await client.query<Holder>(HOLDER_SQL);
  const [holder] = rows;
  if (holder === undefined) return 'another session migrates the database';
  const { pid, name, user, state, seconds } = holder;
  const who = `process ${pid} of PostgreSQL (${name || 'without a name'}, user ${user ?? 'unknown'})`;
  // A session that migrates is in a transaction.
  if (state !== 'idle') return `another session migrates the database: ${who}`;
  return (
    `the lock of the migrations is held by ${who}, idle for ${seconds ?? 0} s: when no older ` +
    `version of Conduit is starting, it was left behind; SELECT pg_terminate_backend(${pid}) frees it`
  );
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
}
