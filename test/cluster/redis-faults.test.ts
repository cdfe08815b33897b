// Goal: whatever happens to Redis under publishes at both nodes (I7): no publish fails or waits for it,
// nothing is lost, doubled or out of order at either node, and once it is back messages come by it again.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { Publisher } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';
import { ask, backplaneOf, isUp, publish, startPair } from '../support/nodes/node-pair.js';

const TOPICS = ['fault.1', 'fault.2', 'fault.3'];
const pair = await startPair(t);
const { postgres, redis, a, b } = pair;
const nodes = [a, b];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const stateIs = (node: TestNode, state: string): Promise<void> =>
  eventually(async () => (await backplaneOf(node)).state === state);

/** Each ends when Redis is whole again. */
const FAULTS: Record<string, () => Promise<void>> = {
  'killed and started again, empty': async () => {
    await redis.kill9();
    for (const node of nodes) await stateIs(node, 'away');
    await pause(700);
    await redis.start();
  },
  'frozen until it is taken for away': async () => {
    redis.freeze();
    for (const node of nodes) await stateIs(node, 'away');
    redis.thaw();
  },
  'frozen for a moment': async () => {
    redis.freeze();
    await pause(400);
    redis.thaw();
  },
  flushed: async () => {
    for (let n = 0; n < 5; n++) {
      await redis.client.flushall();
      await pause(50);
    }
  },
  'whoever listens is cut, again and again': async () => {
    for (let n = 0; n < 5; n++) {
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await pause(150);
    }
  },
  'whoever publishes is cut': async () => {
    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  },
};

async function subscribed(node: TestNode): Promise<Subscriber> {
  const one = await Subscriber.open(node.wsUrl, 'json');
  one.keep = false;
  for (const topic of TOPICS) await one.subscribe(topic, { ack: 'none' });
  return one;
}

t.test('faults under publishes at both nodes', async (t) => {
  const subscribers = [await subscribed(a), await subscribed(b)];
  const publishers = [new Publisher(a.url, 'a'), new Publisher(b.url, 'b')];
  let isOver = false;
  const load = Promise.all(
    publishers.map((one) =>
      one.load({ topics: TOPICS, connections: 4, until: () => isOver, pauseMs: 10 }),
    ),
  );
  for (const [name, strike] of Object.entries(FAULTS)) {
    const before = publishers.map((one) => one.acked().length);
    await strike();
    for (const node of nodes) await isUp(node);
    await eventually(() =>
      publishers.every((one, n) => one.acked().length > (before[n] ?? 0) + 20),
    );
    t.comment(name);
  }
  isOver = true;
  await load;
  const history = publishers.flatMap((one) => one.history);
  t.same(
    history.filter(({ outcome }) => outcome !== 'ok'),
    [],
    'no publish fails for Redis',
  );
  const verdict = await judgeLog(postgres.url, history);
  t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
  for (const one of subscribers) {
    const got = (): number =>
      TOPICS.reduce((sum, topic) => sum + (one.sequences.get(topic)?.length ?? 0), 0);
    await eventually(() => got() === verdict.rows);
    t.same(one.disorder, []);
    one.close();
  }
  for (const one of publishers) one.close();
});

t.test('one message while Redis is away, and nothing after it', async (t) => {
  const onB = await Subscriber.open(b.wsUrl, 'json');
  await onB.subscribe('lonely', { ack: 'none' });
  await redis.kill9();
  for (const node of nodes) await stateIs(node, 'away');
  const { forwarded } = await backplaneOf(a);
  await publish(a, { topic: 'lonely', payload: 1 });
  await eventually(() => onB.messages.length === 1);
  await eventually(async () => (await backplaneOf(a)).forwarded > forwarded);
  t.equal((await ask(a, '/readyz')).status, 200);
  const { body } = await ask(b, '/api/health');
  t.match(body, { status: 'ok', backplane: { state: 'away' } });
  await redis.start();
  for (const node of nodes) await isUp(node);
  await eventually(async () => {
    const before = (await backplaneOf(b)).received;
    const next = onB.messages.length + 1;
    await publish(a, { topic: 'lonely', payload: 2 });
    await eventually(() => onB.messages.length === next);
    return (await backplaneOf(b)).received > before;
  });
  t.same(onB.disorder, []);
  onB.close();
});

t.test('an outage is a few lines, without the address of Redis in secret parts', async (t) => {
  for (const node of nodes) {
    const said = node
      .output()
      .split('\n')
      .filter((line) => /Redis cannot be reached/.test(line));
    t.ok(said.length > 0);
    t.ok(said.length < 40, `${said.length} lines`);
    t.notMatch(node.output(), /\\n {4}at /, 'no stacks');
  }
  for (const node of nodes) t.equal(await node.stop(), 0);
});
