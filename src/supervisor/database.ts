/**
 * The database before the threads start: that it can be reached, and that its schema is this
 * version's. What only a person can put right refuses the start, with one line.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { checkDatabase } from '../log/database-check.js';
import { LogConfigurationError } from '../log/log-configuration-error.js';
import { migrate } from '../log/migrations.js';
import { StartRefused } from './start-refused.js';

/** A server that replays its log after a crash says so, and will be there soon. */
const STARTING_UP = /the database system is (starting up|not yet accepting connections)/;
const STARTING_UP_MS = 60_000;
const POLL_MS = 250;

/**
 * Resolves with the names of the migrations that ran. Rejects StartRefused or
 * LogConfigurationError.
 */
export async function prepareDatabase(databaseUrl: string): Promise<string[]> {
  const trouble = await reach(databaseUrl);
  if (trouble !== null) throw new StartRefused(trouble);
  try {
    return await migrate(databaseUrl);
  } catch (error) {
    if (error instanceof LogConfigurationError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new StartRefused(`DATABASE_URL: the schema cannot be brought up to date: ${why}`);
  }
}

async function reach(databaseUrl: string): Promise<string | null> {
  const until = performance.now() + STARTING_UP_MS;
  for (;;) {
    const trouble = await checkDatabase(databaseUrl);
    if (trouble === null || !STARTING_UP.test(trouble)) return trouble;
    if (performance.now() > until) return trouble;
    await delay(POLL_MS);
  }
}
