// Goal: whoever browses, traces or exports takes no connection and no thread from subscribes, publishes and
// acks; what waits for the browsing pool is bounded, and refused with `busy` beyond that.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const WAITING_MAX = 30;
/** With the pool beside those that wait. */
const UNDER_WAY = 4;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const node = await startNode({
  DATABASE_URL: postgres.url,
  WORKERS: '1',
  BROWSE_WAITING_MAX: String(WAITING_MAX),
});
t.teardown(() => node.kill9());
const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
t.teardown(() => client.end());

const get = (path: string): Promise<Answer> => request(`${node.url}/api/${path}`, {});

async function publish(payload: unknown): Promise<Answer> {
  const body = JSON.stringify({ topic: 'read', payload });
  const headers = { 'content-type': 'application/json' };
  const answer = await request(`${node.url}/api/publish`, { method: 'POST', headers, body });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer;
}

/** Another session does what sessions are for. */
async function works(name: string): Promise<void> {
  const session = await Subscriber.open(node.wsUrl, 'json');
  const subscribed = await session.subscribe('read', { subscription: name });
  if (subscribed.type !== 'subscribed') throw new Error(JSON.stringify(subscribed));
  const { sequence } = (await publish('news')).body;
  await eventually(() => session.messages.length === 1);
  session.send({ type: 'ack', topic: 'read', sequence, ref: 'ack' });
  const acked = await session.waitFor((frame) => frame.ref === 'ack');
  if (acked.type !== 'acked') throw new Error(JSON.stringify(acked));
  session.close();
}

await Subscriber.open(node.wsUrl, 'json').then(async (session) => {
  await session.subscribe('read');
  session.close();
});

t.test('readers that wait for the database hold up nobody else', async (t) => {
  const { message_id: id } = (await publish('traced')).body;
  // What only browsing reads: its connections stand still, and no other's.
  await client.query(`BEGIN; LOCK TABLE conduit.delivery_history, conduit.dead_letters,
    conduit.outbox IN ACCESS EXCLUSIVE MODE`);
  const paths = [`messages/${id}`, 'dead-letters', 'deferred', 'stats'];
  const asked = Array.from({ length: 100 }, (_, n) => get(paths[n % paths.length] ?? ''));
  let refused = 0;
  for (const one of asked) void one.then(({ status }) => (refused += status === 503 ? 1 : 0));
  await eventually(() => refused === asked.length - WAITING_MAX - UNDER_WAY);
  for (const name of ['a', 'b', 'c']) await works(name);
  await client.query('ROLLBACK');
  const answers = await Promise.all(asked);
  t.equal(answers.filter(({ status }) => status === 200).length, WAITING_MAX + UNDER_WAY);
  const busy = answers.filter(({ body }) => body.code === 'busy');
  t.equal(busy.length, asked.length - WAITING_MAX - UNDER_WAY);
  t.ok(busy.every(({ headers }) => Number(headers['retry-after']) >= 1));
  t.ok(busy.every(({ body }) => String(body['detail']).includes('(BROWSE_WAITING_MAX)')));
});

t.test('readers of full pages, and of ids that no day narrows, hold up nobody else', async (t) => {
  const row = { topic: 'read', payload: 'x'.repeat(8_000) };
  const body = JSON.stringify({ messages: Array.from({ length: 500 }, () => row) });
  const headers = { 'content-type': 'application/json' };
  await request(`${node.url}/api/publish/batch`, { method: 'POST', headers, body });
  let state: 'reading' | 'done' = 'reading';
  const seen = new Map<number, number>();
  const reader = async (path: string): Promise<void> => {
    while (state === 'reading') {
      const { status } = await get(path);
      seen.set(status, (seen.get(status) ?? 0) + 1);
      if (status === 503) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const readers = Array.from({ length: 60 }, (_, n) => {
    const crafted = `messages/0000${String(n).padStart(4, '0')}-0000-7000-8000-000000000000`;
    return reader(n % 3 === 0 ? crafted : 'topics/read/messages');
  });
  for (const name of ['d', 'e', 'f', 'g', 'h']) await works(name);
  state = 'done';
  await Promise.all(readers);
  t.same(
    [...seen.keys()].filter((status) => ![200, 404, 503].includes(status)),
    [],
  );
  t.ok((seen.get(200) ?? 0) > 0, 'and some read');
  const { rows } = await client.query<{ purpose: string }>(
    `SELECT DISTINCT split_part(application_name, '/', 3) AS purpose FROM pg_stat_activity
     WHERE query LIKE '%conduit.messages m%' AND application_name LIKE 'conduit/%'`,
  );
  t.same(rows, [{ purpose: 'browse' }], 'no session of a worker has read a page');
});

t.test('purges that take their time end, and hold up no reader', async (t) => {
  const topics = ['purged.a', 'purged.b'];
  const session = await Subscriber.open(node.wsUrl, 'json');
  for (const topic of topics) await session.subscribe(topic);
  await client.query(
    `INSERT INTO conduit.dead_letters (topic_id, session, sequence, message_id, published_at,
       content_type, payload, reason, attempts, first_failed_at, last_failed_at)
     SELECT t.id, 's', n, gen_random_uuid(), now(), 0, '{}', 'rejected', 1, now(), now()
     FROM conduit.topics t, generate_series(1, 3500) n WHERE t.name = ANY ($1)`,
    [topics],
  );
  // Four chunks of each: longer than one answer may take.
  await client.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(3); RETURN NULL; END';
    CREATE TRIGGER slow AFTER DELETE ON conduit.dead_letters EXECUTE FUNCTION slow()`);
  const ends: string[] = [];
  const purges = topics.map(async (topic) => {
    const headers = { 'content-type': 'application/json' };
    const more = { method: 'POST', headers, body: JSON.stringify({ topic }) };
    const answer = await request(`${node.url}/api/dead-letters/purge`, more);
    ends.push(topic);
    return answer;
  });
  await eventually(async () => {
    const sleeping = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`;
    return (await client.query(sleeping)).rowCount === topics.length;
  });
  t.equal((await get('deferred')).status, 200);
  t.same(ends, [], 'a reader is answered between');
  for (const answer of await Promise.all(purges)) {
    t.match([answer.status, answer.body], [200, { purged: 3_500 }]);
  }
  await client.query('DROP FUNCTION slow() CASCADE');
  session.close();
});

t.test('the workers do not answer what the pool does', async (t) => {
  const page = await get('topics/read/messages?limit=2&from_sequence=2');
  t.match(page.body, { messages: [{ sequence: 2 }, { sequence: 3 }], next: 4 });
  t.match((await get('topics/nowhere/messages')).body, { code: 'topic_not_found' });
  t.match((await get('topics/read')).body, { name: 'read', subscriber_count: 0 });
  const position = await get('topics/read/position');
  t.equal(position.body.epoch, (await publish('epoch')).body.epoch);
  t.equal(await node.stop(), 0);
  t.notMatch(node.output(), /"level":50/, 'nothing went wrong');
});
