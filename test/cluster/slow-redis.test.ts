// Goal: a Redis that answers late, drop by drop, or not for a while, and comes back, costs nobody anything:
// no publish and no subscribe waits for it, what is published comes to the other node, once and in order,
// and to sessions of a durable subscription there without a failed attempt; what waits for Redis is bounded,
// what finds no room is counted and read elsewhere.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { Publisher } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';
import { JudgedGroup } from '../support/delivery/judged-group.js';
import { judgeLog } from '../support/log/log-checker.js';
import { ask, backplaneOf, isUp, publish, startPair } from '../support/nodes/node-pair.js';
import { type SlowProxy, startSlowProxy } from '../support/servers/slow-proxy.js';

/** The least that is taken. */
const QUEUE_BYTES_MAX = 65_536;
const TOPICS = ['slow.1', 'slow.2', 'slow.3'];
/** Of each fault, at each node. */
const PUBLISHES = 100;
const STALL_MS = 10_000;
/** Of a machine that has much else to do; see docs/guarantees.md for what was measured. */
const LATE_MS_MAX = 5_000;

/** Where the way between two nodes changes, their link begins anew: what was out is given once more. */
const GIVEN_ONCE_MORE = ['order', 'redelivered'];

const proxies: SlowProxy[] = [];
const pair = await startPair(t, async (redis) => {
  proxies.push(await startSlowProxy(redis.port));
  const REDIS_URL = `redis://127.0.0.1:${proxies[0]?.port}`;
  return { REDIS_URL, BACKPLANE_QUEUE_BYTES_MAX: `${QUEUE_BYTES_MAX}` };
});
const [proxy] = proxies as [SlowProxy];
t.teardown(() => proxy.close());
const nodes = [pair.a, pair.b];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Slowness {
  begin: () => void;
  /** How long it lasts, beside what the test takes. */
  ms?: number;
}

const FAULTS: Record<string, Slowness> = {
  '50 ms late': { begin: () => Object.assign(proxy, { delayMs: 50 }) },
  '500 ms late': { begin: () => Object.assign(proxy, { delayMs: 500 }) },
  // Links between nodes would be silent for longer than they stand.
  '1.3 s late': { begin: () => Object.assign(proxy, { delayMs: 1_300 }) },
  '5 s late': { begin: () => Object.assign(proxy, { delayMs: 5_000 }) },
  'drop by drop': { begin: () => Object.assign(proxy, { bytesPerS: 2_000 }) },
  'at a standstill': { begin: () => Object.assign(proxy, { isStalled: true }), ms: STALL_MS },
};

function whole(): void {
  Object.assign(proxy, { delayMs: 0, bytesPerS: Number.POSITIVE_INFINITY, isStalled: false });
}

/** From commit to the subscriber, ms. */
let latencies: number[] = [];

async function subscribed(node: TestNode): Promise<Subscriber> {
  const one = await Subscriber.open(node.wsUrl, 'json');
  one.keep = false;
  one.onMessage = ({ published_at }: Frame) => {
    latencies.push(Date.now() - Date.parse(String(published_at)));
  };
  for (const topic of TOPICS) await one.subscribe(topic, { ack: 'none' });
  return one;
}

/** Whoever comes now is answered, and given what is published from now on. */
async function newcomer(node: TestNode): Promise<void> {
  const one = await Subscriber.open(node.wsUrl, 'json');
  t.equal((await one.subscribe(TOPICS[0] ?? '', { ack: 'none' })).type, 'subscribed');
  await eventually(() => one.messages.length > 10);
  t.same(one.disorder, []);
  one.close();
}

t.test('slow under publishes at both nodes', async (t) => {
  const subscribers = await Promise.all(nodes.map(subscribed));
  const group = new JudgedGroup('slow.group');
  const settings = { ack_wait_ms: 60_000 };
  const members = await Promise.all(nodes.map((node) => group.join(node, { settings })));
  const grouped = nodes.map((node, n) => group.publishAt(node, `g${n}`));
  const publishers = nodes.map((node, n) => new Publisher(node.url, `p${n}`));
  // What the topics are made with may have to be tried again, on a machine that has much else to do.
  for (const one of publishers) {
    for (const topic of TOPICS) {
      await eventually(async () => (await one.publish(topic)).outcome === 'ok');
    }
  }
  const begun = publishers.map(({ history }) => history.length);
  let isOver = false;
  const load = Promise.all(
    publishers.map((one) =>
      one.load({ topics: TOPICS, connections: 4, until: () => isOver, pauseMs: 10 }),
    ),
  );
  for (const [name, { begin, ms = 0 }] of Object.entries(FAULTS)) {
    const startedAt = performance.now();
    latencies = [];
    const before = publishers.map((one) => one.acked().length);
    begin();
    await Promise.all([...nodes.map(newcomer), group.flows(members)]);
    await eventually(() =>
      publishers.every((one, n) => one.acked().length > (before[n] ?? 0) + PUBLISHES),
    );
    // What was acknowledged until now is at both, while Redis is as slow as before.
    for (const { topic, sequence } of publishers.flatMap((one) => one.acked())) {
      const isThere = (one: Subscriber) => (one.sequences.get(topic)?.at(-1) ?? 0) >= sequence;
      if (!subscribers.every(isThere)) await eventually(() => subscribers.every(isThere));
    }
    await pause(Math.max(0, ms - (performance.now() - startedAt)));
    const sorted = [...latencies].sort((x, y) => x - y);
    const [p50 = 0, p99 = 0] = [0.5, 0.99].map((part) => sorted[Math.floor(part * sorted.length)]);
    t.comment(`${name}: ${sorted.length} given, p50 ${p50} ms, p99 ${p99} ms`);
    t.ok(p99 < LATE_MS_MAX, `${name}: p99 ${p99} ms`);
    whole();
    for (const node of nodes) await isUp(node);
    const { received } = await backplaneOf(pair.b);
    await eventually(async () => (await backplaneOf(pair.b)).received > received);
  }
  isOver = true;
  await load;
  const faults = await group.end(pair.a);
  t.same(
    faults.filter(({ kind }) => !GIVEN_ONCE_MORE.includes(kind)),
    [],
    'the durable subscription has lost and failed nothing',
  );
  const attempts = members.flatMap(({ got }) => got.map(({ attempt }) => attempt));
  t.same([...new Set(attempts)], [1], 'no attempt has failed');
  const sent = publishers.reduce((sum, one) => sum + one.acked().length, 0);
  const history = [...publishers, ...grouped].flatMap((one) => one.history);
  const meanwhile = publishers.flatMap((one, n) => one.history.slice(begun[n]));
  t.same(
    meanwhile.filter(({ outcome }) => outcome !== 'ok'),
    [],
    'no publish fails for Redis',
  );
  const verdict = await judgeLog(pair.postgres.url, history);
  t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
  for (const one of subscribers) {
    const got = (): number =>
      TOPICS.reduce((sum, topic) => sum + (one.sequences.get(topic)?.length ?? 0), 0);
    await eventually(() => got() === sent);
    t.same(one.disorder, []);
    one.close();
  }
  for (const one of publishers) one.close();
});

t.test('what waits for it is bounded, and what finds no room comes by the log', async (t) => {
  const onB = await Subscriber.open(pair.b.wsUrl, 'json');
  await onB.subscribe('full', { ack: 'none' });
  await eventually(async () => {
    const { received } = await backplaneOf(pair.b);
    const next = onB.messages.length + 1;
    await publish(pair.a, { topic: 'full', payload: 'first' });
    await eventually(() => onB.messages.length === next);
    return (await backplaneOf(pair.b)).received > received;
  });
  const { length } = onB.messages;
  const before = await backplaneOf(pair.a);
  let most = 0;
  const look = async (): Promise<void> => {
    most = Math.max(most, (await backplaneOf(pair.a)).queue_bytes);
  };
  proxy.isStalled = true;
  const payload = 'x'.repeat(10_000);
  const all = 40;
  for (let n = 0; n < all; n += 10) {
    const some = Array.from({ length: 10 }, () => publish(pair.a, { topic: 'full', payload }));
    await Promise.all(some);
    await look();
  }
  await eventually(async () => {
    await look();
    return onB.messages.length === length + all;
  });
  t.ok(proxy.isStalled, 'all of it came without Redis');
  t.ok(most > 0 && most <= QUEUE_BYTES_MAX, `${most} bytes at most were on their way`);
  t.ok((await backplaneOf(pair.a)).unsent_full > before.unsent_full, 'and it is counted');
  t.equal((await ask(pair.a, '/readyz')).status, 200);
  whole();
  for (const node of nodes) await isUp(node);
  await eventually(async () => (await backplaneOf(pair.a)).queue_bytes === 0);
  t.same(onB.disorder, []);
  onB.close();
  for (const node of nodes) t.equal(await node.stop(), 0);
});
