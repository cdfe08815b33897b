// Goal: by a Redis Cluster, and by Redis with Sentinels, messages come from node to node as by one server; a
// server that dies, slots that move and a fail-over cost no message, and some lines, not one for each error.
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { redisEchoMs } from '../../src/backplane/redis-echo.js';
import { Publisher } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';
import { backplaneOf, isUp, publish, SECRET, startReachable } from '../support/nodes/node-pair.js';
import { startRedisCluster } from '../support/servers/redis-cluster.js';
import { startSentinel } from '../support/servers/redis-sentinel.js';

t.setTimeout(300_000);
/** Some are on each of three servers. */
const TOPICS = Array.from({ length: 12 }, (_, n) => `many.${n}`);
let said = 0;
const postgres = await startPostgres();
t.teardown(() => postgres.stop());

async function startTwo(t: Test, redisUrl: string): Promise<[TestNode, TestNode]> {
  const env = { DATABASE_URL: postgres.url, REDIS_URL: redisUrl, INTERNAL_SECRET: SECRET };
  const start = async (id: string): Promise<TestNode> => {
    const node = await startReachable({ ...env, NODE_ID: id, WORKERS: '1' });
    t.teardown(() => node.kill9());
    return node;
  };
  const [a, b] = [await start('a'), await start('b')];
  for (const node of [a, b]) await isUp(node);
  return [a, b];
}

/** All of them, at that node. */
async function listenTo(node: TestNode): Promise<Subscriber> {
  const one = await Subscriber.open(node.wsUrl, 'json');
  one.keep = false;
  for (const topic of TOPICS) await one.subscribe(topic, { ack: 'none' });
  return one;
}

/** Messages of all topics come by the backplane, and not from the log alone. */
async function flows(from: TestNode, to: TestNode): Promise<void> {
  for (const topic of TOPICS) {
    await eventually(async () => {
      const { received } = await backplaneOf(to);
      await publish(from, { topic, payload: { n: `here ${++said}` } });
      // Longer than an envelope takes, shorter than the looks at the log.
      const until = performance.now() + 200;
      while (performance.now() < until) {
        if ((await backplaneOf(to)).received > received) return true;
      }
      return false;
    });
  }
}

/** Under publishes at both nodes; what came is judged when all is over. */
async function strikeUnderLoad(
  t: Test,
  [a, b]: [TestNode, TestNode],
  strikes: readonly (() => Promise<unknown>)[],
): Promise<void> {
  const subscribers = [await listenTo(a), await listenTo(b)];
  const starts = subscribers.map((one) => one.sequences);
  const publishers = [new Publisher(a.url, `${t.name} a`), new Publisher(b.url, `${t.name} b`)];
  let isOver = false;
  const load = Promise.all(
    publishers.map((one) =>
      one.load({ topics: TOPICS, connections: 4, until: () => isOver, pauseMs: 10 }),
    ),
  );
  for (const strike of strikes) {
    const before = publishers.map((one) => one.acked().length);
    await strike();
    await eventually(() =>
      publishers.every((one, n) => one.acked().length > (before[n] ?? 0) + 50),
    );
  }
  isOver = true;
  await load;
  const history = publishers.flatMap((one) => one.history);
  t.same(
    history.filter(({ outcome }) => outcome !== 'ok'),
    [],
    'no publish fails for Redis',
  );
  const { lost, broken, twice } = await judgeLog(postgres.url, history);
  t.same([...lost, ...broken, ...twice].slice(0, 5), []);
  for (const [n, one] of subscribers.entries()) {
    const got = (): number =>
      TOPICS.reduce((sum, topic) => sum + (starts[n]?.get(topic)?.length ?? 0), 0);
    await eventually(
      () => got() === publishers.reduce((sum, each) => sum + each.acked().length, 0),
    );
    t.same(one.disorder, []);
    one.close();
  }
  for (const one of publishers) one.close();
}

function linesOf(node: TestNode): string[] {
  return node
    .output()
    .split('\n')
    .filter((line) => /Redis cannot be reached/.test(line));
}

t.test('a Redis Cluster carries topics on all of its servers', async (t) => {
  const cluster = await startRedisCluster();
  t.teardown(() => cluster.stop());
  const { servers } = cluster;
  t.ok((await redisEchoMs(cluster.url, 'conduit')) > 0, 'as doctor asks');
  const nodes = await startTwo(t, cluster.url);
  const [a, b] = nodes;
  const onB = await listenTo(b);
  await flows(a, b);
  for (const { client } of servers) {
    const channels = (await client.call('PUBSUB', 'SHARDCHANNELS')) as unknown[];
    t.ok(channels.length > 1, 'each has some');
  }
  onB.close();
  const [first, second, third] = servers;
  const errors = (await backplaneOf(a)).errors;
  await strikeUnderLoad(t, nodes, [
    // One of three is gone: nodes tell each other.
    async () => {
      await third?.kill9();
      for (const node of nodes) {
        await eventually(async () => (await backplaneOf(node)).state === 'away');
      }
      const { forwarded } = await backplaneOf(a);
      await eventually(async () => (await backplaneOf(a)).forwarded > forwarded);
    },
    async () => {
      await third?.start();
      await eventually(cluster.isWhole);
      for (const node of nodes) await isUp(node);
    },
    // One is frozen, and its connections stay open.
    async () => {
      second?.freeze();
      for (const node of nodes) {
        await eventually(async () => (await backplaneOf(node)).state === 'away');
      }
      second?.thaw();
      await eventually(cluster.isWhole);
      for (const node of nodes) await isUp(node);
    },
    // All slots of the first are the second's from now on.
    async () => {
      const to = String(await second?.client.call('CLUSTER', 'MYID'));
      // Of two that say they have a slot the one of the later epoch has it: else what the first says while
      // it is not told yet makes the second give them back, and each sends callers to the other for ever.
      await second?.client.call('CLUSTER', 'BUMPEPOCH');
      const slots = Array.from({ length: 5_461 }, (_, n) => n);
      for (const server of [second, first, third]) {
        const moves = server?.client.pipeline();
        for (const slot of slots) moves?.call('CLUSTER', 'SETSLOT', `${slot}`, 'NODE', to);
        await moves?.exec();
      }
      await eventually(async () => {
        const held = (await first?.client.call('CLUSTER', 'SLOTS')) as unknown[];
        return held.length === 2 && (await backplaneOf(a)).errors > errors;
      });
      for (const node of nodes) await isUp(node);
    },
  ]);
  const again = await listenTo(b);
  await flows(a, b);
  again.close();
  for (const node of nodes) {
    t.ok(linesOf(node).length < 15, `${linesOf(node).length} lines`);
    t.equal(await node.stop(), 0);
  }
});

t.test('Sentinels name the master, and the next one when it is gone', async (t) => {
  const sentinel = await startSentinel();
  t.teardown(() => sentinel.stop());
  const [master, replica] = sentinel.servers;
  t.ok((await redisEchoMs(sentinel.url, 'conduit')) > 0, 'as doctor asks');
  const nodes = await startTwo(t, sentinel.url);
  const [a, b] = nodes;
  await strikeUnderLoad(t, nodes, [
    async () => {
      const at = performance.now();
      await master.kill9();
      await eventually(async () => (await sentinel.masterPort()) === replica.port, 60_000);
      for (const node of nodes) {
        await eventually(async () => {
          const { errors, state } = await backplaneOf(node);
          return errors > 0 && state === 'up';
        });
      }
      t.comment(`up again after ${Math.round(performance.now() - at)} ms`);
    },
    // It comes back as a replica, to which nobody speaks.
    () => master.start(),
  ]);
  const onB = await listenTo(b);
  await flows(a, b);
  onB.close();
  const clients = String(await master.client.call('CLIENT', 'LIST'));
  t.notMatch(clients, /name=conduit/);
  for (const node of nodes) {
    const { errors } = await backplaneOf(node);
    const lines = linesOf(node);
    t.ok(errors > 0 && lines.length < 10, `${errors} errors, ${lines.length} lines`);
    t.equal(await node.stop(), 0);
  }
});
