/**
 * Sessions on PostgreSQL: how they are opened, which settings they have, what is asserted of the server
 * before anything is stored on it.
 */
import pg from 'pg';
import { systemClock } from '../../../core/clock.js';
import { LogConfigurationError } from '../../contract/log-configuration-error.js';
import { BoundedClient } from './bounded-client.js';
import { databaseTarget } from './database-target.js';
import { KeptPool } from './kept-pool.js';
import type { Queryable } from './queryable.js';
import { wrongEncoding } from './server-encoding.js';
import { SESSION_SETTINGS, STATEMENT_TIMEOUT_MS } from './session-settings.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** Until the session has its settings. */
const CONFIGURE_TIMEOUT_MS = 2_000;
const SERVER_VERSION_MIN = 140_000;

/** How long a server may say nothing to a query; a little more than it may take for one. */
const ANSWER_MS = STATEMENT_TIMEOUT_MS + 2_000;

export interface ConnectionOptions {
  databaseUrl: string;
  applicationName: string;
  /** How long the server may say nothing: for sessions with a statement_timeout of their own. */
  answerMs?: number;
}

/** A session with our settings. `onLost` is called once, when it breaks after it was handed out. */
export async function openConnection(
  options: ConnectionOptions,
  onLost: (error: Error) => void = () => undefined,
): Promise<BoundedClient> {
  const client = new BoundedClient(clientConfig(options));
  // pg says that it ended before it rejects what was under way: nobody has the session yet.
  const life: { state: 'opening' | 'open' | 'lost' } = { state: 'opening' };
  const lost = (error: Error): void => {
    const wasOpen = life.state === 'open';
    life.state = 'lost';
    if (wasOpen) onLost(error);
  };
  client.on('error', lost);
  client.on('end', () => lost(new Error('the connection ended')));
  try {
    await client.connect();
    await configure(client);
    if (life.state === 'lost') throw new Error('the connection ended');
    life.state = 'open';
  } catch (error) {
    client.destroy();
    throw error;
  }
  return client;
}

/** A pool of such sessions, for what is not an append. */
export function openPool(options: ConnectionOptions, connectionsMax: number): KeptPool {
  const first = clientConfig(options);
  const config: pg.PoolConfig = {
    ...first,
    // The settings go by SET: a pooler refuses those it does not know at connect.
    onConnect: (client) => configure(client as BoundedClient),
    max: connectionsMax,
    // The pool would give each the config that it was made with, and its certificates.
    Client: class extends BoundedClient {
      constructor() {
        super(configNow(options) ?? first);
      }
    },
  };
  return new KeptPool(new pg.Pool(config), systemClock);
}

/** Null while a file that the URL names is not to be read: pg's pool takes no error at that place. */
function configNow(options: ConnectionOptions): ReturnType<typeof clientConfig> | null {
  try {
    return clientConfig(options);
  } catch {
    return null;
  }
}

function clientConfig(options: ConnectionOptions): pg.ClientConfig & { answerMs: number } {
  return {
    ...databaseTarget(options.databaseUrl),
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    answerMs: options.answerMs ?? ANSWER_MS,
  };
}

async function configure(client: BoundedClient): Promise<void> {
  const error = new Error('the connection ended: the server does not answer');
  const timer = setTimeout(() => client.destroy(error), CONFIGURE_TIMEOUT_MS);
  try {
    await client.query(SESSION_SETTINGS);
  } finally {
    clearTimeout(timer);
  }
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

/** Whether appends would be taken now. */
export async function isWritable(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ writable: boolean }>(
    `SELECT NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'
       AS writable`,
  );
  return rows[0]?.writable === true;
}
