/**
 * A server of a chaos test: a node that is killed, stopped, frozen and started again on one port, and the
 * proxies on its ways to others.
 */
import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNode, type TestNode } from '../../../native-bench/rig/node.js';
import { postJson } from '../nodes/node-pair.js';
import type { CutProxy } from '../servers/cut-proxy.js';
import { pause } from './chaos-consumer.js';
import type { ChaosRecorder } from './chaos-recorder.js';

/** A node may give up its start when its log is hit meanwhile; whoever runs it tries again. */
const STARTS_MAX = 5;
const PRELOAD = fileURLToPath(
  new URL('../../../../test/support/nodes/die-on-demand.cjs', import.meta.url),
);
const THREAD_DIES_WITHIN_MS = 5_000;
/** After SHUTDOWN_TIMEOUT_MS it ends in any case. */
const STOPPED_WITHIN_MS = 30_000;
const ASKED_MS = 3_000;

/** What its connections go through. */
export interface ChaosWays {
  database: CutProxy;
  /** Null where it is the only node, as `peers`. */
  redis: CutProxy | null;
  /** How others reach it. */
  peers: CutProxy | null;
}

export class ChaosServer {
  readonly #env: Record<string, string>;
  readonly #recorder: ChaosRecorder;
  readonly #trigger: string;
  readonly ways: ChaosWays;
  #node: TestNode;
  /** While it is being ended on purpose its end is no problem. */
  #state: 'up' | 'ending' = 'up';
  /** Of two faults at a time one has it. */
  isHit = false;

  private constructor(options: {
    env: Record<string, string>;
    node: TestNode;
    recorder: ChaosRecorder;
    trigger: string;
    ways: ChaosWays;
  }) {
    this.#env = options.env;
    this.ways = options.ways;
    this.#recorder = options.recorder;
    this.#trigger = options.trigger;
    this.#node = options.node;
    this.#watch();
  }

  /** `env` has the PORT, which stays the same. */
  static async start(
    env: Record<string, string>,
    ways: ChaosWays,
    recorder: ChaosRecorder,
  ): Promise<ChaosServer> {
    const trigger = path.join(tmpdir(), `conduit-chaos-${process.pid}-${env.PORT}`);
    const die = { NODE_OPTIONS: `--require ${PRELOAD}`, DIE_ON_DEMAND: trigger };
    const all = { ...env, ...die };
    return new ChaosServer({ env: all, node: await startNode(all), recorder, trigger, ways });
  }

  get node(): TestNode {
    return this.#node;
  }

  get id(): string {
    return this.#env['NODE_ID'] ?? '';
  }

  /** Of its process, MiB; 0: it has ended. */
  get residentMib(): number {
    const file = `/proc/${this.#node.pid}/status`;
    const status = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024);
  }

  /** SIGKILL and a new start. */
  async kill(): Promise<void> {
    this.#state = 'ending';
    await this.#node.kill9();
    await this.#startAgain();
  }

  /** SIGTERM and a new start. */
  restart(): Promise<void> {
    return this.#endInOrder((node) => node.stop());
  }

  /** Another node is asked to have it drained; where that one cannot, SIGTERM. */
  drain(asked: ChaosServer): Promise<void> {
    return this.#endInOrder(async (node) => {
      const path = `/api/nodes/${this.id}/drain`;
      const answer = await within(ASKED_MS, postJson(asked.node, path, {}));
      if (answer?.status !== 202) await node.stop();
      else await node.exited;
    });
  }

  async #endInOrder(end: (node: TestNode) => Promise<unknown>): Promise<void> {
    this.#state = 'ending';
    const slow = setTimeout(() => {
      this.#recorder.problem(`the node did not stop in ${STOPPED_WITHIN_MS} ms`);
      this.#node.process.kill('SIGKILL');
    }, STOPPED_WITHIN_MS);
    await end(this.#node);
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

/** Null: it failed, or it takes longer. */
function within<T>(ms: number, asked: Promise<T>): Promise<T | null> {
  const late = pause(ms).then(() => null);
  return Promise.race([asked.catch(() => null), late]);
}
