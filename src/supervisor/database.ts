/**
 * The database before the threads start: that it can be reached, and that its schema is this version's.
 * What passes by itself is waited for; what only a person can put right refuses the start, with one
 * line.
 */
import { EXIT_CONFIG, EXIT_LATER } from '../config/config.js';
import { LogConfigurationError } from '../log/contract/log-configuration-error.js';
import { messageOf } from '../log/contract/log-errors.js';
import { checkDatabase } from '../log/postgres/session/database-check.js';
import { isTransient } from '../log/postgres/session/transient.js';
import { migrate, printMigrations } from '../log/postgres/upkeep/migrations.js';
import type { Patience } from './patience.js';
import { StartRefused } from './start-refused.js';

/** insufficient_privilege */
const FORBIDDEN = '42501';

export interface PreparedDatabase {
  /** The URL that led to it: the same, with what was left to the server decided. */
  databaseUrl: string;
  /** The names of the migrations that ran. */
  applied: string[];
}

/** Rejects StartRefused or LogConfigurationError. */
export async function prepareDatabase(
  databaseUrl: string,
  patience: Pick<Patience, 'pause'>,
): Promise<PreparedDatabase> {
  for (;;) {
    const reached = await reachDatabase(databaseUrl, patience);
    try {
      const onLocked = (holder: string): Promise<void> => patience.pause(holder);
      return { databaseUrl: reached, applied: await migrate(reached, { onLocked }) };
    } catch (error) {
      if (error instanceof LogConfigurationError || error instanceof StartRefused) throw error;
      const line = `DATABASE_URL: the schema cannot be brought up to date: ${whyNot(error)}`;
      if (!isTransient(error)) throw new StartRefused(line);
      await patience.pause(line);
    }
  }
}

/** The SQL of what is pending there; without a database of the whole schema. Rejects as above. */
export async function pendingSql(databaseUrl: string | null, patience: Patience): Promise<string> {
  if (databaseUrl === null) return printMigrations(null);
  const reached = await reachDatabase(databaseUrl, patience);
  try {
    return await printMigrations(reached);
  } catch (error) {
    if (error instanceof LogConfigurationError) throw error;
    const line = `DATABASE_URL: what has run there cannot be read: ${messageOf(error)}`;
    throw new StartRefused(line, isTransient(error) ? EXIT_LATER : EXIT_CONFIG);
  }
}

/** Resolves with the URL that led to it. Rejects StartRefused. */
async function reachDatabase(
  databaseUrl: string,
  patience: Pick<Patience, 'pause'>,
): Promise<string> {
  for (;;) {
    const check = await checkDatabase(databaseUrl);
    if (check.state === 'reached') return check.databaseUrl;
    if (check.state === 'refused') throw new StartRefused(check.trouble);
    await patience.pause(check.trouble);
  }
}

function whyNot(error: unknown): string {
  const isForbidden = error instanceof Error && 'code' in error && error.code === FORBIDDEN;
  const way = '; conduit migrate --print gives the SQL to whoever may run it';
  return `${messageOf(error)}${isForbidden ? way : ''}`;
}
