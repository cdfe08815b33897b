/**
 * The databases of DATABASE_URL before the threads start. The first is waited for, as the only one would be;
 * another that is away is brought up to date, and added, once it is there: until then its topics are refused.
 */

import { EXIT_CONFIG, EXIT_LATER } from '../config/config.js';
import { LogConfigurationError } from '../log/contract/log-configuration-error.js';
import { messageOf } from '../log/contract/log-errors.js';
import { enterFirst, joinDatabase, ordinal } from '../log/postgres/session/database-place.js';
import type { KeptPool } from '../log/postgres/session/kept-pool.js';
import { openPool } from '../log/postgres/session/log-connection.js';
import { prepareDatabase } from './database.js';
import type { Patience } from './patience.js';
import { StartRefused, startExitCode } from './start-refused.js';

/** From one try to reach a database that is away to the next. */
const RETRY_MS = 2_000;

export interface DatabasesOptions {
  /** In the order in which they were added. */
  urls: readonly string[];
  patience: Patience;
  /** For the operator: migrations that ran, databases that were added. */
  onDone: (line: string, of: { name?: string; database?: number }) => void;
  /** One that is away, and why. */
  onAway: (line: string) => void;
}

/** As `urls` has them, with what was left to the servers decided. */
export interface PreparedDatabases {
  urls: readonly string[];
  /** Tries no more to reach those that are away. */
  stop: () => Promise<void>;
}

/** Nobody waits for the others. */
const NO_PATIENCE: Pick<Patience, 'pause'> = {
  pause: (why) => Promise.reject(new StartRefused(why, EXIT_LATER)),
};

/** Rejects StartRefused or LogConfigurationError. `others`: whether all must be there. */
export async function prepareDatabases(
  options: DatabasesOptions,
  others: 'awaited' | 'late',
): Promise<PreparedDatabases> {
  const { urls, patience, onAway } = options;
  const [firstUrl = '', ...moreUrls] = urls;
  const first = await prepareDatabase(firstUrl, patience);
  told(options, first.applied);
  const cluster = await asked(first.databaseUrl, (db) => enterFirst(db, urls.length));
  if (cluster === null) return { urls: [first.databaseUrl], stop: () => Promise.resolve() };
  const joins: Join[] = moreUrls.map((url, n) => ({ url, place: n + 1, cluster }));
  const waits = others === 'awaited' ? patience : NO_PATIENCE;
  const late: Join[] = [];
  const reached = await Promise.all(
    joins.map(async (one) => {
      try {
        return await join(one, waits, options);
      } catch (error) {
        if (startExitCode(error) !== EXIT_LATER || others === 'awaited') throw error;
        onAway(`its topics are refused until it is there: ${messageOf(error)}`);
        late.push(one);
        return one.url;
      }
    }),
  );
  const retries = late.map((one) => new LateDatabase(one, options));
  return {
    urls: [first.databaseUrl, ...reached],
    stop: async () => {
      for (const retry of retries) retry.stop();
    },
  };
}

interface Join {
  url: string;
  place: number;
  cluster: string;
}

/** Resolves with the URL that led to it. */
async function join(
  { url, place, cluster }: Join,
  patience: Pick<Patience, 'pause'>,
  options: DatabasesOptions,
): Promise<string> {
  const which = (line: string): string => `the ${ordinal(place)} URL of ${line}`;
  const of = { pause: (why: string) => patience.pause(which(why)) };
  const { databaseUrl, applied } = await prepareDatabase(url, of);
  told(options, applied, place);
  const how = await asked(databaseUrl, (db) => joinDatabase(db, { cluster, place }));
  if (how === 'added') options.onDone('a database was added', { database: place + 1 });
  return databaseUrl;
}

function told({ onDone }: DatabasesOptions, applied: readonly string[], place = 0): void {
  const which = place === 0 ? {} : { database: place + 1 };
  for (const name of applied) onDone('migrated', { name, ...which });
}

async function asked<T>(databaseUrl: string, ask: (db: KeptPool) => Promise<T>): Promise<T> {
  const pool = openPool({ databaseUrl, applicationName: 'conduit/databases' }, 1);
  try {
    return await ask(pool);
  } catch (error) {
    if (error instanceof LogConfigurationError) throw error;
    const line = `DATABASE_URL: which database it leads to cannot be found out: ${messageOf(error)}`;
    throw new StartRefused(line, EXIT_CONFIG);
  } finally {
    await pool.end();
  }
}

/** One that was away when the node started. */
class LateDatabase {
  #timer: NodeJS.Timeout | null = null;
  #state: 'trying' | 'stopped' = 'trying';

  constructor(of: Join, options: DatabasesOptions) {
    this.#later(of, options);
  }

  stop(): void {
    this.#state = 'stopped';
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #later(of: Join, options: DatabasesOptions): void {
    if (this.#state === 'stopped') return;
    this.#timer = setTimeout(() => {
      join(of, NO_PATIENCE, options).then(
        () => options.onDone('a database that was away is there', { database: of.place + 1 }),
        (error: unknown) => {
          if (startExitCode(error) !== EXIT_LATER) options.onAway(messageOf(error));
          this.#later(of, options);
        },
      );
    }, RETRY_MS);
  }
}
