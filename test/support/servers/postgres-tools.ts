/**
 * pg_dump, psql and what else belongs to them, with a server of their version: those that are installed, the
 * newest, else Debian's, unpacked. The embedded PostgreSQL has no such tools, and may be newer than they are.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { postgresFolders } from '../../../native-bench/peers/installed-program.js';
import { unpackedPackage } from './debian-program.js';

const TOOLS = ['pg_dump', 'pg_restore', 'psql', 'initdb', 'pg_ctl', 'postgres'];

export interface PostgresTools {
  /** Where they are. */
  readonly bin: string;
  /** Of whoever runs them. */
  readonly env: Readonly<Record<string, string>>;
}

export async function findPostgresTools(): Promise<PostgresTools> {
  const onPath = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const installed = [...postgresFolders(), ...onPath].find(hasAll);
  if (installed !== undefined) return { bin: installed, env: {} };
  const { folder, libraries } = await unpackedPackage('postgresql');
  const versions = path.join(folder, 'usr/lib/postgresql');
  const bins = readdirSync(versions).map((version) => path.join(versions, version, 'bin'));
  const bin = bins.find(hasAll);
  if (bin === undefined) throw new Error(`not all of ${TOOLS.join(', ')} are in ${versions}`);
  return { bin, env: libraries };
}

function hasAll(bin: string): boolean {
  return TOOLS.every((name) => existsSync(path.join(bin, name)));
}
