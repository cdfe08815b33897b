// Goal: conduit.publish appends after the caller's commit, never after its rollback, in the order
// of the calls, and a transaction that stays open delays nobody.

import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import type { LogRow } from '../../src/core/message.js';
import { topicNameOf } from '../../src/core/topic-key.js';
import { readIncarnation } from '../../src/log/postgres/session/incarnation.js';
import { MessageStore } from '../../src/log/postgres/store/message-store.js';
import { OUTBOX_CHANNEL, OutboxStore } from '../../src/log/postgres/store/outbox-store.js';
import { TopicStore } from '../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { OutboxRelease } from '../../src/log/postgres/upkeep/outbox-release.js';
import { dropBatch } from '../../src/log/postgres/upkeep/release-batch.js';
import { addOther, keyOf, OTHER, TENANT } from '../support/tenants/tenants.js';
import { rangeOf } from './message-log.js';

const LATENCY_ROUNDS = 60;

const server = await startPostgres();
await migrate(server.url);
await addOther(server.url);
const pool = new pg.Pool({ connectionString: server.url, max: 8 });
// The server's end may overtake that of idle connections.
pool.on('error', () => undefined);
const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
const messages = new MessageStore(pool);
const outbox = new OutboxStore(pool);
const released: LogRow[] = [];
const dropped: string[] = [];
const trouble: unknown[] = [];

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', (error) => trouble.push(error));
  await client.connect();
  return client;
}

const releaseSession = await connect();
const incarnation = await readIncarnation(pool);
let standsOn = incarnation;
let drops = 0;
const release = new OutboxRelease({
  session: async () => releaseSession,
  drop: () => {
    drops++;
  },
  clock: systemClock,
  incarnation: () => standsOn,
  dedupeWindowMs: 60_000,
  owns: (key) => !topicNameOf(key).startsWith('other.'),
  isHere: () => true,
  onReleased: ({ rows }) => {
    released.push(...rows);
  },
  onOutcomeUnknown: () => undefined,
  onDropped: (_topic, rows, why) => dropped.push(`${rows} ${why}`),
  onTrouble: (error) => trouble.push(error),
});
release.start();
const listener = await connect();
listener.on('notification', () => release.wake());
await listener.query(`LISTEN ${OUTBOX_CHANNEL}`);
const app = await connect();

t.teardown(async () => {
  await release.stop();
  await Promise.all([listener.end(), releaseSession.end(), app.end(), pool.end()]);
  await server.stop();
});

async function newTopic(name: string): Promise<number> {
  return (await topics.create(keyOf(name), null)).topic.id;
}

async function bodies(topicId: number): Promise<string[]> {
  const page = await messages.read(rangeOf(topicId));
  return page.rows.map((row) => Buffer.from(row.payload).toString());
}

async function publish(client: pg.Client, topic: string, body: string): Promise<number> {
  const { rows } = await client.query<{ id: string }>('SELECT conduit.publish($1, $2) AS id', [
    topic,
    body,
  ]);
  return Number(rows[0]?.id);
}

t.test('what is rolled back is never seen, order within a transaction is kept', async (t) => {
  const id = await newTopic('sql.a');
  await app.query('BEGIN');
  await publish(app, 'sql.a', '"lost"');
  await app.query('ROLLBACK');
  await app.query('BEGIN');
  const ids: number[] = [];
  for (let n = 0; n < 700; n++) ids.push(await publish(app, 'sql.a', `{ "n" : ${n}, "n":1e999 }`));
  t.same(await bodies(id), [], 'not before the commit');
  await app.query('COMMIT');
  await eventually(() => released.length >= 700);
  const expected = Array.from({ length: 700 }, (_, n) => `{ "n" : ${n}, "n":1e999 }`);
  t.same(await bodies(id), expected, 'text as written, in order, all of it');
  t.same(
    released.map((row) => row.sequence),
    expected.map((_, n) => n + 1),
  );
  t.equal(await outbox.cancel(TENANT, ids[0] ?? 0), 'released');
});

t.test('a transaction left open delays nobody', async (t) => {
  const id = await newTopic('sql.b');
  await app.query('BEGIN');
  await publish(app, 'sql.b', '"late"');
  const other = await connect();
  await other.query("SET lock_timeout = '200ms'");
  // What an append does to the topic.
  const lock = 'SELECT id FROM conduit.topics WHERE id = $1 FOR NO KEY UPDATE NOWAIT';
  t.equal((await other.query(lock, [id])).rows.length, 1);
  const since = performance.now();
  await publish(other, 'sql.b', '"soon"');
  const before = released.length;
  await eventually(() => released.length > before);
  t.ok(performance.now() - since < 2_000);
  t.same(await bodies(id), ['"soon"']);
  await app.query('COMMIT');
  await eventually(() => released.length > before + 1);
  t.same(await bodies(id), ['"soon"', '"late"']);
  await other.end();
});

t.test('takes options, and leaves topics of other workers alone', async (t) => {
  const id = await newTopic('sql.c');
  await newTopic('other.c');
  await publish(app, 'other.c', '1');
  const before = released.length;
  await app.query(
    `SELECT conduit.publish('sql.c', '[1]', key => 'k', headers => '{"a":"\u{1F600}"}',
       dedupe_key => 'd', ttl => '1 minute') FROM generate_series(1, 2)`,
  );
  const since = Date.now();
  await app.query("SELECT conduit.publish('sql.c', '2', deliver_at => now() + interval '300 ms')");
  await eventually(() => released.length === before + 2);
  const { rows } = await messages.read(rangeOf(id));
  t.match(rows[0], { key: 'k', headers: '{"a": "\u{1F600}"}' });
  t.equal(rows[0]?.expiresAtMs, (rows[0]?.publishedAtMs ?? 0) + 60_000);
  t.ok((rows[1]?.publishedAtMs ?? 0) >= since + 290);
  t.same(dropped, [], 'the second call got the first id');
  t.equal((await outbox.list(keyOf('other.c'), { after: 0, limit: 9 })).length, 1);
});

t.test('refuses with an SQLSTATE what the API would refuse', async (t) => {
  await newTopic('sql.d');
  const nested = '['.repeat(65) + ']'.repeat(65);
  const refused: [string, string][] = [
    ["'none', '1'", 'P0002'],
    ["'sql.d', '1', tenant => 'nobody'", '42501'],
    ["'sql..d', '1'", '22023'],
    ["'sql.d', NULL", '22023'],
    [`'sql.d', '${nested}'`, '22023'],
    [`'sql.d', '"${'x'.repeat(262_143)}"'`, '22023'],
    ["'sql.d', '1', key => ''", '22023'],
    ["'sql.d', '1', key => repeat('é', 128)", '22023'],
    ["'sql.d', '1', dedupe_key => repeat('x', 256)", '22023'],
    [`'sql.d', '1', headers => '["a"]'`, '22023'],
    [`'sql.d', '1', headers => '{"a":1}'`, '22023'],
    ["'sql.d', '1', ttl => '-1 s'", '22023'],
    ["'sql.d', '1', deliver_at => 'infinity'", '22023'],
  ];
  for (const [args, code] of refused) {
    await t.rejects(app.query(`SELECT conduit.publish(${args})`), { code }, args.slice(0, 50));
  }
  const before = released.length;
  await publish(app, 'sql.d', `["${'[{'.repeat(90)}", "\\\\", ${nested.slice(2, -2)}]`);
  await eventually(() => released.length > before);
});

t.test('needs no right on the tables, and tables give no right to it', async (t) => {
  await newTopic('sql.g');
  await app.query(
    `CREATE ROLE shop; CREATE ROLE stranger; GRANT USAGE ON SCHEMA conduit TO shop, stranger;
     GRANT EXECUTE ON FUNCTION
       conduit.publish(text, json, text, jsonb, text, timestamptz, interval, text) TO shop`,
  );
  await app.query('SET ROLE shop');
  const before = released.length;
  await publish(app, 'sql.g', '1');
  await t.rejects(app.query('SELECT * FROM conduit.outbox'), { code: '42501' });
  await app.query('SET ROLE stranger');
  await t.rejects(publish(app, 'sql.g', '1'), { code: '42501' });
  await app.query('RESET ROLE');
  await eventually(() => released.length > before);
});

t.test('what waits for a deleted topic is dropped', async (t) => {
  await newTopic('sql.e');
  await app.query("SELECT conduit.publish('sql.e', '1', deliver_at => now() + interval '200 ms')");
  await topics.delete(keyOf('sql.e'));
  await eventually(() => dropped.includes('1 topic deleted'));
  t.pass('dropped');
});

t.test('a notified publish is released within tens of milliseconds', async (t) => {
  await newTopic('sql.f');
  const times: number[] = [];
  for (let n = 0; n < LATENCY_ROUNDS; n++) {
    const before = released.length;
    const since = performance.now();
    await publish(app, 'sql.f', `${n}`);
    while (released.length === before) await new Promise((resolve) => setImmediate(resolve));
    times.push(performance.now() - since);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(share * times.length)] ?? 0).toFixed(1);
  t.comment(`conduit.publish to released: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`);
  t.equal(times.length, LATENCY_ROUNDS);
  t.same(trouble, []);
});

t.test(
  'a tenant has as much released as its quota says, in order, and keeps nobody waiting',
  async (t) => {
    const paced = [await newTopic('paced.a'), await newTopic('paced.b')];
    const other = (await topics.create(OTHER.keyOf('unpaced'), null)).topic.id;
    const setQuotas = 'UPDATE conduit.tenants SET quotas = $2 WHERE name = $1';
    await app.query(`INSERT INTO conduit.role_tenants (role, tenant, names_tenants)
    VALUES (session_user, 'default', true)`);
    await app.query(setQuotas, [TENANT, { messages_per_s: 100, bytes_per_s: 1_000 }]);
    await app.query('BEGIN');
    for (let n = 0; n < 100; n++) {
      await publish(app, 'paced.a', `${n}`);
      await publish(app, 'paced.b', `${n}`);
    }
    await app.query(`SELECT conduit.publish('unpaced', '1', tenant => $1)`, [OTHER.tenant]);
    const count = async (): Promise<number> => (await Promise.all(paced.map(bodies))).flat().length;
    const since = performance.now();
    await app.query('COMMIT');
    await eventually(async () => (await bodies(other)).length === 1);
    t.ok((await count()) < 200, 'another tenant does not wait for it');
    await eventually(async () => (await count()) === 200);
    // Half a second of it was there at the beginning.
    t.ok(performance.now() - since > 1_300, 'its messages take as long as the quota says');
    for (const id of paced) {
      t.same(
        await bodies(id),
        Array.from({ length: 100 }, (_, n) => `${n}`),
      );
    }
    const long = JSON.stringify('x'.repeat(498));
    const from = performance.now();
    for (let n = 0; n < 5; n++) await publish(app, 'paced.a', long);
    await eventually(async () => (await count()) === 205);
    // Of 2,500 bytes a second's worth may be there (half of it leased, half saved up), and the last message
    // goes while there is any left.
    t.ok(performance.now() - from > 900, 'and so do its bytes');
    await app.query(setQuotas, [TENANT, {}]);
    await app.query('BEGIN');
    for (let n = 0; n < 500; n++) await publish(app, 'paced.b', '1');
    await app.query('COMMIT');
    await eventually(async () => (await count()) === 705);
    t.same(trouble, []);
  },
);

t.test('a log that the worker does not stand on is not appended to, nor cleaned up', async (t) => {
  const [topicId, before] = [await newTopic('restored'), drops];
  standsOn = '0'.repeat(20);
  await app.query(`SELECT conduit.publish('restored', '1')`);
  await eventually(() => drops > before);
  t.same(await bodies(topicId), []);
  standsOn = incarnation;
  await eventually(async () => (await bodies(topicId)).length === 1);
  await app.query(`SELECT conduit.publish('restored', '2', deliver_at => 'tomorrow')`);
  t.equal(await dropBatch(app, topicId), 0, 'a topic of the id that was gone may be there');
});
