/** Somebody with a folder, Node.js and npm: runs commands in it, and a node, as documents say. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';

const run = promisify(execFile);
/** Installing, and a first start. */
const PATIENCE_MS = 300_000;

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
    const options = { cwd: folder, env: this.env, timeout: PATIENCE_MS, ...this.#account };
    const { stdout } = await run('sh', ['-c', command], { ...options, maxBuffer: 2 ** 24 });
    return stdout;
  }

  /** On a free port; resolves when it is ready, rejects with what it said when it ends before. */
  async start(command: string, folder: string): Promise<StartedNode> {
    const port = await freePort();
    const env = { ...this.env, PORT: `${port}` };
    const child = spawn('sh', ['-c', command], {
      ...{ cwd: folder, env, detached: true, ...this.#account },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    void ended.then(() => this.#running.delete(child));
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`${command}: it ended\n${said}`);
      return fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    }, PATIENCE_MS);
    const end = (signal: NodeJS.Signals): Promise<number | null> => {
      process.kill(-(child.pid as number), signal);
      return ended;
    };
    return { url, end };
  }

  leave(): void {
    for (const child of this.#running) process.kill(-(child.pid as number), 'SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }
}
