/**
 * A PostgreSQL server of one's own: the embedded binaries or others, a fresh data directory, a free port,
 * fsync on. As root the server runs as user `postgres`, else `nobody`.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { serverAccount } from '../../src/supervisor/account.js';
import { nativeFor } from '../../src/supervisor/postgres-place.js';
import { freePort } from './free-port.js';

export interface TestPostgres {
  readonly url: string;
  readonly port: number;
  /** Of the postmaster; changes with start(). */
  readonly pid: number;
  readonly dataDir: string;
  /** A fast shutdown (when it runs), then removes the data. */
  stop(): Promise<void>;
  /** SIGKILL to the postmaster and all its children, as a crash. The data stay, for start(). */
  kill9(): Promise<void>;
  /** SIGSTOP to all of its processes, and SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** Starts it again on the same port and data, after kill9(). */
  start(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

export interface PostgresOrigin {
  /** The bin folder of another version; null: the embedded one's. */
  programs?: string | null;
  /** Of its programs, beside what they are given in any case. */
  env?: Readonly<Record<string, string>>;
  /** Makes the data folder, of that of another server; without it the data are new. */
  fill?: (dataDir: string) => Promise<void>;
}

/** `more`: settings of the server, such as `{ max_wal_size: '8GB' }`. */
export async function startPostgres(
  more: Readonly<Record<string, string>> = {},
  { programs = null, env = {}, fill }: PostgresOrigin = {},
): Promise<TestPostgres> {
  const account = process.getuid?.() === 0 ? await serverAccount() : null;
  // TEST_POSTGRES_BIN: for tests that are run by hand.
  const named = programs ?? process.env.TEST_POSTGRES_BIN;
  const bin = named ?? path.join(await nativeFor(account), 'bin');
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-pg-'));
  chmodSync(folder, 0o755);
  const dataDir = path.join(folder, 'data');
  if (account !== null) chownSync(folder, account.uid, account.gid);
  const run = programRunner({ bin, env }, folder, account);
  const initArgs = ['-D', dataDir, '-U', 'postgres', '-A', 'trust', '--no-sync'];
  if (fill === undefined) run('initdb', [...initArgs, '--encoding=UTF8', '--locale=C']);
  else await fill(dataDir);
  const port = await freePort();
  const settings =
    `-p ${port} -k '' -c listen_addresses=127.0.0.1 -c fsync=on -c shared_buffers=64MB` +
    ' -c max_connections=200 -c timezone=UTC' +
    Object.entries(more)
      .map(([name, value]) => ` -c ${name}=${value}`)
      .join('');
  const pidOf = (): number =>
    Number(readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
  const server = {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    pid: 0,
    dataDir,
    async start(): Promise<void> {
      const log = path.join(folder, 'log');
      run('pg_ctl', ['start', '-w', '-t', '60', '-D', dataDir, '-l', log, '-o', settings]);
      server.pid = pidOf();
    },
    async kill9(): Promise<void> {
      // The postmaster first: it would take a child's death for a crash to recover from.
      const family = [server.pid, ...childrenOf(server.pid)];
      for (const pid of family) signal(pid, 'SIGKILL');
      await waitUntil(() => !family.some(isRunning));
      // Where nobody reaps the zombie, PostgreSQL would take it for a server that runs.
      rmSync(path.join(dataDir, 'postmaster.pid'), { force: true });
    },
    freeze(): void {
      for (const pid of [server.pid, ...childrenOf(server.pid)]) signal(pid, 'SIGSTOP');
    },
    thaw(): void {
      for (const pid of [...childrenOf(server.pid), server.pid]) signal(pid, 'SIGCONT');
    },
    async stop(): Promise<void> {
      if (isRunning(server.pid)) {
        run('pg_ctl', ['stop', '-w', '-m', 'fast', '-t', '60', '-D', dataDir]);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  // A test that dies must not leave a server behind: SIGQUIT is an immediate shutdown.
  process.once('exit', () => {
    if (!isRunning(server.pid)) return;
    process.kill(server.pid, 'SIGQUIT');
    server.thaw();
  });
  return server;
}

type Run = (program: string, args: string[]) => void;

/** Runs PostgreSQL's programs as that account; what fails throws, with the end of the server's log. */
function programRunner(
  { bin, env }: { bin: string; env: Readonly<Record<string, string>> },
  folder: string,
  account: Awaited<ReturnType<typeof serverAccount>> | null,
): Run {
  return (program, args) => {
    const done = spawnSync(path.join(bin, program), args, {
      cwd: folder,
      encoding: 'utf8',
      // The server inherits what is open here: a pipe would keep this call waiting for its end.
      stdio: program === 'pg_ctl' ? 'ignore' : 'pipe',
      env: { ...process.env, ...env, LC_ALL: 'C', TZ: 'UTC' },
      ...account,
    });
    if (done.status === 0) return;
    const log = path.join(folder, 'log');
    const tail = existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : '';
    throw new Error(`${program} ${args[0]} failed: ${done.stderr ?? ''}${done.error ?? ''}${tail}`);
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isRunning(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    if (!existsSync('/proc/self/stat')) return true;
    // A killed child that init has not reaped yet still answers to signal 0.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // Gone, be it between the two looks.
    return false;
  }
}

/** From /proc where there is one: not every machine has ps. */
function childrenOf(parent: number): number[] {
  if (existsSync('/proc/self/stat')) {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => parentOf(pid) === parent);
  }
  const done = spawnSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = done.stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.filter(([, ppid]) => ppid === parent).map(([pid]) => pid ?? 0);
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // "pid (name) state ppid ...", and the name may have any character.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

async function waitUntil(condition: () => boolean): Promise<void> {
  const until = performance.now() + START_TIMEOUT_MS;
  while (!condition()) {
    if (performance.now() > until) throw new Error('PostgreSQL did not end in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
