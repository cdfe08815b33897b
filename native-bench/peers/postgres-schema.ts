/** A schema of a peer's own in the run's PostgreSQL. */
import pg from 'pg';
import type { Place } from '../contender.js';

export interface PostgresSchema {
  /** URL of the database that it is in. */
  database: string;
  /** Environment of a client (libpq's, pg's) that finds the database and the tables by itself. */
  env: Readonly<Record<string, string>>;
  /** Of the server, for CPU and memory. */
  processes: Readonly<Record<string, number>>;
  drop(): Promise<void>;
}

/**
 * `tables`: the SQL that makes them, unqualified. What was left there of an earlier run is dropped.
 * Rejects when there is no PostgreSQL, or when it answers a commit before it is on the disk.
 */
export async function makeSchema(
  place: Place,
  name: string,
  tables: string,
): Promise<PostgresSchema> {
  const { postgresUrl, postgresPid } = place;
  if (postgresUrl === null) throw new Error(`${name} needs the run's own PostgreSQL`);
  await withClient(postgresUrl, async (client) => {
    await refuseUnsynced(client, name);
    await client.query(`DROP SCHEMA IF EXISTS ${name} CASCADE; CREATE SCHEMA ${name};
      SET search_path = ${name}; ${tables}`);
  });
  return {
    database: postgresUrl,
    env: clientEnvironment(postgresUrl, name),
    processes: postgresPid === null ? {} : { postgres: postgresPid },
    drop: () =>
      withClient(postgresUrl, async (client) => {
        await client.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
      }),
  };
}

/** The peers say that a commit is flushed: then it has to be. */
async function refuseUnsynced(client: pg.Client, name: string): Promise<void> {
  for (const setting of ['fsync', 'synchronous_commit']) {
    const { rows } = await client.query<Record<string, string>>(`SHOW ${setting}`);
    if (rows[0]?.[setting] === 'off') {
      throw new Error(`${name} is about commits that are on the disk, and ${setting} is off`);
    }
  }
}

function clientEnvironment(url: string, schema: string): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    PGHOST: hostname,
    PGPORT: port === '' ? '5432' : port,
    PGUSER: decodeURIComponent(username),
    ...(password === '' ? {} : { PGPASSWORD: decodeURIComponent(password) }),
    PGDATABASE: decodeURIComponent(pathname.slice(1)) || decodeURIComponent(username),
    PGOPTIONS: `-c search_path=${schema}`,
  };
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
