/**
 * A chaos run: publishers of every kind, groups, single and ephemeral subscribers whose sessions die at
 * random; faults drawn by seed between node and PostgreSQL and at both, each followed by the look how
 * long it took to be whole again; then quiet, and the judge. The same for the suite and the command.
 */

import { eventually } from '../../../native-bench/rig/eventually.js';
import type { TestNode } from '../../../native-bench/rig/node.js';
import { type Fault, judgeDeliveries } from '../delivery/delivery-checker.js';
import type { DeliveryHistory } from '../delivery/delivery-history.js';
import { SeededRandom } from '../fuzz/seeded-random.js';
import { type ChaosUse, startCluster } from './chaos-cluster.js';
import { ChaosConsumer, pause } from './chaos-consumer.js';
import { becomesQuiet, type ChaosScope, readHistory } from './chaos-end.js';
import {
  type ChaosWorld,
  FAULTS,
  FAULTS_BETWEEN,
  goTogether,
  WITHIN_REACH,
} from './chaos-faults.js';
import { ChaosPublisher } from './chaos-publisher.js';
import { ChaosRecorder } from './chaos-recorder.js';
import { ChaosRecovery } from './chaos-recovery.js';

export interface ChaosOptions {
  seconds: number;
  seed: number;
  /** 1, or several with a Redis between them. */
  nodes: number;
  /** Names of `faultsOf`; empty: all. */
  faults: readonly string[];
  say: (line: string) => void;
}

/** One fault, or some at a time. */
export interface Blow {
  faults: readonly string[];
  what: string;
  lastedMs: number;
  /** To the first message of every topic acknowledged and given to everybody; null: not in time. */
  recoveredMs: number | null;
}

export interface ChaosResult {
  blows: readonly Blow[];
  history: DeliveryHistory;
  /** What the judge found: lost, made up, twice, out of order ... */
  found: readonly Fault[];
  /** What no fault explains. */
  problems: Readonly<Record<string, number>>;
  isQuiet: boolean;
  recorder: ChaosRecorder;
  counts: Readonly<Record<'repeated' | 'ended' | 'terminated' | 'closed', number>>;
  /** Before the first fault, and when all is quiet. */
  use: { before: ChaosUse; after: ChaosUse };
}

export const RECOVERED_WITHIN_MS = 30_000;
/** Longer, to know by how much. */
const WAITED_MS = 90_000;
const QUIET_WITHIN_MS = 60_000;
const ACK_WAIT_MS = 300;
const MAX_DELIVER = 5;
/** How often one more strikes at the same time. */
const ONE_MORE = { ofOne: 0.2, ofSeveral: 0.45 };
const AT_A_TIME_MAX = 3;
/** Long enough that what comes between two faults is explained by none. */
const CALM_MS = 2_500;
const CALM_AFTER = 0.2;
/** Some 400 messages a second, and 550 to several nodes, on a machine that has CPU to give. */
const PUBLISHERS = ['http', 'http', 'batch', 'json', 'msgpack', 'seed'] as const;
const MORE_PUBLISHERS = ['batch', 'json'] as const;
/** Each consumer subscribes to the three topics of one half. */
const HALVES = [
  ['chaos.a', 'chaos.b', 'chaos.c'],
  ['chaos.d', 'chaos.e', 'chaos.f'],
] as const;
const TOPICS = HALVES.flat();
const DURABLES = [
  { name: 'workers', sessions: 'group', consumers: 3 },
  { name: 'audit', sessions: 'one', consumers: 1 },
] as const;
const EPHEMERAL_CONSUMERS = 2;

/** Throws when it could not even begin. What was started is stopped in any case. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const ends: (() => unknown)[] = [];
  try {
    return await run(options, (end) => void ends.unshift(end));
  } finally {
    for (const end of ends) await end();
  }
}

async function run(
  options: ChaosOptions,
  onEnd: (end: () => unknown) => void,
): Promise<ChaosResult> {
  const random = new SeededRandom(options.seed);
  const recorder = new ChaosRecorder();
  recorder.onProblem = (text) => {
    const since = recorder.blows.at(-1)?.what ?? 'the start';
    options.say(`${seconds1(recorder.now())}  unexplained: ${text} (${since})`);
  };
  const cluster = await startCluster(options.nodes, recorder, onEnd);
  const { servers } = cluster;
  const place = (chance: SeededRandom) => (): TestNode => {
    const server = servers[Math.floor(chance.next() * servers.length)];
    if (server === undefined) throw new Error('there is no node');
    return server.node;
  };
  const { durable, ephemeral } = makeConsumers(() => place(random.fork()), random, recorder);
  const consumers = [...durable, ...ephemeral];
  for (const consumer of consumers) consumer.start();
  onEnd(() => Promise.all(consumers.map((consumer) => consumer.stop())));
  // The durable names are there, and start at the first message.
  await eventually(
    () => recorder.problems.size > 0 || consumers.every((one) => one.isSubscribed()),
  );
  let isOver = false;
  const kinds = options.nodes === 1 ? PUBLISHERS : [...PUBLISHERS, ...MORE_PUBLISHERS];
  const publishers = kinds.map((by, n) => {
    const name = `p${n}`;
    return new ChaosPublisher({
      ...{ name, by, place: place(random.fork()), topics: TOPICS, random, recorder },
    });
  });
  const load = Promise.all(publishers.map((publisher) => publisher.run(() => isOver)));
  const world = { ...cluster, consumers, topics: TOPICS, random };
  const before = await cluster.use();
  const blows = await strike(world, recorder, options).finally(() => {
    isOver = true;
  });
  for (const consumer of consumers) consumer.calm = true;
  await load;
  const { url } = place(random)();
  const scope: ChaosScope = { url, topics: TOPICS, durables: DURABLES };
  const isQuiet = await becomesQuiet(scope, ephemeral, QUIET_WITHIN_MS);
  const after = await cluster.use();
  const history = await readHistory(scope, recorder, MAX_DELIVER);
  const found = judgeDeliveries(history);
  const sum = (count: 'terminated' | 'closed' | 'ended'): number =>
    consumers.reduce((total, { counts }) => total + counts[count], 0);
  const repeated = publishers.reduce((total, publisher) => total + publisher.repeated, 0);
  const ended = { ended: sum('ended'), terminated: sum('terminated'), closed: sum('closed') };
  const problems = Object.fromEntries(recorder.problems);
  const counts = { repeated, ...ended };
  const use = { before, after };
  return { blows, history, found, problems, isQuiet, recorder, counts, use };
}

/** By name, what a run draws from. */
export function faultsOf(nodes: number): typeof FAULTS {
  return nodes === 1 ? FAULTS : { ...FAULTS, ...FAULTS_BETWEEN };
}

function makeConsumers(
  place: () => () => TestNode,
  random: SeededRandom,
  recorder: ChaosRecorder,
): { durable: ChaosConsumer[]; ephemeral: ChaosConsumer[] } {
  let made = 0;
  const make = (topics: readonly string[], subscription: string | null): ChaosConsumer => {
    const format = made++ % 2 === 0 ? 'json' : 'msgpack';
    // Some with a window that fills.
    const window = made % 3 === 0 ? { max_in_flight: 20 } : {};
    const settings = { ack_wait_ms: ACK_WAIT_MS, max_deliver: MAX_DELIVER, ...window };
    const ackWaitMs = ACK_WAIT_MS;
    const rest = { subscription, topics, settings, ackWaitMs, random, recorder };
    const own = place();
    return new ChaosConsumer({ wsUrl: () => own().wsUrl, format, ...rest });
  };
  const durable = HALVES.flatMap((topics) =>
    DURABLES.flatMap(({ name, consumers }) =>
      Array.from({ length: consumers }, () => make(topics, name)),
    ),
  );
  const ephemeral = HALVES.flatMap((topics) =>
    Array.from({ length: EPHEMERAL_CONSUMERS }, () => make(topics, null)),
  );
  return { durable, ephemeral };
}

/** One blow after another until the time is over; the last one is recovered from, too. */
async function strike(
  world: ChaosWorld,
  recorder: ChaosRecorder,
  { seconds, faults, nodes, say }: ChaosOptions,
): Promise<Blow[]> {
  const known = faultsOf(nodes);
  const names = faults.length === 0 ? Object.keys(known) : faults;
  const overAt = performance.now() + seconds * 1_000;
  const blows: Blow[] = [];
  const draw = shuffler(names, world.random);
  while (performance.now() < overAt) {
    const chosen = chooseSome(draw, world.random, nodes);
    const what = chosen.join(' + ');
    const reached = chosen.every((name) => nodes === 1 || WITHIN_REACH.has(name));
    const outageIsOver = reached ? () => undefined : recorder.outage();
    recorder.blow(what);
    const startedAt = performance.now();
    await Promise.all(chosen.map((name) => known[name]?.(world)));
    const lastedMs = performance.now() - startedAt;
    recorder.blow(`over: ${what}`);
    const recoveredMs = await recover(recorder, say);
    outageIsOver();
    blows.push({ faults: chosen, what, lastedMs, recoveredMs });
    const shown = recoveredMs === null ? 'NOT RECOVERED' : `whole after ${seconds1(recoveredMs)}`;
    say(`${seconds1(recorder.now())}  ${what}, for ${seconds1(lastedMs)}: ${shown}`);
    const isCalm = nodes > 1 && world.random.next() < CALM_AFTER;
    await pause(isCalm ? CALM_MS : world.random.between(100, 800));
  }
  return blows;
}

/** One, and some more; of what does not go together the later one. */
function chooseSome(draw: () => string, random: SeededRandom, nodes: number): string[] {
  const oneMore = nodes === 1 ? ONE_MORE.ofOne : ONE_MORE.ofSeveral;
  const max = nodes === 1 ? 2 : AT_A_TIME_MAX;
  let chosen = [draw()];
  for (let n = 1; n < max && random.next() < oneMore; n++) {
    const next = draw();
    chosen = [...chosen.filter((other) => goTogether(other, next)), next];
  }
  return chosen;
}

async function recover(
  recorder: ChaosRecorder,
  say: (line: string) => void,
): Promise<number | null> {
  const names = [...DURABLES.map(({ name }) => name), null];
  const recovery = new ChaosRecovery(recorder, TOPICS, names);
  const until = performance.now() + WAITED_MS;
  while (recovery.recoveredMs === null && performance.now() < until) await pause(10);
  if (recovery.recoveredMs === null) say(`  ${recovery.missing()}`);
  return recovery.recoveredMs;
}

/** Every name once, in a new order each time round. */
function shuffler(names: readonly string[], random: SeededRandom): () => string {
  let left: string[] = [];
  return () => {
    if (left.length === 0) left = [...names];
    return left.splice(Math.floor(random.next() * left.length), 1)[0] ?? '';
  };
}

export function seconds1(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
