/**
 * Whether the database of DATABASE_URL can be used at all, asked once at start, quickly: what only a
 * person can put right must stop the start with one line. Also finds out how, where the URL leaves
 * it to the server whether the connection is encrypted.
 */
import {
  describeDatabase,
  isSocketFolder,
  parseDatabaseUrl,
  withSslMode,
} from '../../../core/database-url.js';
import { LogConfigurationError } from '../../contract/log-configuration-error.js';
import { messageOf } from '../../contract/log-errors.js';
import { BoundedClient } from './bounded-client.js';
import { databaseTarget, sslModeOf, targetTrouble } from './database-target.js';
import { serverEncoding, wrongEncoding } from './server-encoding.js';
import { isTransient } from './transient.js';

const CONNECT_TIMEOUT_MS = 1_500;

export type DatabaseCheck =
  /** By this URL, whose mode of TLS leaves nothing open. */
  | { state: 'reached'; databaseUrl: string }
  /** One line for the operator, without the password. */
  | { state: 'refused' | 'transient'; trouble: string };

export async function checkDatabase(databaseUrl: string): Promise<DatabaseCheck> {
  const unusable = targetTrouble(databaseUrl);
  if (unusable !== null) return { state: 'refused', trouble: `DATABASE_URL: ${unusable}` };
  const tried: unknown[] = [];
  for (const candidate of candidates(databaseUrl)) {
    const error = await connectionError(candidate);
    if (error === null) return { state: 'reached', databaseUrl: candidate };
    if (error instanceof LogConfigurationError) return { state: 'refused', trouble: error.message };
    tried.push(error);
    if (isTransient(error)) break;
  }
  const state = tried.some(isTransient) ? 'transient' : 'refused';
  // The first counts, unless all it says is that the server has no TLS.
  const error = tried.find((each) => !NO_TLS.test(messageOf(each))) ?? tried[0];
  const place = describeDatabase(databaseUrl);
  const trouble = `DATABASE_URL: cannot connect to ${place}: ${messageOf(error)}`;
  return { state, trouble };
}

const NO_TLS = /does not support SSL/;

/** As libpq tries them: `prefer` with TLS and then without, `allow` the other way round. */
function candidates(databaseUrl: string): string[] {
  const { host, parameters } = parseDatabaseUrl(databaseUrl);
  const mode = sslModeOf(parameters);
  if (isSocketFolder(host) || (mode !== 'prefer' && mode !== 'allow')) return [databaseUrl];
  const modes =
    mode === 'prefer' ? (['require', 'disable'] as const) : (['disable', 'require'] as const);
  return modes.map((each) => withSslMode(databaseUrl, each));
}

async function connectionError(databaseUrl: string): Promise<unknown> {
  const client = new BoundedClient({
    ...databaseTarget(databaseUrl),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const trouble = wrongEncoding(await serverEncoding(client));
    return trouble === null ? null : new LogConfigurationError(trouble);
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => null);
  }
}
