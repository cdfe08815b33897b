// Goal: nodes in memory with a Redis between them deliver what any of them takes to subscribers of all, each
// once; they say at the start and in health what they do not promise, and while Redis is away that they do
// not hear each other. Whoever is not one of them is not believed.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { Envelopes } from '../../src/backplane/envelopes.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { logRow } from '../support/log/log-rows.js';
import {
  ask,
  backplaneOf,
  isUp,
  postJson,
  publish,
  SECRET,
  startReachable,
} from '../support/nodes/node-pair.js';
import { startRedis } from '../support/servers/redis-server.js';

const redis = await startRedis();
t.teardown(() => redis.stop());
const env = { REDIS_URL: redis.url, INTERNAL_SECRET: SECRET, DATABASE_URL: undefined };
const [a, b] = [
  await startReachable({ ...env, NODE_ID: 'a', WORKERS: '1' }),
  await startReachable({ ...env, NODE_ID: 'b', WORKERS: '2' }),
];
t.teardown(() => Promise.all([a.kill9(), b.kill9()]));
for (const node of [a, b]) await isUp(node);

const payloads = (subscriber: Subscriber): unknown[] =>
  subscriber.messages.map(({ payload }) => payload);

/** Sessions at both nodes that hear what is published at either. */
async function joined(topic: string, more: Record<string, unknown> = { ack: 'none' }) {
  const sessions = [];
  for (const node of [a, b]) {
    const session = await Subscriber.open(node.wsUrl, 'json');
    t.teardown(() => session.close());
    t.match(await session.subscribe(topic, more), { type: 'subscribed' });
    sessions.push(session);
  }
  const [onA, onB] = sessions;
  if (onA === undefined || onB === undefined) throw new Error('both are there');
  await heard(topic, onA, onB);
  return { onA, onB };
}

/** Nobody waits for Redis to have taken a channel: what comes before is not heard. */
async function heard(topic: string, onA: Subscriber, onB: Subscriber): Promise<void> {
  for (const [node, there] of [
    [a, onB],
    [b, onA],
  ] as const) {
    await eventually(async () => {
      await publish(node, { topic, payload: 'hello' });
      return there.messages.length > 0;
    }, 30_000);
    there.messages.length = 0;
  }
  // All that is under way has come.
  for (const node of [a, b]) await publish(node, { topic, payload: `last ${node.url}` });
  for (const session of [onA, onB]) {
    await eventually(() => [a, b].every(({ url }) => payloads(session).includes(`last ${url}`)));
    session.messages.length = 0;
  }
}

t.test('they say what is not promised', async (t) => {
  t.match(a.output(), /other nodes are told by Redis, which may lose some; order, sequences/);
  const { body } = await ask(a, '/api/health');
  t.match(body, { status: 'ok', durability: 'memory', warning: /ordering is per node/ });
  t.match(body['checks'], { relay: 'ok' });
});

t.test('what is published at one is given at both, once, in its order', async (t) => {
  const topic = 'both';
  const { onA, onB } = await joined(topic);
  const sent = Array.from({ length: 60 }, (_, n) => n);
  const headers = { trace: 'x' };
  for (const n of sent)
    await publish(n % 2 === 0 ? a : b, { topic, payload: n, key: 'k', headers });
  for (const session of [onA, onB]) {
    await eventually(() => session.messages.length >= sent.length);
    const of = (parity: number): unknown[] =>
      payloads(session).filter((payload) => Number(payload) % 2 === parity);
    for (const parity of [0, 1]) {
      t.same(
        of(parity),
        sent.filter((n) => n % 2 === parity),
        'by the node that took it',
      );
    }
    t.same(session.disorder, []);
    t.match(session.messages[0], { key: 'k', headers });
  }
  const [first, second] = [await backplaneOf(a), await backplaneOf(b)];
  await publish(a, { topic, payload: 'over' });
  await eventually(() => payloads(onB).includes('over') && payloads(onA).includes('over'));
  t.equal((await backplaneOf(b)).received, second.received + 1);
  t.equal((await backplaneOf(a)).received, first.received, 'and is not told back');
  const { messages = [] } = (await ask(b, `/api/topics/${topic}/messages`)).body as {
    messages?: unknown[];
  };
  t.ok(messages.length > 0, 'it is in the log of either, for who comes later');
});

t.test('a durable subscription of a node has what comes while it has no session', async (t) => {
  const topic = 'durable';
  const { onA, onB } = await joined(topic, { subscription: 'jobs', max_in_flight: 500 });
  const acked = async (): Promise<boolean> => {
    const last = onB.messages.at(-1);
    if (last !== undefined)
      onB.send({
        type: 'ack',
        topic,
        subscription: 'jobs',
        cumulative: true,
        sequence: last.sequence,
      });
    return (await ask(b, `/api/subscriptions/${topic}/jobs`)).body['lag'] === 0;
  };
  await publish(a, { topic, payload: 'before' });
  await eventually(() => payloads(onB).includes('before'));
  await eventually(acked);
  onB.close();
  await eventually(
    async () => (await ask(b, `/api/subscriptions/${topic}/jobs`)).body['sessions'] === 0,
  );
  await publish(a, { topic, payload: 'meanwhile' });
  const again = await Subscriber.open(b.wsUrl, 'json');
  t.teardown(() => again.close());
  await again.subscribe(topic, { subscription: 'jobs' });
  await eventually(() => payloads(again).includes('meanwhile'));
  // By its id, which is of this node.
  const id = again.messages.find(({ payload }) => payload === 'meanwhile')?.message_id;
  again.send({ type: 'ack', message_id: id, ref: 'r' });
  await eventually(() => again.control.some(({ type, ref }) => type === 'acked' && ref === 'r'));
  t.ok(payloads(onA).includes('meanwhile'), 'each node has one of that name');
});

t.test('what nobody of them has sent is dropped, and counted', async (t) => {
  const topic = 'forged';
  const { onB } = await joined(topic);
  const channels = (await redis.client.pubsub('CHANNELS', 'conduit:memory-*')) as string[];
  const row = (payload: string) => [logRow(1, Buffer.from(payload))];
  const by = (more: { cluster?: string; secret?: string | null }) =>
    new Envelopes({ cluster: 'conduit', origin: 'stranger', secret: SECRET, ...more });
  const nameOf = (channel: string): string => channel.slice('conduit:'.length);
  const cases: [string, (channel: string) => Buffer | undefined][] = [
    ['garbage', () => Buffer.from([1])],
    ['version', () => Buffer.alloc(200, 9)],
    ['mac', (channel) => by({ secret: null }).ofRows(nameOf(channel), row('"no"'))[0]],
    ['cluster', (channel) => by({ cluster: 'x' }).ofRows(nameOf(channel), row('"no"'))[0]],
    ['epoch', () => by({}).ofRows('memory-of-another', row('"no"'))[0]],
    ['oversized', (c) => by({}).ofRows(nameOf(c), row(`"${'x'.repeat(300 * 1024)}"`))[0]],
    ['garbage', (channel) => by({}).ofRange(nameOf(channel), 1, 2 ** 50)],
  ];
  for (const [fault, make] of cases) {
    const before = (await backplaneOf(b)).dropped[fault] ?? 0;
    for (const channel of channels) {
      await redis.client.publish(channel, make(channel) ?? Buffer.alloc(0));
    }
    await eventually(async () => ((await backplaneOf(b)).dropped[fault] ?? 0) > before);
  }
  await publish(a, { topic, payload: 'after' });
  await eventually(() => payloads(onB).includes('after'));
  t.same(payloads(onB), ['after']);
});

t.test('Redis is killed: it is said, publishes go on here, and later to the others', async (t) => {
  const topic = 'away';
  const { onA, onB } = await joined(topic);
  await redis.kill9();
  for (const node of [a, b]) {
    await eventually(async () => (await ask(node, '/api/health')).status === 503, 30_000);
    t.match((await ask(node, '/api/health')).body['checks'], { relay: /not heard, nor told/ });
    t.equal((await request(`${node.url}/readyz`, {})).status, 200, 'a publish would be taken');
  }
  t.equal((await postJson(a, '/api/publish', { topic, payload: 'alone' })).status, 200);
  await eventually(() => payloads(onA).includes('alone'));
  await redis.start();
  for (const node of [a, b]) await isUp(node);
  await heard(topic, onA, onB);
  await publish(a, { topic, payload: 'again' });
  await eventually(() => payloads(onB).includes('again'));
  t.notOk(payloads(onB).includes('alone'), 'which nobody has any more for them');
  t.ok((await backplaneOf(a)).unsent_away > 0, 'and is counted');
  await eventually(async () => (await ask(b, '/api/health')).status === 200);
});
