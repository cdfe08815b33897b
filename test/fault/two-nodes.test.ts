// Goal: two nodes on one database, without Redis, are right, only slower: both write the same topics,
// and a subscriber of either gets everything in order within the head check's period.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url };
const a = await startNode({ ...env, NODE_ID: 'a' });
t.teardown(() => a.kill9());
const b = await startNode({ ...env, NODE_ID: 'b' });
t.teardown(() => b.kill9());

t.test('two nodes on one database deliver everything in order to both', async (t) => {
  const onA = await Subscriber.open(a.wsUrl, 'json');
  const onB = await Subscriber.open(b.wsUrl, 'msgpack');
  await onA.subscribe('shared', { ack: 'none' });
  await onB.subscribe('shared', { ack: 'none' });
  const publishers = [new Publisher(a.url, 'a'), new Publisher(b.url, 'b')];
  await Promise.all(
    publishers.map((publisher) =>
      publisher.load({
        topics: ['shared'],
        connections: 8,
        until: () => publisher.history.length >= 500,
      }),
    ),
  );
  const history = publishers.flatMap((publisher) => publisher.history);
  const verdict = await judgeLog(postgres.url, history);
  t.same([...verdict.lost, ...verdict.phantom, ...verdict.broken, ...verdict.twice], []);
  for (const subscriber of [onA, onB]) {
    await eventually(() => subscriber.sequences.get('shared')?.length === verdict.rows);
    t.same(subscriber.disorder, []);
  }
  // Published elsewhere a moment ago: whoever subscribes is told the head it starts from.
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ topic: 'shared', payload: 'last' });
  for (let n = 1; n <= 5; n++) {
    await request(`${a.url}/api/publish`, { method: 'POST', headers, body });
    const late = await Subscriber.open(b.wsUrl, 'json');
    t.match(await late.subscribe('shared', { ack: 'none' }), { sequence: verdict.rows + n });
    late.close();
  }
  const deleted = await request(`${a.url}/api/topics/shared`, { method: 'DELETE' });
  t.equal(deleted.status, 204);
  const told = await onB.waitFor((frame) => frame.type === 'unsubscribed');
  t.equal(told.reason, 'topic_deleted');
  for (const publisher of publishers) publisher.close();
  onA.close();
  onB.close();
});

t.test('who loses a subscription to another node is told while nothing is delivered', async (t) => {
  const names = ['taken', 'shared', 'paused', 'deleted', 'kept'];
  const UNHURRIED = { ack_wait_ms: 60_000 };
  const isExclusive = (name: string): boolean => name !== 'shared';
  const onA = await Subscriber.open(a.wsUrl, 'json');
  for (const subscription of names) {
    await onA.subscribe('idle', {
      subscription,
      exclusive: isExclusive(subscription),
      ...UNHURRIED,
    });
  }
  await request(`${a.url}/api/subscriptions/idle/paused/pause`, { method: 'POST' });
  const onB = await Subscriber.open(b.wsUrl, 'json');
  for (const subscription of ['taken', 'shared', 'paused']) {
    await onB.subscribe('idle', {
      subscription,
      exclusive: isExclusive(subscription),
      ...UNHURRIED,
    });
  }
  await request(`${b.url}/api/subscriptions/idle/deleted`, { method: 'DELETE' });
  const toldOf = (name: string): Promise<Frame> =>
    onA.waitFor(({ type, subscription }) => type === 'unsubscribed' && subscription === name);
  for (const name of ['taken', 'shared', 'paused']) {
    t.match(await toldOf(name), { topic: 'idle', reason: 'taken_over' });
  }
  t.match(await toldOf('deleted'), { topic: 'idle', reason: 'subscription_deleted' });
  // Whoever publishes, and wherever: only the one who has it now is given it.
  const headers = { 'content-type': 'application/json' };
  for (const { url } of [a, b, a]) {
    const body = JSON.stringify({ topic: 'idle', payload: url });
    await request(`${url}/api/publish`, { method: 'POST', headers, body });
  }
  await eventually(() => onB.messages.length === 6);
  await eventually(() => onA.messages.length === 3);
  const toA = onA.messages.map(({ subscription }) => subscription);
  t.same([...new Set(toA)], ['kept']);
  t.same(
    onA.control.filter(
      ({ type, subscription }) => type === 'unsubscribed' && subscription === 'kept',
    ),
    [],
  );
  onA.close();
  onB.close();
});

t.test('a topic made elsewhere a moment ago is there, whoever looked for it before', async (t) => {
  const headers = { 'content-type': 'application/json' };
  const asks = await Subscriber.open(a.wsUrl, 'json');
  const publish = (topic: string): Promise<{ status: number }> => {
    const body = JSON.stringify({ topic, payload: 1 });
    return request(`${a.url}/api/publish`, { method: 'POST', headers, body });
  };
  for (let n = 0; n < 10; n++) {
    const topic = `born.${n}`;
    // It is being looked for, again and again.
    const asking = setInterval(() => asks.send({ type: 'publish', topic, payload: 0 }), 1);
    t.equal((await publish(topic)).status, 404);
    for (const round of ['made', 'made again']) {
      const body = JSON.stringify({ name: topic });
      const made = await request(`${b.url}/api/topics`, { method: 'POST', headers, body });
      t.equal(made.status, 201);
      t.equal((await publish(topic)).status, 200, round);
      await request(`${b.url}/api/topics/${topic}`, { method: 'DELETE' });
    }
    clearInterval(asking);
  }
  asks.close();
});

t.test(
  'what another node gives back is given, once, while its subscription is open here',
  async (t) => {
    const topic = 'given-back';
    const post = async (
      url: string,
      path: string,
      body: unknown,
    ): Promise<Record<string, unknown>> => {
      const headers = { 'content-type': 'application/json' };
      const options = { method: 'POST', headers, body: JSON.stringify(body) };
      return (await request(`${url}${path}`, options)).body;
    };
    const letters = async (): Promise<unknown[]> => {
      const { body } = await request(`${a.url}/api/dead-letters?topic=${topic}`, {});
      return body['dead_letters'] as unknown[];
    };
    const session = await Subscriber.open(a.wsUrl, 'json');
    await session.subscribe(topic, { subscription: 's', ack_wait_ms: 60_000 });
    session.onMessage = ({ sequence }) => session.send({ type: 'reject', topic, sequence });
    for (let n = 1; n <= 3; n++) await post(a.url, '/api/publish', { topic, payload: n });
    await eventually(async () => (await letters()).length === 3);
    session.messages.length = 0;
    session.onMessage = ({ sequence }) => {
      session.send({ type: sequence === 3 ? 'reject' : 'ack', topic, sequence });
    };
    t.match(await post(b.url, '/api/dead-letters/redrive', { topic, subscription: 's' }), {
      matched: 3,
    });
    await eventually(() => session.messages.length === 3);
    await eventually(async () => (await letters()).length === 1);
    t.match(await letters(), [{ sequence: 3, redriven_count: 1 }]);
    // Two more head checks, which a publish by the other node shows.
    for (const payload of ['a', 'b']) {
      const count = session.messages.length;
      await post(b.url, '/api/publish', { topic, payload });
      await eventually(() => session.messages.length > count);
    }
    t.same(
      session.messages.map(({ sequence, attempt }) => `${String(sequence)}#${String(attempt)}`),
      ['1#1', '2#1', '3#1', '4#1', '5#1'],
    );
    session.close();
  },
);

t.test('what is given back is found, though its commit comes after looks at it', async (t) => {
  const topic = 'given-late';
  const headers = { 'content-type': 'application/json' };
  const publish = (payload: unknown): Promise<unknown> =>
    request(`${a.url}/api/publish`, {
      ...{ method: 'POST', headers },
      body: JSON.stringify({ topic, payload }),
    });
  const session = await Subscriber.open(a.wsUrl, 'json');
  await session.subscribe(topic, { subscription: 's', ack_wait_ms: 60_000 });
  session.onMessage = ({ sequence }) => session.send({ type: 'reject', topic, sequence });
  await publish(1);
  const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
  const client = await pool.connect();
  const count = async (sql: string): Promise<number> => (await pool.query(sql)).rowCount ?? 0;
  const LETTER = `FROM conduit.dead_letters d JOIN conduit.topics t ON t.id = d.topic_id
    WHERE t.name = '${topic}'`;
  await eventually(async () => (await count(`SELECT d.id ${LETTER}`)) === 1);
  session.onMessage = ({ sequence }) => session.send({ type: 'ack', topic, sequence });
  // As a redrive at another node does it, whose commit waits.
  await client.query('BEGIN');
  await client.query(`INSERT INTO conduit.deliveries
    (subscription_id, sequence, attempts, due_at, redriven)
    SELECT d.subscription_id, d.sequence, 0, clock_timestamp(), true ${LETTER}`);
  await client.query(`UPDATE conduit.dead_letters SET redriven_at = clock_timestamp()
    WHERE id IN (SELECT d.id ${LETTER})`);
  const asked = `SELECT FROM pg_stat_activity WHERE application_name LIKE 'conduit/a/%'
    AND query LIKE '%redriven_at%' AND query_start > $1::timestamptz + interval '1 second'`;
  const { rows } = await client.query<{ at: string }>('SELECT clock_timestamp()::text AS at');
  // One comes each second: in five there was one, though others of its session may hide it here.
  const seen = eventually(
    async () => (await pool.query(asked, [rows[0]?.at])).rowCount !== 0,
    5_000,
  );
  await seen.catch(() => undefined);
  t.equal(session.messages.length, 1);
  await client.query('COMMIT');
  client.release();
  await eventually(() => session.messages.length === 2);
  t.match(session.messages[1], { sequence: 1 });
  await eventually(async () => (await count(`SELECT d.id ${LETTER}`)) === 0);
  session.close();
  await pool.end();
});
