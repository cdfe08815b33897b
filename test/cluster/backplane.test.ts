// Goal: what is published at one node comes to a subscriber at another one through Redis, whole and in order,
// whichever way it got into the log; and two clusters on one Redis know nothing of each other.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';
import {
  ask,
  backplaneOf,
  isUp,
  postJson,
  publish,
  SECRET,
  startPair,
} from '../support/nodes/node-pair.js';

const { postgres, redis, a, b } = await startPair(t);

/** A session at node b that has subscribed, and whose node is heard by Redis to listen. */
async function listenOnB(topic: string): Promise<Subscriber> {
  const onB = await Subscriber.open(b.wsUrl, 'json');
  const { epoch } = await onB.subscribe(topic, { ack: 'none' });
  await eventually(async () => {
    const [, listeners] = await redis.client.pubsub('NUMSUB', `conduit:${String(epoch)}`);
    return listeners === 1;
  });
  // What the publisher is answered tells its node that somebody listens.
  await publish(a, { topic, payload: 'first' });
  await eventually(() => onB.messages.length === 1);
  return onB;
}

t.test('a subscriber at the other node gets it by Redis', async (t) => {
  const onB = await listenOnB('news');
  const before = await backplaneOf(b);
  for (let n = 1; n <= 20; n++) {
    await publish(a, { topic: 'news', payload: { n } });
    await eventually(() => onB.messages.length === 1 + n);
  }
  const after = await backplaneOf(b);
  const stale = (after.dropped['stale'] ?? 0) - (before.dropped['stale'] ?? 0);
  t.equal(after.received - before.received + stale, 20, 'each in an envelope');
  t.ok(stale < 5, 'which was seldom later than a look at the log');
  t.ok((await backplaneOf(a)).published >= 21);
  t.same(
    onB.messages.map(({ sequence }) => sequence),
    Array.from({ length: 21 }, (_, n) => n + 1),
  );
  onB.close();
});

t.test('a topic that no other node listens to is not told of, until one does', async (t) => {
  await postJson(a, '/api/topics', { name: 'unheard' });
  await publish(a, { topic: 'unheard', payload: 0 });
  const { unheard } = await backplaneOf(a);
  await eventually(async () => {
    await publish(a, { topic: 'unheard', payload: 0 });
    return (await backplaneOf(a)).unheard > unheard + 5;
  });
  const onB = await listenOnB('unheard');
  const { received } = await backplaneOf(b);
  for (let n = 1; n <= 5; n++) await publish(a, { topic: 'unheard', payload: n });
  await eventually(() => onB.messages.length === 6);
  t.ok((await backplaneOf(b)).received - received >= 4);
  t.same(onB.disorder, []);
  onB.close();
});

t.test('whichever way it got into the log, and with all that belongs to it', async (t) => {
  const onB = await listenOnB('whole');
  const before = (await backplaneOf(b)).received;
  const sql = new pg.Client({ connectionString: postgres.url });
  await sql.connect();
  const headers = { trace: '1234', 'x-länge': 'ü'.repeat(50) };
  await publish(a, { topic: 'whole', payload: { n: 1 }, key: 'schlüssel', headers });
  await publish(a, { topic: 'whole', payload: { n: 2 }, ttl_ms: 600_000 });
  await postJson(a, '/api/publish', { topic: 'whole', payload: { n: 3 }, delay_ms: 200 });
  await eventually(() => onB.messages.length === 4);
  await sql.query(`SELECT conduit.publish('whole', '{"n": 4}'::jsonb)`);
  await sql.end();
  await eventually(() => onB.messages.length === 5);
  await publish(a, { topic: 'whole', payload: { n: 5, long: 'x'.repeat(200_000) } });
  await eventually(() => onB.messages.length === 6);
  t.match(onB.messages[1], { key: 'schlüssel', headers, payload: { n: 1 } });
  t.same(
    onB.messages.slice(1).map(({ payload }) => (payload as { n: number }).n),
    [1, 2, 3, 4, 5],
  );
  t.same(onB.disorder, []);
  // What was due was released by whichever node looked first; the rest came from the other one.
  t.ok((await backplaneOf(b)).received - before >= 3);
  const stored = await ask(b, '/api/topics/whole/messages?limit=10');
  t.equal((stored.body['messages'] as unknown[]).length, 6);
  onB.close();
});

t.test('who replays from the beginning while both nodes publish misses nothing', async (t) => {
  t.equal((await postJson(a, '/api/topics', { name: 'replayed' })).status, 201);
  const publishers = [new Publisher(a.url, 'a'), new Publisher(b.url, 'b')];
  const isOver = (): boolean => publishers.every(({ history }) => history.length >= 600);
  const loads = publishers.map((one) =>
    one.load({ topics: ['replayed'], connections: 4, until: isOver }),
  );
  const late: Subscriber[] = [];
  for (let n = 0; n < 6; n++) {
    await eventually(() => isOver() || publishers.some((p) => p.history.length > n * 100));
    const one = await Subscriber.open(n % 2 === 0 ? b.wsUrl : a.wsUrl, 'json');
    late.push(one);
    await one.subscribe('replayed', { ack: 'none', start: { from: 'earliest' } });
  }
  await Promise.all(loads);
  const history = publishers.flatMap((one) => one.history);
  const verdict = await judgeLog(postgres.url, history);
  const ours = new Set(history.map(({ mark }) => mark));
  const twice = verdict.twice.filter((mark) => ours.has(mark));
  t.same([...verdict.lost, ...verdict.broken, ...twice], []);
  const { length } = history.filter(({ outcome }) => outcome === 'ok');
  for (const one of late) {
    await eventually(() => one.sequences.get('replayed')?.length === length);
    t.equal(one.sequences.get('replayed')?.[0], 1);
    t.same(one.disorder, []);
    one.close();
  }
  for (const one of publishers) one.close();
});

t.test('a durable subscription at the other node, and acknowledgements there', async (t) => {
  const onB = await Subscriber.open(b.wsUrl, 'msgpack');
  await onB.subscribe('orders', { subscription: 'billing', ack_wait_ms: 60_000 });
  for (let n = 1; n <= 5; n++) await publish(a, { topic: 'orders', payload: n });
  await eventually(() => onB.messages.length === 5);
  onB.send({ type: 'ack', topic: 'orders', sequence: 5, cumulative: true });
  await eventually(async () => {
    const { body } = await ask(b, '/api/subscriptions?topic=orders');
    const [billing] = body['subscriptions'] as { lag: number }[];
    return billing?.lag === 0;
  });
  t.same(onB.disorder, []);
  onB.close();
});

t.test('a topic without subscribers is not listened to any more, after a while', async (t) => {
  const onB = await Subscriber.open(b.wsUrl, 'json');
  const before = (await backplaneOf(b)).channels;
  await onB.subscribe('left', { ack: 'none' });
  await eventually(async () => (await backplaneOf(b)).channels === before + 1);
  onB.close();
  await eventually(async () => (await backplaneOf(b)).channels <= before);
  const channels = (await redis.client.pubsub('CHANNELS', 'conduit:*')) as string[];
  t.ok(channels.every((channel) => /^conduit:((echo|mail):.+|[0-9a-z]+)$/.test(channel)));
});

t.test('two clusters on one Redis know nothing of each other', async (t) => {
  const other = await startPostgres();
  t.teardown(() => other.stop());
  const env = { DATABASE_URL: other.url, REDIS_URL: redis.url, INTERNAL_SECRET: SECRET };
  const stranger = await startNode({ ...env, NODE_ID: 'b' });
  t.teardown(() => stranger.kill9());
  await isUp(stranger);
  const { dropped } = await backplaneOf(b);
  const onStranger = await Subscriber.open(stranger.wsUrl, 'json');
  await onStranger.subscribe('both', { ack: 'none' });
  const onB = await listenOnB('both');
  await publish(stranger, { topic: 'both', payload: 'strange' });
  await publish(a, { topic: 'both', payload: 'ours' });
  await eventually(() => onB.messages.length === 2 && onStranger.messages.length === 1);
  t.same(
    onB.messages.map(({ payload }) => payload),
    ['first', 'ours'],
  );
  t.same(
    onStranger.messages.map(({ payload }) => payload),
    ['strange'],
  );
  const now = (await backplaneOf(b)).dropped;
  t.same({ ...now, stale: 0 }, { ...dropped, stale: 0 });
  t.equal((await backplaneOf(stranger)).received, 0);
  onB.close();
  onStranger.close();
});

t.test('health shows the backplane, and is no worse without it', async (t) => {
  const { body, status } = await ask(a, '/api/health');
  t.equal(status, 200);
  t.match(body['backplane'], { state: 'up', queue_bytes: 0, dropped: { mac: 0 } });
});
