/** A node of a test's or benchmark's own: the built command line in a process of its own, on a free port. */
import { type ChildProcess, spawn } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { secretsIn } from './secrets.js';

/** dist/src/cli/conduit.js, seen from dist/native-bench/rig. */
export const COMMAND = fileURLToPath(new URL('../../src/cli/conduit.js', import.meta.url));
export const PACKAGE_FOLDER = path.resolve(path.dirname(COMMAND), '../../..');
const READY_TIMEOUT_MS = 2_000;

export interface TestNode {
  url: string;
  wsUrl: string;
  port: number;
  pid: number;
  process: ChildProcess;
  /** Everything it wrote to stdout and stderr so far. */
  output(): string;
  /** The exit code once it has ended, null when a signal ended it. */
  exited: Promise<number | null>;
  /** SIGTERM; the exit code, null when a signal ended it. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
}

export interface StartOptions {
  command?: 'serve' | 'start';
  cwd?: string;
  /** The command line of another clone; default: this package's. */
  program?: string;
}

/** `env`: undefined unsets what is set here. */
export async function startNode(
  env: Record<string, string | undefined> = {},
  options: StartOptions = {},
): Promise<TestNode> {
  const port = Number(env.PORT ?? (await freePort()));
  const child = spawn(process.execPath, [options.program ?? COMMAND, options.command ?? 'serve'], {
    cwd: options.cwd ?? PACKAGE_FOLDER,
    env: {
      ...cleanEnvironment(),
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      ...env,
      PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  // Whatever a test is about: it fails where a node of it wrote a secret.
  child.once('close', () => {
    const leaked = secretsIn(output, env);
    if (leaked.length > 0) throw new Error(`a node wrote ${leaked.join(', ')}`);
  });
  const s = env.TLS_CERT_FILE === undefined ? '' : 's';
  const url = `http${s}://127.0.0.1:${port}`;
  const node: TestNode = {
    url,
    wsUrl: `ws${s}://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    process: child,
    output: () => output,
    exited,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
    kill9: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
  const ready = eventually(async () => {
    if (child.exitCode !== null)
      throw new Error(`the node ended with ${child.exitCode}: ${output}`);
    return isReady(url);
  }, 60_000);
  try {
    await ready;
  } catch (error) {
    // One that is only slow would have the port when the next one is started there.
    child.kill('SIGKILL');
    throw error;
  }
  return node;
}

/** The environment without what would configure a node, and without the test runner's loaders. */
export function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'TZ'];
  return Object.fromEntries(
    kept.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Whoever signed its certificate. */
function isReady(url: string): Promise<boolean> {
  const options = { rejectUnauthorized: false, agent: false, timeout: READY_TIMEOUT_MS };
  const { get } = url.startsWith('https:') ? https : http;
  return new Promise((resolve) => {
    const asked = get(`${url}/readyz`, options, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode === 200));
    });
    // On a port of somebody else's there may never be an answer.
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', () => resolve(false));
  });
}
