/**
 * The one place that starts the process of a server: waits until it serves, keeps the end of its log,
 * stops it by its process id. It ends with this process, however that ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../rig/node.js';

export interface ServerCommand {
  /** For errors: `redis-server`. */
  name: string;
  program: string;
  args: readonly string[];
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** What it prints when it serves; its first group, when it has one, is the port. */
  ready: RegExp;
  /** Null: it tells the port when it is ready. */
  port: number | null;
  /** It ends by itself when its stdin is closed. */
  endsWithStdin?: boolean;
}

export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  /** SIGTERM, after 5 s SIGKILL; resolves when it is gone. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
/** Between two looks at its port. */
const PAUSE_MS = 20;
const KILL_AFTER_MS = 5_000;
/** After its exit, what a server wrote has been read by then. */
const OUTPUT_MS = 250;
const LOG_CHARS_KEPT = 8_000;
const LOG_LINES_TOLD = 12;

/** Rejects with the last lines of its log when it ends, or is not ready in time. */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const child = spawn(command.program, command.args, {
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    env: { ...cleanEnvironment(), ...command.env },
    stdio: [command.endsWithStdin === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const log = new LogTail(child);
  const ended = endOf(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command.name} did not start: ${await ended}`);
  const guard = command.endsWithStdin === true ? null : startGuard(pid);
  child.once('exit', () => guard?.kill('SIGKILL'));
  const stop = () => stopChild(child, ended);
  const listening = log.match(command.ready).then(async (ready) => {
    const port = command.port ?? Number(ready[1]);
    await accepts(port);
    return port;
  });
  try {
    return { pid, port: await readyOrEnded(listening, ended), stop };
  } catch (error) {
    await stop();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${command.name} did not start: ${why}\n${log.lastLines()}`);
  }
}

/** A program of this package (its compiled file), which prints `ready PORT`. */
export function startProgram(
  file: URL,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const path = fileURLToPath(file);
  return startServer({
    name: path.slice(path.lastIndexOf('/') + 1),
    program: process.execPath,
    args: [path, ...args],
    env,
    ready: /^ready (\d+)$/m,
    port: null,
    endsWithStdin: true,
  });
}

class LogTail {
  #text = '';
  #onText: () => void = () => undefined;

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#text = (this.#text + text).slice(-LOG_CHARS_KEPT);
        this.#onText();
      });
    }
  }

  match(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      this.#onText = () => {
        const found = pattern.exec(this.#text);
        if (found === null) return;
        this.#onText = () => undefined;
        resolve(found);
      };
      this.#onText();
    });
  }

  lastLines(): string {
    return this.#text.trimEnd().split('\n').slice(-LOG_LINES_TOLD).join('\n');
  }
}

/** How it ended, once it has; never rejects. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      resolve(code === null ? `it was ended by ${signal}` : `it ended with ${code}`);
    });
  });
}

/** What a server prints may come a moment before it listens; resolves at the latest when it is too late. */
async function accepts(port: number): Promise<void> {
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function readyOrEnded(port: Promise<number>, ended: Promise<string>): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const why = `it was not ready within ${START_TIMEOUT_MS / 1_000} s`;
    timer = setTimeout(() => reject(new Error(why)), START_TIMEOUT_MS);
  });
  const early = ended.then(async (how): Promise<never> => {
    await new Promise((resolve) => setTimeout(resolve, OUTPUT_MS));
    throw new Error(how);
  });
  // It ends some day; nobody waits for that here any more.
  early.catch(() => undefined);
  try {
    return await Promise.race([port, early, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A shell that waits for the end of this process, whatever ends it, and then ends a server that
 * does not watch its stdin. Killed when the server has ended.
 */
function startGuard(pid: number): ChildProcess {
  const script = 'read -r _; kill -TERM "$1"';
  return spawn('/bin/sh', ['-c', script, 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}

async function stopChild(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await ended;
  clearTimeout(timer);
}
