// Goal: SIGTERM answers what is under way, tells the sessions and ends with 0; a second one, or a drain
// that takes too long, ends the node at once, with its code and without a dump.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const JSON_HEADERS = { 'content-type': 'application/json' };

function publish(node: TestNode, topic: string): Promise<Answer> {
  const body = JSON.stringify({ topic, payload: 1 });
  return request(`${node.url}/api/publish`, { method: 'POST', headers: JSON_HEADERS, body });
}

interface Held {
  node: TestNode;
  /** Waits for the topic's row, which the test holds. */
  underWay: Promise<Answer>;
  release(): Promise<void>;
}

/** A node on PostgreSQL with one publish that cannot be committed yet. */
async function startHeld(t: Test, env: Record<string, string> = {}): Promise<Held> {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await startNode({ DATABASE_URL: postgres.url, ...env });
  t.teardown(() => node.kill9());
  const subscriber = await Subscriber.open(node.wsUrl);
  await subscriber.subscribe('held');
  subscriber.close();
  const holder = new pg.Client({ connectionString: postgres.url });
  await holder.connect();
  t.teardown(() => holder.end());
  await holder.query('BEGIN');
  await holder.query("SELECT 1 FROM conduit.topics WHERE name = 'held' FOR UPDATE");
  const underWay = publish(node, 'held');
  // It may be cut off; the test that waits for it sees that.
  underWay.catch(() => undefined);
  await eventually(async () => {
    const { rows } = await holder.query('SELECT 1 FROM pg_locks WHERE NOT granted');
    return rows.length > 0;
  });
  return { node, underWay, release: async () => void (await holder.query('ROLLBACK')) };
}

t.test('SIGTERM tells the sessions, ends with 0, and frees the port', async (t) => {
  const node = await startNode();
  t.teardown(() => node.kill9());
  const subscriber = await Subscriber.open(node.wsUrl, 'json');
  await subscriber.subscribe('orders');
  t.equal(await node.stop(), 0);
  await eventually(() => subscriber.closed !== null);
  t.equal(subscriber.closed?.code, 1012);
  t.match(subscriber.control.at(-1), { type: 'disconnect', reconnect: true });
  const again = await startNode({ PORT: String(node.port) });
  t.equal(await again.stop(), 0);
});

t.test('SIGINT drains too, SIGHUP is ignored', async (t) => {
  const node = await startNode();
  t.teardown(() => node.kill9());
  node.process.kill('SIGHUP');
  t.equal((await request(`${node.url}/readyz`, {})).status, 200);
  node.process.kill('SIGINT');
  t.equal(await node.exited, 0);
});

t.test('a drain answers what is under way and refuses what is new', async (t) => {
  const { node, underWay, release } = await startHeld(t);
  const stopped = node.stop();
  await eventually(async () => (await request(`${node.url}/readyz`, {})).status === 503);
  const late = await publish(node, 'held');
  t.equal(late.status, 503);
  t.equal(late.body['code'], 'draining');
  await release();
  t.equal((await underWay).status, 200);
  t.equal(await stopped, 0);
});

t.test('what sessions had sent before the signal is read and answered', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await startNode({ DATABASE_URL: postgres.url });
  t.teardown(() => node.kill9());
  const [count, topics] = [6_000, ['stays', 'leaves']];
  const [stays, leaves] = [
    await Subscriber.open(node.wsUrl, 'json'),
    await Subscriber.open(node.wsUrl, 'json'),
  ];
  for (const topic of topics) await stays.subscribe(topic, { ack: 'none' });
  for (const topic of topics) {
    stays.send({ type: 'unsubscribe', topic, ref: topic });
    await stays.waitFor(({ ref }) => ref === topic);
  }
  stays.control.length = 0;
  const publishes = (topic: string): string =>
    Array.from({ length: count }, (_, ref) =>
      JSON.stringify({ type: 'publish', topic, payload: 1, ref }),
    ).join('\u001e');
  leaves.socket.send(publishes('leaves'));
  leaves.close();
  stays.socket.send(publishes('stays'));
  await eventually(() => leaves.closed !== null && stays.control.length > 0);
  t.equal(await node.stop(), 0);
  await eventually(() => stays.closed !== null);
  const answers = stays.control.map(({ type, code }) => (type === 'error' ? code : type));
  t.equal(answers.filter((answer) => answer === 'published').length, count);
  t.same(new Set(answers), new Set(['published', 'disconnect']));
  const reader = new pg.Client({ connectionString: postgres.url });
  await reader.connect();
  t.teardown(() => reader.end());
  const { rows } = await reader.query(
    'SELECT sequence FROM conduit.topic_heads(ARRAY(SELECT id FROM conduit.topics)) ORDER BY topic_id',
  );
  t.same(
    rows.map(({ sequence }) => Number(sequence)),
    [count, count],
    'also of the session that had closed',
  );
});

t.test('what was acknowledged last before the signal is saved', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await startNode({ DATABASE_URL: postgres.url });
  t.teardown(() => node.kill9());
  const subscriber = await Subscriber.open(node.wsUrl, 'json');
  await subscriber.subscribe('saved', { subscription: 's' });
  for (let n = 0; n < 10; n++) await publish(node, 'saved');
  await eventually(() => subscriber.messages.length === 10);
  const holder = new pg.Client({ connectionString: postgres.url });
  await holder.connect();
  t.teardown(() => holder.end());
  await holder.query('BEGIN; LOCK TABLE conduit.cursors IN ACCESS EXCLUSIVE MODE');
  const ack = (sequence: number): void =>
    subscriber.send({ type: 'ack', topic: 'saved', sequence });
  for (let n = 1; n <= 5; n++) ack(n);
  await eventually(async () => {
    const { rows } = await holder.query('SELECT 1 FROM pg_locks WHERE NOT granted');
    return rows.length > 0;
  });
  // These come while a save is under way, which has not got them.
  for (let n = 6; n <= 10; n++) ack(n);
  let isRead = false;
  subscriber.onControl = ({ type }) => {
    if (type === 'heartbeat_ack') isRead = true;
  };
  subscriber.send({ type: 'heartbeat' });
  await eventually(() => isRead);
  const ended = node.stop();
  await eventually(() => subscriber.socket.readyState === 3);
  await holder.query('ROLLBACK');
  t.equal(await ended, 0);
  const { rows } = await holder.query(
    'SELECT ack_floor FROM conduit.cursors ORDER BY number DESC LIMIT 1',
  );
  t.same(rows, [{ ack_floor: '10' }]);
});

t.test('a second SIGTERM ends a drain at once with 143', async (t) => {
  const { node } = await startHeld(t);
  node.process.kill('SIGTERM');
  await eventually(async () => (await request(`${node.url}/readyz`, {})).status === 503);
  const startedAt = performance.now();
  // The same signal within a quarter of a second is the same one, told twice.
  const again = setInterval(() => node.process.kill('SIGTERM'), 100);
  t.equal(await node.exited, 143);
  clearInterval(again);
  t.ok(performance.now() - startedAt < 2_000);
  t.notMatch(node.output(), /Native stack trace/);
});

t.test('a drain that takes too long ends with 1 and a line', async (t) => {
  const { node } = await startHeld(t, { SHUTDOWN_TIMEOUT_MS: '300' });
  t.equal(await node.stop(), 1);
  t.match(node.output(), /^conduit: the node did not stop within SHUTDOWN_TIMEOUT_MS=300$/m);
  t.notMatch(node.output(), /Native stack trace/);
});
