// Goal: whatever a session asked for when it ended, its node is done with it: the acceptor waits for
// nothing, the database is asked nothing more, and a drain ends with 0 well before its time-out.
import http from 'node:http';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { type Format, Subscriber } from '../support/clients/subscriber.js';

const FORMATS: readonly Format[] = ['seed', 'json', 'msgpack'];
/** Far below SHUTDOWN_TIMEOUT_MS, far above what a drain takes. */
const DRAIN_MS = 8_000;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const db = new pg.Client({ connectionString: postgres.url });
await db.connect();
t.teardown(() => db.end());

async function start(t: Test): Promise<TestNode> {
  const node = await startNode({ DATABASE_URL: postgres.url });
  t.teardown(() => node.kill9());
  return node;
}

/** From now on until ROLLBACK nothing is read of the table. */
async function lock(table: string): Promise<void> {
  await db.query(`BEGIN; LOCK TABLE conduit.${table} IN ACCESS EXCLUSIVE MODE`);
}

async function someoneWaits(): Promise<void> {
  await eventually(async () => {
    const { rows } = await db.query('SELECT 1 FROM pg_locks WHERE NOT granted');
    return rows.length > 0;
  });
}

async function closed(subscriber: Subscriber, how: 'clean' | 'abrupt'): Promise<void> {
  if (how === 'clean') subscriber.close();
  else subscriber.socket.terminate();
  await eventually(() => subscriber.closed !== null);
}

/** The acceptor has read what came before, the end of other sockets too. */
async function isRead(subscriber: Subscriber, ref: string): Promise<void> {
  subscriber.send({ type: 'heartbeat', ref });
  await subscriber.waitFor((frame) => frame.ref === ref);
}

t.test('sessions and streams that end right after their subscribe leave nothing', async (t) => {
  const node = await start(t);
  const first = await Subscriber.open(node.wsUrl);
  await first.subscribe('held');
  const sessions = await Promise.all(
    Array.from({ length: 30 }, (_, n) => Subscriber.open(node.wsUrl, FORMATS[n % 3] ?? 'json')),
  );
  await lock('topics');
  for (const session of sessions) {
    for (const subscription of ['a', 'b', 'a', undefined]) {
      session.send({ type: 'subscribe', topic: 'held', subscription });
      session.send({ type: 'subscribe', topic: 'not-there', subscription });
      session.send({ type: 'unsubscribe', topic: 'held', subscription });
    }
  }
  const streams = Array.from({ length: 10 }, () => {
    const stream = http.get(`${node.url}/api/topics/held/events`);
    stream.on('error', () => undefined);
    return stream;
  });
  // Who waits may be somebody else, who looks at the topics each second: all has been read before.
  await Promise.all(sessions.map((one, n) => isRead(one, `asked ${n}`)));
  await someoneWaits();
  await Promise.all(sessions.map((one, n) => closed(one, n % 2 === 0 ? 'clean' : 'abrupt')));
  for (const stream of streams) stream.destroy();
  await isRead(first, 'ends');
  await db.query('ROLLBACK');
  // Behind everything that was asked before.
  await first.subscribe('held', { subscription: 'last' });
  const { rows } = await db.query<{ name: string }>('SELECT name FROM conduit.subscriptions');
  t.same(
    rows.map(({ name }) => name),
    ['last'],
  );
  const topics = await db.query("SELECT 1 FROM conduit.topics WHERE name = 'not-there'");
  t.equal(topics.rowCount, 0, 'a topic is not made for a session that has gone');
  await lock('topics');
  for (const subscription of [undefined, 'last']) {
    const again = await first.subscribe('held', { subscription });
    t.match(again, { type: 'subscribed', sequence: 0 }, 'a repeated one needs nothing of the log');
  }
  await db.query('ROLLBACK');
  const startedAt = performance.now();
  t.equal(await node.stop(), 0);
  t.ok(performance.now() - startedAt < DRAIN_MS, 'the drain waited for nobody');
});

t.test('asking on and on does not hold up a drain', async (t) => {
  const node = await start(t);
  const subscriber = await Subscriber.open(node.wsUrl, 'json');
  for (const topic of ['before', 'during']) await subscriber.subscribe(topic);
  let asked = 0;
  const ask = (topic: string): void => {
    asked++;
    subscriber.send({ type: 'subscribe', topic, subscription: `s${asked}`, ref: topic });
  };
  subscriber.onControl = ({ ref }) => {
    if (ref === 'during') ask('during');
  };
  await lock('subscriptions');
  ask('before');
  await isRead(subscriber, 'asked');
  await someoneWaits();
  const stopped = node.stop();
  const isDraining = async (): Promise<boolean> =>
    (await request(`${node.url}/readyz`, {})).status === 503;
  // What waits for the lock waits for three seconds: whoever comes later finds the node gone.
  await eventually(() => isDraining().catch(() => true));
  // One after another: while one is answered the other is under way.
  ask('during');
  ask('during');
  const startedAt = performance.now();
  t.equal(await stopped, 0);
  t.ok(performance.now() - startedAt < DRAIN_MS);
  t.match(subscriber.control.at(-1), { type: 'disconnect' });
  t.ok(subscriber.control.some(({ ref }) => ref === 'before'));
  await db.query('ROLLBACK');
});
