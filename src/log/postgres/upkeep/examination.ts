/** What stands in the way of a node on a database, asked without changing anything. For `conduit doctor`. */
import { systemClock } from '../../../core/clock.js';
import { messageOf } from '../../contract/log-errors.js';
import { assertServer, isWritable, openConnection } from '../session/log-connection.js';
import { assertPrivileges, mayDropLeaves } from '../session/privileges.js';
import {
  type AppliedMigration,
  pendingMigrations,
  readMigrations,
  SQL_FOLDER,
} from './migration-files.js';

export interface DatabaseExamination {
  serverVersion: string;
  /** Lines for the operator; null: nothing is wrong. */
  settings: string | null;
  privileges: string | null;
  writable: boolean;
  dropsLeaves: boolean;
  /** Names of migrations that have not run; `migrationsTrouble`: why that cannot be told. */
  pending: string[];
  migrationsTrouble: string | null;
  /** The database's clock before this machine's, ms, within `roundTripMs` / 2. */
  clockAheadMs: number;
  roundTripMs: number;
}

/** Rejects what the connection did. */
export async function examineDatabase(databaseUrl: string): Promise<DatabaseExamination> {
  const client = await openConnection({ databaseUrl, applicationName: 'conduit/doctor' });
  try {
    const { rows } = await client.query<{ version: string }>(
      "SELECT current_setting('server_version') AS version",
    );
    const settings = await refusal(assertServer(client));
    const migrations = await pendingOf(client);
    const isThere = migrations.trouble === null && migrations.pending.length === 0;
    const clock = await clockOf(client);
    return {
      serverVersion: rows[0]?.version ?? '',
      settings,
      writable: await isWritable(client),
      privileges: isThere ? await refusal(assertPrivileges(client)) : null,
      dropsLeaves: isThere ? await mayDropLeaves(client) : true,
      pending: migrations.pending,
      migrationsTrouble: migrations.trouble,
      ...clock,
    };
  } finally {
    await client.end();
  }
}

type Session = Awaited<ReturnType<typeof openConnection>>;

function refusal(asked: Promise<void>): Promise<string | null> {
  return asked.then(
    () => null,
    (error: unknown) => messageOf(error),
  );
}

async function pendingOf(client: Session): Promise<{ pending: string[]; trouble: string | null }> {
  try {
    const there = await client.query<{ there: boolean }>(
      "SELECT to_regclass('conduit.migrations') IS NOT NULL AS there",
    );
    const applied =
      there.rows[0]?.there === true
        ? await client.query<AppliedMigration>(
            'SELECT version, name, checksum FROM conduit.migrations ORDER BY version',
          )
        : { rows: [] };
    const pending = pendingMigrations(await readMigrations(SQL_FOLDER), applied.rows);
    return { pending: pending.map(({ name }) => name), trouble: null };
  } catch (error) {
    return { pending: [], trouble: messageOf(error) };
  }
}

async function clockOf(client: Session): Promise<{ clockAheadMs: number; roundTripMs: number }> {
  const sentAt = systemClock.monotonic();
  const sentMs = systemClock.now();
  const { rows } = await client.query<{ now: string }>(
    'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now',
  );
  const roundTripMs = systemClock.monotonic() - sentAt;
  return { clockAheadMs: Number(rows[0]?.now) - (sentMs + roundTripMs / 2), roundTripMs };
}
