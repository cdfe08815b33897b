/**
 * Sessions on PostgreSQL: how they are opened, which settings they have, what is asserted of the server
 * before anything is stored on it.
 */
import pg from 'pg';
import { LogConfigurationError } from './log-configuration-error.js';
import type { Queryable } from './queryable.js';
import { wrongEncoding } from './server-encoding.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** Until the session has its settings. */
const OPEN_TIMEOUT_MS = 3_000;
export const STATEMENT_TIMEOUT_MS = 10_000;
export const LOCK_TIMEOUT_MS = 3_000;
const IDLE_IN_TRANSACTION_MS = 5_000;
const SERVER_VERSION_MIN = 140_000;

/** PostgreSQL's defaults are no limit: a frozen node would hold its locks for ever. */
const SESSION_SETTINGS = `SET statement_timeout = ${STATEMENT_TIMEOUT_MS};
  SET lock_timeout = ${LOCK_TIMEOUT_MS};
  SET idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS};
  SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
  SET tcp_user_timeout = 10000; SET timezone = 'UTC'`;

export interface ConnectionOptions {
  databaseUrl: string;
  applicationName: string;
}

/** A session with our settings. `onLost` is called once when it breaks later. */
export async function openConnection(
  options: ConnectionOptions,
  onLost: (error: Error) => void = () => undefined,
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  let told = false;
  const lost = (error: Error): void => {
    if (told) return;
    told = true;
    onLost(error);
  };
  client.on('error', lost);
  client.on('end', () => lost(new Error('the connection ended')));
  const timer = setTimeout(() => destroy(client), OPEN_TIMEOUT_MS);
  try {
    await client.connect();
    await client.query(SESSION_SETTINGS);
  } catch (error) {
    told = true;
    destroy(client);
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return client;
}

/** A pool of such sessions, for what is not an append. */
export function openPool(options: ConnectionOptions, connectionsMax: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // The settings go by SET: a pooler refuses those it does not know at connect.
    onConnect: (client) => client.query(SESSION_SETTINGS),
    query_timeout: STATEMENT_TIMEOUT_MS + 2_000,
    max: connectionsMax,
    keepAlive: true,
  });
  // An idle session that breaks is replaced by the pool; a query on it says what is wrong.
  pool.on('error', () => undefined);
  return pool;
}

/** Ends a session without waiting for the server's good-bye. */
export function destroy(client: pg.Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** Rejects LogConfigurationError when a 200 could not mean "committed and on disk". */
export async function assertServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<Record<string, string>>(
    `SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('server_encoding') AS encoding,
       current_setting('server_version_num') AS version`,
  );
  const [row = {}] = rows;
  if (Number(row['version']) < SERVER_VERSION_MIN) {
    throw new LogConfigurationError('DATABASE_URL: PostgreSQL 14 or newer is needed');
  }
  const encoding = wrongEncoding(row['encoding'] ?? '');
  if (encoding !== null) throw new LogConfigurationError(encoding);
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit']) {
    if (row[name] !== 'off') continue;
    throw new LogConfigurationError(`DATABASE_URL: ${name} is off: a commit would not be durable`);
  }
}

/** 1 to 20 of [0-9a-z]: the database system and its timeline, which a promotion changes. */
export async function readIncarnation(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ system: string; timeline: string }>(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
       CASE WHEN pg_is_in_recovery() THEN '0'
         ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline`,
  );
  const [row] = rows;
  const system = BigInt(row?.system ?? 0).toString(36);
  return `${system}${Number.parseInt(row?.timeline ?? '0', 16).toString(36)}`.slice(0, 20);
}
