/** Two databases of one PostgreSQL, or more, as one log, as the workers of nodes open it. */
import pg from 'pg';
import { startPostgres, type TestPostgres } from '../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../src/core/clock.js';
import { DatabaseClock } from '../../../src/core/database-clock.js';
import { HashRing } from '../../../src/core/hash-ring.js';
import { DEFAULT_LIMITS, type Limits } from '../../../src/core/limits.js';
import { messageOf } from '../../../src/log/contract/log-errors.js';
import { PostgresMover } from '../../../src/log/postgres/move/topic-move.js';
import { PostgresLog } from '../../../src/log/postgres/postgres-log.js';
import { enterFirst, joinDatabase } from '../../../src/log/postgres/session/database-place.js';
import { openPool } from '../../../src/log/postgres/session/log-connection.js';
import { migrate } from '../../../src/log/postgres/upkeep/migrations.js';
import { SeveralLogs } from '../../../src/log/several/several-logs.js';
import { RecordingSink, type TestAppend } from '../../contract/recording-sink.js';
import { keyOf } from '../tenants/tenants.js';

export interface Databases {
  postgres: TestPostgres;
  /** By place. */
  urls: readonly string[];
  /** Rows of a query on the one at that place. */
  query<R>(place: number, sql: string, values?: unknown[]): Promise<R[]>;
}

export interface TwoDatabases extends Databases {
  urls: [string, string];
  /** Of DATABASE_URL. */
  both: string;
}

/** On a server of their own, empty; it is stopped at the test's end. */
export async function startTwoDatabases(t: Ends): Promise<TwoDatabases> {
  const databases = await startDatabases(t, ['postgres', 'second']);
  const [first = '', second = ''] = databases.urls;
  return { ...databases, urls: [first, second], both: databases.urls.join(' ') };
}

interface Ends {
  teardown(end: () => unknown): void;
}

/** The same of any number: by their names, of which the first is `postgres`. */
export async function startDatabases(t: Ends, names: readonly string[]): Promise<Databases> {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  for (const name of names.slice(1)) await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const urls = names.map((name) => {
    const url = new URL(postgres.url);
    url.pathname = `/${name}`;
    return url.href;
  });
  return {
    ...{ postgres, urls },
    query: async <R>(place: number, sql: string, values: unknown[] = []) => {
      const client = new pg.Client({ connectionString: urls[place] ?? '' });
      await client.connect();
      try {
        return (await client.query(sql, values)).rows as R[];
      } finally {
        await client.end();
      }
    },
  };
}

/** Names under a prefix that are placed in the database of that place, of two. */
export function namesAt(place: 0 | 1, prefix: string, count: number): string[] {
  const ring = new HashRing(['database-0', 'database-1']);
  const names: string[] = [];
  for (let n = 0; names.length < count; n++) {
    const name = `${prefix}.${n}`;
    if (ring.memberOf(keyOf(name)) === `database-${place}`) names.push(name);
  }
  return names;
}

/** As `conduit migrate` does it. */
export async function joinAll(urls: readonly string[]): Promise<void> {
  const pools = urls.map((databaseUrl) =>
    openPool({ databaseUrl, applicationName: 'test/join' }, 1),
  );
  try {
    for (const url of urls) await migrate(url);
    const [first, ...more] = pools;
    if (first === undefined) return;
    const cluster = (await enterFirst(first, urls.length)) ?? '';
    for (const [n, pool] of more.entries()) await joinDatabase(pool, { cluster, place: n + 1 });
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
  }
}

export interface SeveralLog {
  log: SeveralLogs<TestAppend>;
  sink: RecordingSink;
  troubles: string[];
}

/** `notify`: it hears of what others do. `ends`: it ends what others left of moves. */
export async function openSeveralLogs(
  urls: readonly string[],
  name: string,
  limits: Partial<Limits> & { notify?: boolean; ends?: boolean } = {},
): Promise<SeveralLog> {
  const { notify = true, ends = true, ...others } = limits;
  const sink = new RecordingSink();
  const troubles: string[] = [];
  const onTrouble = (what: string, error: unknown): void => {
    troubles.push(`${what}: ${messageOf(error)}`);
  };
  const log = new SeveralLogs<TestAppend>({
    databases: urls.length,
    make: (place, own) =>
      new PostgresLog<TestAppend>({
        ...{ databaseUrl: urls[place] ?? '', place, sink: own, onTrouble },
        applicationName: `conduit/${name}/w0`,
        limits: { ...DEFAULT_LIMITS, ...others },
        clock: new DatabaseClock(systemClock),
        notify,
        owns: () => true,
        isHere: () => true,
        keepsUp: () => true,
      }),
    sink,
    mover: new PostgresMover(urls),
    endsMoves: ends,
    onMoveTrouble: (error) => onTrouble('moving a topic', error),
    onTrouble: (place, error) => onTrouble(`opening database ${place + 1}`, error),
  });
  await log.open();
  return { log, sink, troubles };
}
