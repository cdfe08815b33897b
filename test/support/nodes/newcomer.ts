/** Somebody with a folder, Node.js and npm: runs commands in it, and a node, as documents say. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';

const run = promisify(execFile);
/** Installing, and a first start, on a machine that has other things to do. */
const READY_MS = 600_000;

export interface Account {
  uid: number;
  gid: number;
}

export interface StartedNode {
  url: string;
  /** To all that the command started, as a terminal does; the exit code of the command. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export class Newcomer {
  /** Removed by `leave`. */
  readonly home: string;
  readonly env: Record<string, string>;
  readonly #account: Account | undefined;
  readonly #running = new Set<ChildProcess>();

  /** `account`: default, that of this process. */
  constructor(account?: Account) {
    this.home = mkdtempSync(path.join(tmpdir(), 'conduit-newcomer-'));
    this.#account = account;
    // The account that PostgreSQL of root's node runs as has to reach its data.
    chmodSync(this.home, 0o755);
    if (account !== undefined) chownSync(this.home, account.uid, account.gid);
    const { PATH = '', LANG = 'C.UTF-8', NODE_EXTRA_CA_CERTS } = process.env;
    this.env = { PATH, LANG, HOME: this.home, npm_config_cache: path.join(this.home, 'cache') };
    if (NODE_EXTRA_CA_CERTS !== undefined) this.env['NODE_EXTRA_CA_CERTS'] = NODE_EXTRA_CA_CERTS;
  }

  /** Where packages come from stays as it is outside. */
  async useRegistry(): Promise<void> {
    for (const name of ['registry', 'cafile']) {
      const { stdout } = await run('npm', ['config', 'get', name]);
      const value = stdout.trim();
      if (value !== 'null') this.env[`npm_config_${name}`] = value;
    }
  }

  /** What it printed; rejects when it fails, with all that it said. */
  async run(command: string, folder: string): Promise<string> {
    const { said, ended } = this.#spawn(command, folder, {});
    const code = await ended;
    if (code !== 0) throw new Error(`${command}: it ended with ${code}\n${said()}`);
    return said();
  }

  /** On a free port; resolves when it is ready, rejects with what it said when it ends before. */
  async start(command: string, folder: string): Promise<StartedNode> {
    const port = await freePort();
    const { child, said, ended } = this.#spawn(command, folder, { PORT: `${port}` });
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`${command}: it ended\n${said()}`);
      return fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    }, READY_MS);
    const end = (signal: NodeJS.Signals): Promise<number | null> => {
      toAll(child, signal);
      return ended;
    };
    return { url, end };
  }

  /** What still runs ends. */
  leave(): void {
    for (const child of this.#running) toAll(child, 'SIGKILL');
    rmSync(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** In a group of its own, as a terminal does it. */
  #spawn(command: string, cwd: string, more: Record<string, string>) {
    const child = spawn('sh', ['-c', command], {
      ...{ cwd, env: { ...this.env, ...more }, detached: true, ...this.#account },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
    }
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    void ended.then(() => this.#running.delete(child));
    return { child, said: () => text, ended };
  }
}

function toAll({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, signal);
}
