/** The server of a chaos test: a node that is killed and started again, and its log's backends. */
import pg from 'pg';
import { pause } from './chaos-consumer.js';
import type { ChaosRecorder } from './chaos-recorder.js';
import { startNode, type TestNode } from './node.js';
import type { SeededRandom } from './seeded-random.js';

/** A node may give up its start when its backends are terminated; whoever runs it tries again. */
const STARTS_MAX = 5;
const LOOK_MS = 50;

export class ChaosServer {
  readonly #env: Record<string, string>;
  readonly #recorder: ChaosRecorder;
  #node: TestNode;
  kills = 0;
  terminated = 0;

  private constructor(env: Record<string, string>, node: TestNode, recorder: ChaosRecorder) {
    this.#env = env;
    this.#node = node;
    this.#recorder = recorder;
  }

  /** `env` has the PORT, which stays the same. */
  static async start(env: Record<string, string>, recorder: ChaosRecorder): Promise<ChaosServer> {
    return new ChaosServer(env, await startNode(env), recorder);
  }

  get node(): TestNode {
    return this.#node;
  }

  /** SIGKILL and a new start, again and again. */
  async killNodes(everyMs: number, until: () => boolean): Promise<void> {
    for (;;) {
      const killAt = performance.now() + everyMs;
      while (performance.now() < killAt) {
        if (until()) return;
        const { exitCode } = this.#node.process;
        if (exitCode !== null) {
          this.#recorder.problem(`the node ended with ${exitCode}: ${this.#node.output()}`);
          break;
        }
        await pause(LOOK_MS);
      }
      this.#recorder.blow('SIGKILL of the node');
      await this.#node.kill9();
      this.kills++;
      this.#node = await this.#startAgain();
      this.#recorder.blow('the node is ready');
    }
  }

  /** Ends all sessions of nodes at the log, at random moments. */
  async terminateBackends(
    databaseUrl: string,
    random: SeededRandom,
    until: () => boolean,
  ): Promise<void> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      for (;;) {
        const hitAt = performance.now() + random.between(1_000, 6_000);
        while (performance.now() < hitAt) {
          if (until()) return;
          await pause(LOOK_MS);
        }
        const { rowCount } = await client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name LIKE 'conduit/%'`,
        );
        this.#recorder.blow(`${rowCount} backends terminated`);
        this.terminated += rowCount ?? 0;
      }
    } finally {
      await client.end();
    }
  }

  async #startAgain(): Promise<TestNode> {
    for (let start = 1; ; start++) {
      try {
        return await startNode(this.#env);
      } catch (error) {
        this.#recorder.blow(`start ${start} failed: ${String(error).slice(0, 300)}`);
        if (start === STARTS_MAX) throw error;
      }
    }
  }
}
