/** The load generator: builds the program, runs it, reads what it measured. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type LoadResult, readLoadResult } from './load-result.js';

/** native-bench of the sources, seen from dist/native-bench. */
const FOLDER = fileURLToPath(new URL('../../native-bench/', import.meta.url));
export const PROGRAM = path.join(FOLDER, 'build/loadgen');
/** Connecting, making topics and closing take time beside what is measured. */
const SLACK_S = 60;

const run = promisify(execFile);

export type PublishProtocol =
  | 'http'
  | 'ws-json'
  | 'ws-msgpack'
  | 'ws-raw'
  | 'redis-pubsub'
  | 'redis-stream'
  | 'nats'
  | 'jetstream'
  | 'centrifugo';
export type SubscribeProtocol =
  | 'ws-msgpack'
  | 'ws-json'
  | 'ws-seed'
  | 'ws-raw'
  | 'redis-pubsub'
  | 'nats'
  | 'centrifugo';

/** Its command line, one field an option: `noCreate: true` is `--no-create`. See its README. */
export interface LoadOptions {
  publish?: PublishProtocol;
  subscribe?: SubscribeProtocol;
  /** host:port, as subscribeTarget. */
  secondTarget?: string;
  subscribeTarget?: string;
  key?: string;
  topic?: string;
  topics?: number;
  noCreate?: boolean;
  publishers?: number;
  turn?: boolean;
  window?: number;
  /** Publishes a second, open loop; without it closed loop. */
  rate?: number;
  batch?: number;
  path?: string;
  batchPath?: string;
  body?: 'conduit' | 'payload';
  /** Bytes. */
  payload?: number;
  /** For each topic. */
  subscribers?: number;
  ack?: 'none' | 'cumulative' | 'single';
  subscription?: string;
  maxInFlight?: number;
  from?: 'latest' | 'earliest';
  /** Seconds, as duration and drain. */
  warmup?: number;
  duration?: number;
  messages?: number;
  drain?: number;
  hold?: boolean;
  announce?: boolean;
  threads?: number;
}

/** It cannot be built, or did not run; the message is one line. */
export class LoadgenError extends Error {}

/** A load generator whose sessions are connected and subscribed. */
export interface Ready {
  /** How many. */
  ready: number;
  /** Rejects LoadgenError. */
  result: Promise<LoadResult>;
  /** Ends one that holds. */
  release(): void;
}

/** Makes the program; installs g++ and make where it may. Rejects LoadgenError. */
export async function buildLoadgen(say: (line: string) => void): Promise<void> {
  for (const tool of ['g++', 'make']) {
    if (await isThere(tool)) continue;
    await install(tool, say);
  }
  try {
    await run('make', ['-s', '-j', String(availableParallelism()), '-C', FOLDER]);
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const why = (stderr ?? String(error)).split('\n').find((line) => line.includes('rror'));
    throw new LoadgenError(`the load generator cannot be built: ${why ?? String(error)}`);
  }
}

async function isThere(tool: string): Promise<boolean> {
  try {
    await run(tool, ['--version']);
    return true;
  } catch {
    return false;
  }
}

async function install(tool: string, say: (line: string) => void): Promise<void> {
  const how = `${tool} is missing: apt-get install g++ make, or what your system has for it`;
  if (process.getuid?.() !== 0 || !(await isThere('apt-get'))) throw new LoadgenError(how);
  say(`${tool} is missing: apt-get installs g++ and make`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-q', '-y', 'g++', 'make'], { env });
  } catch {
    throw new LoadgenError(how);
  }
}

/** `processes`: name -> pid, whose CPU and memory are watched. Rejects LoadgenError. */
export async function runLoad(
  target: string,
  options: LoadOptions,
  processes: Readonly<Record<string, number>> = {},
): Promise<LoadResult> {
  const load = start(target, options, processes);
  load.child.stdin?.end();
  return load.result;
}

/** Resolves when all sessions are subscribed; with `hold` nothing else is done. Rejects LoadgenError. */
export async function readyLoad(
  target: string,
  options: LoadOptions,
  processes: Readonly<Record<string, number>> = {},
): Promise<Ready> {
  const { child, result } = start(target, { ...options, announce: true }, processes);
  const release = (): void => {
    child.stdin?.end();
  };
  const told = new Promise<number>((resolve) => {
    let text = '';
    child.stdout?.on('data', (chunk: string) => {
      text += chunk;
      const line = /^\{"ready":\s*(\d+)\}/m.exec(text);
      if (line !== null) resolve(Number(line[1]));
    });
  });
  const early = result.then(() => {
    throw new LoadgenError('the load generator ended before its sessions were ready');
  });
  early.catch(() => undefined);
  return { ready: await Promise.race([told, early]), result, release };
}

/** camelCase -> --kebab-case; false and undefined are left out. */
export function argumentsOf(
  target: string,
  options: LoadOptions,
  processes: Readonly<Record<string, number>>,
): string[] {
  const args = ['--target', target];
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined || value === false) continue;
    args.push(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    if (value !== true) args.push(String(value));
  }
  for (const [name, pid] of Object.entries(processes)) args.push('--watch', `${name}=${pid}`);
  return args;
}

function start(
  target: string,
  options: LoadOptions,
  processes: Readonly<Record<string, number>>,
): { child: ChildProcess; result: Promise<LoadResult> } {
  const child = spawn(PROGRAM, argumentsOf(target, options, processes), {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { warmup = 1, duration = 5, drain = 5 } = options;
  const timer = setTimeout(
    () => child.kill('SIGKILL'),
    (warmup + duration + drain + SLACK_S) * 1_000,
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // It may have ended before its stdin is closed.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', (error) => reject(new LoadgenError(error.message)));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(stdout);
      const said = stderr.trim().split('\n').at(-1) ?? '';
      const how = signal === 'SIGKILL' ? 'did not end in time' : `ended with ${code ?? signal}`;
      reject(new LoadgenError(said === '' ? `the load generator ${how}` : said));
    });
  });
  const result = ended.then(parse);
  return { child, result };
}

/** The last line that is JSON; throws LoadgenError. */
function parse(stdout: string): LoadResult {
  const text = stdout.replace(/^\{"ready":\s*\d+\}\s*/m, '').trim();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new LoadgenError(`the load generator wrote no JSON: ${text.slice(0, 200)}`);
  }
  return readLoadResult(json);
}
