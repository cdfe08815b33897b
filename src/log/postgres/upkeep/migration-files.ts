/**
 * The files of sql/: which there are, which of them a database has still to run, and all of that as
 * one text for whoever runs it by hand. Pure but for reading the folder.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { LogConfigurationError } from '../../contract/log-configuration-error.js';

/** Any constant that no other program picks: 'conduit' read in base 36. */
export const LOCK_KEY = '27611853509';
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** sql/ of the package, seen from dist/src/log. */
export const SQL_FOLDER = fileURLToPath(new URL('../../../../../sql/', import.meta.url));

/** What the files rely on, and a database or a role may have set otherwise. */
export const MEANING_SQL = `SET LOCAL search_path = pg_catalog;
  SET LOCAL standard_conforming_strings = on; SET LOCAL timezone = 'UTC'`;

/** IF NOT EXISTS would ask for the right to create what is there. */
const SCHEMA_SQL = `DO $$
BEGIN
  IF to_regnamespace('conduit') IS NULL THEN
    CREATE SCHEMA conduit;
  END IF;
END
$$;`;

/** What ran, by the checksum that it had. */
export const BOOK_SQL = `CREATE TABLE IF NOT EXISTS conduit.migrations (
  version    int PRIMARY KEY,
  name       text NOT NULL,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`;

export interface Migration {
  /** From 1, without holes. */
  version: number;
  name: string;
  sql: string;
  /** SHA-256 of the file, hex. */
  checksum: string;
}

export interface AppliedMigration {
  version: number;
  name: string;
  checksum: string;
}

/**
 * The files in version order. Rejects LogConfigurationError for a hole or a name out of pattern.
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const version = Number(FILE_NAME.exec(name)?.[1]);
      if (version !== index + 1) {
        throw new LogConfigurationError(
          `sql/${name}: expected ${String(index + 1).padStart(4, '0')}_<name>.sql`,
        );
      }
      const sql = await readFile(`${folder}/${name}`, 'utf8');
      return { version, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** What is still to run. Throws LogConfigurationError when what ran is not the start of `known`. */
export function pendingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
): Migration[] {
  for (const done of applied) {
    const file = known[done.version - 1];
    if (file === undefined) {
      throw new LogConfigurationError(
        `the database has migration ${done.name}, which this version of Conduit does not know: ` +
          'it was migrated by a newer version',
      );
    }
    if (file.name !== done.name || file.checksum !== done.checksum) {
      throw new LogConfigurationError(
        `sql/${file.name} is not the migration ${done.name} that the database ran: ` +
          'a migration that has run must not be changed',
      );
    }
  }
  return known.slice(applied.length);
}

/** One transaction for psql; a database that ran it meanwhile refuses it as a whole. */
export function migrationScript(pending: readonly Migration[]): string {
  if (pending.length === 0) return '-- nothing to do: the schema is up to date\n';
  const isFirst = pending[0]?.version === 1;
  return [
    '-- The schema of Conduit. Run it with: psql -v ON_ERROR_STOP=1',
    '-- Whoever runs it owns the schema; docs/operations.md says what a node needs to use it.',
    'BEGIN;',
    `${MEANING_SQL};`,
    // The time-outs of whoever runs it are for other work; behind COMMIT they are as before.
    'SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;',
    `SELECT pg_advisory_xact_lock(${LOCK_KEY});`,
    ...(isFirst ? [SCHEMA_SQL, `${BOOK_SQL};`] : []),
    ...pending.flatMap(({ version, name, sql, checksum }) => [
      `\n-- sql/${name}`,
      sql.trimEnd(),
      'INSERT INTO conduit.migrations (version, name, checksum)',
      `VALUES (${version}, '${name}', '${checksum}');`,
    ]),
    '\nCOMMIT;\n',
  ].join('\n');
}
