/**
 * Many nodes, with the real parts that decide what a node may do (lease, lease watch, ring, gate, envelopes),
 * over a network that loses, doubles, delays and forges what nodes tell each other, and a database that
 * answers late or not at all; nodes are frozen, killed and started again. All by a seed, in virtual time.
 * What must never happen is looked for while it runs; what must come, once the weather is calm.
 */
import { Envelopes } from '../../src/backplane/envelopes.js';
import { HashRing } from '../../src/core/hash-ring.js';
import { SeededRandom } from '../support/fuzz/seeded-random.js';
import { logRow } from '../support/log/log-rows.js';
import { ClusterDatabase } from './cluster-database.js';
import {
  type Breaks,
  CLUSTER,
  epochOf,
  FORGER,
  type NodeWorld,
  SimNode,
  TASK_MS,
} from './cluster-node.js';
import { VirtualTime } from './virtual-time.js';

export interface ClusterSimOptions {
  seed: number;
  nodes: number;
  /** Of virtual time with bad weather. */
  weatherMs: number;
  /** How often each node is frozen, killed and cut off in a minute; default: 1. */
  perMinute?: number;
  breaks?: Breaks;
}

export interface ClusterSimResult {
  faults: readonly string[];
  published: number;
  given: number;
  dispatched: number;
  envelopes: number;
  frozen: number;
  killed: number;
}

const TOPICS = 20;
const LISTENERS = 6;
const DURABLES = 12;
const SESSIONS = 3;
const TASKS = 30;
/**
 * What is lost of a node is done by another within so long; see
 * docs/adr/0031-nodes-and-the-work-they-share.md.
 */
const LOSS_MS = 5_000;
/** Take-over: the lease, the next look of a node that has a session, and answers that are late. */
const CALM_MS = 12_000;
const ANSWER_MS = 1_500;
/** Of statements and answers, at one fault a minute. */
const LATE = 0.01;

interface Life {
  node: SimNode;
  state: 'awake' | 'frozen' | 'dead';
  /** Its statements find nobody until then. */
  cutUntilMs: number;
  /** What came while it was frozen. */
  waiting: (() => void)[];
}

export async function simulateCluster(options: ClusterSimOptions): Promise<ClusterSimResult> {
  const sim = new ClusterSim(options);
  return sim.run();
}

class ClusterSim implements NodeWorld {
  readonly breaks: Breaks;
  readonly database: ClusterDatabase;
  readonly #options: ClusterSimOptions;
  readonly #random: SeededRandom;
  readonly #time = new VirtualTime();
  readonly #lives = new Map<string, Life>();
  readonly #byNode = new Map<SimNode, Life>();
  readonly #faults: string[] = [];
  readonly #rings = new Map<string, HashRing>();
  readonly #forger = new Envelopes({ cluster: CLUSTER, origin: 'forger', secret: FORGER });
  readonly #perMinute: number;
  #isCalm = false;
  #boots = 0;
  #counts = { published: 0, envelopes: 0, frozen: 0, killed: 0, given: 0 };

  constructor(options: ClusterSimOptions) {
    this.#options = options;
    this.breaks = options.breaks ?? {};
    this.#perMinute = options.perMinute ?? 1;
    this.#random = new SeededRandom(options.seed);
    this.database = new ClusterDatabase(() => this.#time.nowMs);
    for (let n = 0; n < TASKS; n++) this.database.begin(`task ${n}`, 'nobody', 0);
    this.database.sessionEnded('nobody');
    for (let n = 0; n < TOPICS; n++) this.database.heads.set(`topic.${n + 1}`, 0);
  }

  now(): number {
    return this.#time.nowMs;
  }

  random(): number {
    return this.#random.next();
  }

  ringOf(living: readonly string[]): HashRing {
    const key = [...living].sort().join();
    const known = this.#rings.get(key);
    const ring = known ?? new HashRing(living);
    if (known === undefined) this.#rings.set(key, ring);
    return ring;
  }

  fault(text: string): void {
    this.#faults.push(`${Math.round(this.now())} ms: ${text}`);
  }

  later(node: SimNode, ms: number, run: () => void): void {
    this.#time.after(ms, () => this.#at(node, run));
  }

  ask<T>(
    node: SimNode,
    statement: () => T,
    answered: (answer: T) => void,
    failed: () => void,
  ): void {
    const life = this.#byNode.get(node);
    if (life === undefined || life.state === 'dead') return;
    if (this.now() < life.cutUntilMs) {
      this.later(node, ANSWER_MS, failed);
      return;
    }
    // A statement that was sent is done, whatever becomes of the node.
    this.#time.after(this.#latencyMs(), () => {
      const answer = statement();
      this.later(node, this.#latencyMs(), () => answered(answer));
    });
  }

  announce(from: SimNode, topic: string, bytes: Buffer): void {
    for (const { node } of this.#lives.values()) {
      if (node !== from && node.listened.has(topic)) this.#carry(node, topic, bytes);
    }
  }

  async run(): Promise<ClusterSimResult> {
    const { nodes, weatherMs } = this.#options;
    const uninstall = this.#time.install();
    try {
      for (let n = 0; n < nodes; n++) this.#boot(`node-${n}`);
      await this.#time.pass(2_000);
      this.#weather(this.now() + weatherMs);
      await this.#time.pass(weatherMs);
      this.#calm();
      await this.#time.pass(CALM_MS);
      const before = new Map(
        [...this.database.subscriptions].map(([name, { floor }]) => [name, floor]),
      );
      await this.#time.pass(1_000);
      this.#judge(before);
    } finally {
      uninstall();
    }
    const dispatched = [...this.database.subscriptions.values()].reduce(
      (sum, s) => sum + s.floor,
      0,
    );
    const faults = [...this.#faults, ...this.database.faults];
    return { ...this.#counts, dispatched, faults };
  }

  /** Which topics a node listens to, and which subscriptions have a session there, is its name's. */
  #boot(id: string): void {
    const n = Number(id.slice(id.indexOf('-') + 1));
    const { nodes } = this.#options;
    const has = (what: number, of: number): boolean => {
      for (let k = 0; k < of; k++) if ((what * 31 + k * 17) % nodes === n) return true;
      return false;
    };
    const names = (name: string, count: number, of: number): string[] =>
      Array.from({ length: count }, (_, each) => each + 1)
        .filter((each) => has(each, of))
        .map((each) => `${name}.${each}`);
    const node = new SimNode(this, {
      ...{ id, bootId: `${id}/${++this.#boots}` },
      topics: names('topic', TOPICS, LISTENERS),
      durables: names('durable', DURABLES, SESSIONS),
    });
    const life: Life = { node, state: 'awake', cutUntilMs: 0, waiting: [] };
    this.#lives.set(id, life);
    this.#byNode.set(node, life);
    node.start();
  }

  #at(node: SimNode, run: () => void): void {
    const life = this.#byNode.get(node);
    if (life === undefined || life.state === 'dead') return;
    if (life.state === 'frozen') life.waiting.push(run);
    else run();
  }

  #latencyMs(): number {
    const isLate = !this.#isCalm && this.random() < LATE * this.#perMinute;
    return isLate ? this.#random.between(100, 1_200) : this.#random.between(0.3, 4);
  }

  #carry(to: SimNode, topic: string, bytes: Buffer): void {
    const fate = this.random();
    this.#counts.envelopes++;
    if (!this.#isCalm && fate < 0.05) return;
    const copies = !this.#isCalm && fate < 0.1 ? 2 : 1;
    for (let n = 0; n < copies; n++) {
      const isLate = !this.#isCalm && this.random() < 0.1;
      const ms = isLate ? this.#random.between(5, 3_000) : this.#random.between(0.5, 3);
      this.later(to, ms, () => to.came(topic, bytes));
    }
  }

  #weather(untilMs: number): void {
    const random = this.#random;
    const some = (): Life => {
      const lives = [...this.#lives.values()];
      const life = lives[Math.floor(random.next() * lives.length)];
      if (life === undefined) throw new Error('there is no node');
      return life;
    };
    const again = (ms: number, run: () => void): void => {
      this.#time.after(random.between(0, 2 * ms), () => {
        if (this.now() > untilMs) return;
        run();
        again(ms, run);
      });
    };
    again(20, () => {
      const { node, state } = some();
      const count = 1 + Math.floor(random.next() * 4);
      if (state !== 'awake') return;
      this.#counts.published += count;
      node.publish(`topic.${1 + Math.floor(random.next() * TOPICS)}`, count);
    });
    const perNode = 60_000 / this.#options.nodes / this.#perMinute;
    again(perNode, () => this.#freeze(some(), random.between(50, 8_000)));
    again(perNode, () => this.#kill(some(), random.between(0, 4_000)));
    again(perNode, () => {
      some().cutUntilMs = this.now() + random.between(100, 5_000);
    });
    again(50, () => this.#forge(some().node));
    // One does not come back; each durable subscription has sessions at others.
    this.#time.after(random.between(0, 1_000), () => this.#kill(some(), Number.POSITIVE_INFINITY));
  }

  #freeze(life: Life, ms: number): void {
    if (life.state !== 'awake') return;
    life.state = 'frozen';
    this.#counts.frozen++;
    this.#time.after(ms, () => this.#thaw(life));
  }

  #thaw(life: Life): void {
    if (life.state !== 'frozen') return;
    life.state = 'awake';
    // In the order in which it is due, all at once.
    const { waiting } = life;
    life.waiting = [];
    for (const run of waiting) run();
  }

  #kill(life: Life, awayMs: number): void {
    if (life.state === 'dead') return;
    life.state = 'dead';
    this.#counts.killed++;
    this.#counts.given += givenTo(life.node);
    this.#time.after(this.#random.between(0, 50), () =>
      this.database.sessionEnded(life.node.bootId),
    );
    if (awayMs < Number.POSITIVE_INFINITY) {
      this.#time.after(awayMs, () => this.#boot(life.node.id));
    }
  }

  /** By somebody who may publish there: the next messages of a topic, of his own making. */
  #forge(to: SimNode): void {
    for (const [name, { topic }] of to.listened) {
      const rows = [logRow(topic.head + 1, Buffer.from('"forged"'))];
      for (const bytes of this.#forger.ofRows(epochOf(name), rows)) {
        this.later(to, 1, () => to.came(name, bytes));
      }
    }
  }

  #calm(): void {
    this.#isCalm = true;
    for (const life of this.#lives.values()) {
      life.cutUntilMs = 0;
      this.#thaw(life);
    }
  }

  #holders(name: string): string {
    const row = this.database.subscriptions.get(name);
    const nodes = [...this.#lives.values()].filter(({ node }) => node.held.includes(`"${name}"`));
    return `${JSON.stringify(row)}; ${nodes.map(({ node, state }) => `${state} ${node.held}`).join('; ')}`;
  }

  /** What has to have come by now. `before`: where subscriptions stood a second ago. */
  #judge(before: ReadonlyMap<string, number>): void {
    const { heads, subscriptions, tasks } = this.database;
    for (const { node, state } of this.#lives.values()) {
      if (state === 'dead') continue;
      this.#counts.given += givenTo(node);
      for (const [name, { given }] of node.listened) {
        const head = heads.get(name) ?? 0;
        if (given !== head) this.fault(`${node.id} ${name}: given up to ${given} of ${head}`);
      }
    }
    for (const [name, { floor }] of subscriptions) {
      if (floor <= (before.get(name) ?? 0))
        this.fault(`${name}: nobody coordinates it; ${this.#holders(name)}`);
    }
    for (const [name, { doneAtMs }] of tasks) {
      const sinceMs = this.now() - doneAtMs;
      if (sinceMs > TASK_MS + LOSS_MS) this.fault(`${name}: not done for ${sinceMs} ms`);
    }
  }
}

function givenTo({ listened }: SimNode): number {
  return [...listened.values()].reduce((sum, { given }) => sum + given, 0);
}
