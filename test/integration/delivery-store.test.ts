// Goal: what delivery costs the database is bounded by what goes wrong, not by what is delivered; a
// consumer that works steadily gets nothing twice; one that dies of a message is rid of it.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const node = await startNode({ DATABASE_URL: postgres.url });
t.teardown(() => node.kill9());
const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
t.teardown(() => client.end());

const publishAll = async (topic: string, count: number): Promise<void> => {
  for (let from = 0; from < count; from += 500) {
    const messages = Array.from({ length: Math.min(500, count - from) }, (_, i) => ({
      topic,
      payload: from + i + 1,
    }));
    const answer = await request(`${node.url}/api/publish/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages }),
    });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  }
};

const open = async (topic: string, subscription: string, more = {}): Promise<Subscriber> => {
  const session = await Subscriber.open(node.wsUrl, 'msgpack');
  const answer = await session.subscribe(topic, { subscription, ...more });
  if (answer.type !== 'subscribed') throw new Error(JSON.stringify(answer));
  return session;
};

t.test('cursors that move together are stored some at a time', async (t) => {
  const topic = 'slices';
  const sessions = await Promise.all(Array.from({ length: 200 }, (_, n) => open(topic, `s${n}`)));
  const got = Promise.all(
    sessions.map(
      (session) =>
        new Promise<void>((resolve) => {
          session.onMessage = () => resolve();
        }),
    ),
  );
  await publishAll(topic, 1);
  await got;
  for (const session of sessions) session.send({ type: 'ack', topic, sequence: 1 });
  const stored = async (): Promise<{ n: string; transactions: string }> => {
    const { rows } = await client.query<{ n: string; transactions: string }>(
      `SELECT count(*) AS n, count(DISTINCT c.xmin::text) AS transactions
       FROM conduit.cursors c JOIN conduit.subscriptions s ON s.id = c.subscription_id
       JOIN conduit.topics t ON t.id = s.topic_id WHERE t.name = $1 AND c.ack_floor = 1`,
      [topic],
    );
    return rows[0] ?? { n: '0', transactions: '0' };
  };
  await eventually(async () => (await stored()).n === '200');
  t.ok(Number((await stored()).transactions) >= 4, 'at most 64 in one transaction');
  for (const session of sessions) session.close();
  await eventually(async () => {
    const { rowCount } = await client.query('DELETE FROM conduit.subscriptions');
    return rowCount === 0;
  });
});

t.test('100,000 messages acknowledged by 50 subscriptions leave 50 rows', async (t) => {
  const topic = 'rows';
  // A machine that is busy for a second must not make a deadline pass.
  const options = { max_in_flight: 1_000, ack_wait_ms: 60_000 };
  const sessions = await Promise.all(
    Array.from({ length: 50 }, (_, n) => open(topic, `s${n}`, options)),
  );
  let acked = 0;
  for (const session of sessions) {
    session.keep = false;
    session.onMessage = (message) => {
      acked++;
      session.send({ type: 'ack', topic, sequence: message['sequence'] });
    };
  }
  await publishAll(topic, 2_000);
  await eventually(() => acked >= 100_000, 60_000);
  const count = async (sql: string): Promise<number> => {
    const { rows } = await client.query<{ n: string }>(sql);
    return Number(rows[0]?.n);
  };
  const settled = 'SELECT count(*) AS n FROM conduit.cursors WHERE ack_floor = 2000';
  await eventually(async () => (await count(settled)) === 50);
  t.equal(await count('SELECT count(*) AS n FROM conduit.subscriptions'), 50);
  t.equal(await count('SELECT count(*) AS n FROM conduit.deliveries'), 0);
  t.equal(await count('SELECT count(*) AS n FROM conduit.dead_letters'), 0);
  t.equal(acked, 100_000, 'nothing came twice');
  for (const session of sessions) session.close();
});

t.test('a serial consumer with a full window gets nothing twice', async (t) => {
  const topic = 'serial';
  const session = await open(topic, 's', { ack_wait_ms: 500 });
  const queue: number[] = [];
  const repeated: number[] = [];
  session.onMessage = (message) => {
    if (message['attempt'] !== 1) repeated.push(Number(message['sequence']));
    queue.push(Number(message['sequence']));
  };
  await publishAll(topic, 300);
  let done = 0;
  while (done < 300) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const sequence = queue.shift();
    if (sequence === undefined) continue;
    session.send({ type: 'ack', topic, sequence });
    done++;
  }
  t.same(repeated, []);
  session.close();
});

t.test('a message that kills its consumer is a dead letter after five deaths', async (t) => {
  const topic = 'killer';
  let deaths = 0;
  const seen: number[] = [];
  const live = async (): Promise<void> => {
    const session = await open(topic, 's', { ack_wait_ms: 50, max_in_flight: 1 });
    session.onMessage = (message) => {
      const sequence = Number(message['sequence']);
      if (sequence === 2) {
        deaths++;
        session.socket.terminate();
      } else {
        seen.push(sequence);
        session.send({ type: 'ack', topic, sequence });
      }
    };
    session.socket.on('close', () => {
      if (seen.length < 2) live().catch((error: unknown) => t.fail(String(error)));
    });
  };
  await live();
  await publishAll(topic, 3);
  await eventually(() => seen.length === 2);
  t.same(seen, [1, 3]);
  t.equal(deaths, 5);
  const sql = `SELECT sequence, reason, attempts, last_error, convert_from(payload, 'UTF8') AS payload
    FROM conduit.dead_letters`;
  await eventually(async () => (await client.query(sql)).rows.length > 0);
  t.match((await client.query(sql)).rows, [
    {
      sequence: '2',
      reason: 'max_deliver',
      attempts: 5,
      last_error: 'disconnect',
      payload: '2',
    },
  ]);
});
