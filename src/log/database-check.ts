/**
 * Whether the database of DATABASE_URL can be used at all, asked once at start, quickly: what only a
 * person can put right must stop the start with one line.
 */
import pg from 'pg';
import { describeDatabase } from '../core/database-url.js';
import { serverEncoding, wrongEncoding } from './server-encoding.js';

const CONNECT_TIMEOUT_MS = 1_500;

/** Null when it can be connected to; else one line for the operator, without the password. */
export async function checkDatabase(databaseUrl: string): Promise<string | null> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return wrongEncoding(await serverEncoding(client));
  } catch (error) {
    const why =
      error instanceof Error ? error.message.split('\n')[0] || codeOf(error) : 'no answer';
    return `DATABASE_URL: cannot connect to ${describeDatabase(databaseUrl)}: ${why}`;
  } finally {
    await client.end().catch(() => null);
  }
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
