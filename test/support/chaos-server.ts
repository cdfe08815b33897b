/** The server of a chaos test: a node that is killed, stopped, frozen and started again on one port. */
import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { pause } from './chaos-consumer.js';
import type { ChaosRecorder } from './chaos-recorder.js';

/** A node may give up its start when its log is hit meanwhile; whoever runs it tries again. */
const STARTS_MAX = 5;
const PRELOAD = fileURLToPath(new URL('../../../test/support/die-on-demand.cjs', import.meta.url));
const THREAD_DIES_WITHIN_MS = 5_000;
/** After SHUTDOWN_TIMEOUT_MS it ends in any case. */
const STOPPED_WITHIN_MS = 30_000;

export class ChaosServer {
  readonly #env: Record<string, string>;
  readonly #recorder: ChaosRecorder;
  readonly #trigger: string;
  #node: TestNode;
  /** While it is being ended on purpose its end is no problem. */
  #state: 'up' | 'ending' = 'up';

  private constructor(options: {
    env: Record<string, string>;
    node: TestNode;
    recorder: ChaosRecorder;
    trigger: string;
  }) {
    this.#env = options.env;
    this.#recorder = options.recorder;
    this.#trigger = options.trigger;
    this.#node = options.node;
    this.#watch();
  }

  /** `env` has the PORT, which stays the same. */
  static async start(env: Record<string, string>, recorder: ChaosRecorder): Promise<ChaosServer> {
    const trigger = path.join(tmpdir(), `conduit-chaos-${process.pid}-${env.PORT}`);
    const die = { NODE_OPTIONS: `--require ${PRELOAD}`, DIE_ON_DEMAND: trigger };
    const all = { ...env, ...die };
    return new ChaosServer({ env: all, node: await startNode(all), recorder, trigger });
  }

  get node(): TestNode {
    return this.#node;
  }

  /** SIGKILL and a new start. */
  async kill(): Promise<void> {
    this.#state = 'ending';
    await this.#node.kill9();
    await this.#startAgain();
  }

  /** SIGTERM and a new start. */
  async restart(): Promise<void> {
    this.#state = 'ending';
    const slow = setTimeout(() => {
      this.#recorder.problem(`the node did not stop in ${STOPPED_WITHIN_MS} ms`);
      this.#node.process.kill('SIGKILL');
    }, STOPPED_WITHIN_MS);
    await this.#node.stop();
    clearTimeout(slow);
    await this.#startAgain();
  }

  async freeze(ms: number): Promise<void> {
    const { process: child } = this.#node;
    child.kill('SIGSTOP');
    await pause(ms);
    child.kill('SIGCONT');
  }

  /** One thread of a kind throws. */
  async killThread(kind: 'worker' | 'acceptor'): Promise<void> {
    const file = `${this.#trigger}.${kind}`;
    writeFileSync(file, '');
    const until = performance.now() + THREAD_DIES_WITHIN_MS;
    while (existsSync(file) && performance.now() < until) await pause(10);
    if (!existsSync(file)) return;
    // The node is frozen, or being started.
    unlinkSync(file);
    this.#recorder.blow(`no ${kind} thread died`);
  }

  async end(): Promise<void> {
    this.#state = 'ending';
    await this.#node.kill9();
  }

  async #startAgain(): Promise<void> {
    for (let start = 1; ; start++) {
      try {
        this.#node = await startNode(this.#env);
        this.#state = 'up';
        this.#watch();
        return;
      } catch (error) {
        this.#recorder.blow(`start ${start} failed: ${String(error).slice(0, 300)}`);
        if (start === STARTS_MAX) throw error;
      }
    }
  }

  #watch(): void {
    const node = this.#node;
    node.process.once('exit', (code) => {
      if (node !== this.#node || this.#state === 'ending') return;
      this.#recorder.problem(`the node ended with ${code}: ${node.output().slice(-2_000)}`);
    });
  }
}
