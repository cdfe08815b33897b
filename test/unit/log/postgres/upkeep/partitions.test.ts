// Goal: leaves are made ahead once by any number of nodes and dropped when wholly past retention,
// without waiting for readers or losing what is to be kept; retention moves first_sequence.

import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../../src/core/limits.js';
import { MessageStore } from '../../../../../src/log/postgres/store/message-store.js';
import { TopicStore } from '../../../../../src/log/postgres/store/topic-store.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { expiredKeys } from '../../../../../src/log/postgres/upkeep/old-rows.js';
import { dropOldLeaves, makeLeaves } from '../../../../../src/log/postgres/upkeep/partitions.js';
import { applyRetention } from '../../../../../src/log/postgres/upkeep/retention.js';
import { Upkeep } from '../../../../../src/log/postgres/upkeep/upkeep.js';
import { rangeOf } from '../../../../contract/message-log.js';
import { keyOf } from '../../../../support/tenants/tenants.js';

const server = await startPostgres();
await migrate(server.url);
const pool = new pg.Pool({ connectionString: server.url, max: 8 });
// The server's end may overtake that of idle connections.
pool.on('error', () => undefined);
const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
const messages = new MessageStore(pool);

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  return client;
}

const session = await connect();
t.teardown(async () => {
  await Promise.all([session.end(), pool.end()]);
  await server.stop();
});

async function leaves(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits
     WHERE inhparent = 'conduit.messages'::regclass ORDER BY 1`,
  );
  return rows.map((row) => row.name);
}

/** A topic with `count` messages of 100 bytes: half of them `daysAgo`, the rest now. */
async function filled(name: string, count: number, daysAgo: number): Promise<number> {
  const { topic } = await topics.create(keyOf(name), null);
  await pool.query(`SELECT conduit.make_leaf((now() AT TIME ZONE 'UTC')::date - $1::int)`, [
    daysAgo,
  ]);
  await pool.query(
    `INSERT INTO conduit.messages
     SELECT $1::bigint, n, gen_random_uuid(), now() - CASE WHEN n <= $2::int / 2
       THEN $3::int * interval '1 day' ELSE interval '0' END, NULL, NULL, NULL, 0,
       decode(repeat('61', 100), 'hex') FROM generate_series(1, $2::int) n`,
    [topic.id, count, daysAgo],
  );
  await pool.query(
    `UPDATE conduit.topics SET base_sequence = $2::int, base_bytes = $2::int * 100,
       base_published_at = now() WHERE id = $1`,
    [topic.id, count],
  );
  return topic.id;
}

async function firstOf(topicId: number): Promise<{ first: number; bytes: number }> {
  const head = (await topics.heads([topicId])).get(topicId);
  return { first: head?.firstSequence ?? -1, bytes: head?.bytes ?? -1 };
}

t.test('leaves that are missing are made by one of many', async (t) => {
  const there = await leaves();
  t.equal(there.length, 5);
  t.same(await makeLeaves(session), []);
  const newest = there.at(-1);
  await pool.query(`ALTER TABLE conduit.messages DETACH PARTITION ${newest}`);
  await pool.query(`DROP TABLE ${newest}`);
  const sessions = await Promise.all(Array.from({ length: 6 }, () => connect()));
  const made = await Promise.all(sessions.map((each) => makeLeaves(each)));
  t.equal(made.flat().length, 1);
  t.same(await leaves(), there);
  await Promise.all(sessions.map((each) => each.end()));
});

t.test('an old leaf goes, beside a copy in progress and a reader who comes back', async (t) => {
  const id = await filled('drop.a', 10, 9);
  t.same(await dropOldLeaves(session, 24 * 30), { dropped: [], waiting: [] });
  const writer = await connect();
  await writer.query('BEGIN');
  await writer.query(
    `INSERT INTO conduit.messages VALUES ($1, 1000, gen_random_uuid(), now(), NULL, NULL, NULL, 0,
     'x')`,
    [id],
  );
  const reader = await connect();
  await reader.query("SET lock_timeout = '100ms'");
  let under = 'way';
  const beside = dropOldLeaves(session, 168).finally(() => {
    under = 'done';
  });
  let reads = 0;
  for (; under === 'way'; reads++) {
    const page = await new MessageStore(reader).read(rangeOf(id, { fromSequence: 6 }));
    t.equal(page.rows.length, 5, 'nobody queues behind the attempt');
    await reader.query(
      `INSERT INTO conduit.messages VALUES (0, $1, gen_random_uuid(), now(), NULL, NULL, NULL, 0,
       'x')`,
      [reads],
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { waiting } = await beside;
  t.equal(waiting.length, 1, 'it waits for the copy');
  await writer.query('ROLLBACK');
  t.same(await dropOldLeaves(session, 168), { dropped: waiting, waiting: [] });
  t.equal((await leaves()).length, 5);
  t.same(await firstOf(id), { first: 6, bytes: 500 });
  const { rows } = await messages.read(rangeOf(id));
  t.same([rows[0]?.sequence, rows.at(-1)?.sequence], [6, 10]);
  t.same(await dropOldLeaves(session, 168), { dropped: [], waiting: [] });
  await Promise.all([writer.end(), reader.end()]);
});

t.test('retention moves the first sequence by hours, messages and bytes', async (t) => {
  const byHours = await filled('keep.hours', 10, 2);
  const byMessages = await filled('keep.messages', 10, 2);
  const byBytes = await filled('keep.bytes', 10, 2);
  const byNode = await filled('keep.node', 10, 5);
  const all = await filled('keep.all', 10, 2);
  const none = { hours: null, messages: null, bytes: null };
  await topics.patch(keyOf('keep.hours'), { ...none, hours: 24 });
  await topics.patch(keyOf('keep.messages'), { ...none, messages: 3 });
  await topics.patch(keyOf('keep.bytes'), { ...none, bytes: 450 });
  t.equal(await applyRetention(session, 100), 4);
  t.same(await firstOf(byHours), { first: 6, bytes: 500 });
  t.same(await firstOf(byMessages), { first: 8, bytes: 300 });
  t.same(await firstOf(byBytes), { first: 7, bytes: 400 });
  t.same(await firstOf(byNode), { first: 6, bytes: 500 });
  t.same(await firstOf(all), { first: 1, bytes: 1_000 });
  t.equal(await applyRetention(session, 100), 0, 'once is enough');
  const page = await messages.read(rangeOf(byMessages));
  t.equal(page.firstSequence, 8);
  t.same(
    page.rows.map((row) => row.sequence),
    [8, 9, 10],
  );
});

t.test('bytes are kept in one turn, however many rows must go', async (t) => {
  const none = { hours: null, messages: null, bytes: null };
  // Of 30,000 rows of 10 bytes the first so many are of before appends said what they had.
  for (const silent of [0, 1, 5_000]) {
    const { topic } = await topics.create(keyOf(`many.${silent}`), { ...none, bytes: 1_005 });
    await pool.query(
      `INSERT INTO conduit.messages
       SELECT $1::bigint, n, gen_random_uuid(), now(), NULL, NULL, NULL, 0, '0123456789',
         CASE WHEN n > $2::int AND (n % 7 = 0 OR n = 30000) THEN n * 10 END
       FROM generate_series(1, 30000) n`,
      [topic.id, silent],
    );
    await pool.query(
      'UPDATE conduit.topics SET base_sequence = 30000, base_bytes = 300000 WHERE id = $1',
      [topic.id],
    );
    t.equal(await applyRetention(session, 100), 1);
    t.same(await firstOf(topic.id), { first: 29_901, bytes: 1_000 }, `${silent} say nothing`);
    // To where an append ends, and to within the first that says something.
    for (const [bytes, kept] of [
      [960, 96],
      [950, 95],
      [949, 94],
      [3, 0],
    ] as const) {
      await topics.patch(keyOf(`many.${silent}`), { ...none, bytes });
      await applyRetention(session, 100);
      t.same(await firstOf(topic.id), { first: 30_001 - kept, bytes: kept * 10 }, String(bytes));
    }
  }
});

t.test('a topic whose row is held is left to the next turn', async (t) => {
  const id = await filled('keep.held', 10, 2);
  await topics.patch(keyOf('keep.held'), { hours: 24, messages: null, bytes: null });
  const holder = await connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM conduit.topics WHERE id = $1 FOR NO KEY UPDATE', [id]);
  t.equal(await applyRetention(session, 100), 0);
  await holder.query('COMMIT');
  t.equal(await applyRetention(session, 100), 1);
  await holder.end();
});

t.test('expired dedupe keys go, others stay', async (t) => {
  await pool.query(
    `INSERT INTO conduit.publish_dedupe SELECT 1, 'k' || n, 'f', n, gen_random_uuid(), now(),
     now() + CASE WHEN n <= 25000 THEN -1 ELSE 1 END * interval '1 hour'
     FROM generate_series(1, 25010) n`,
  );
  t.equal(await expiredKeys(systemClock).purge(session), 25_000);
  const { rows } = await pool.query('SELECT count(*)::int AS left FROM conduit.publish_dedupe');
  t.same(rows, [{ left: 10 }]);
});

t.test('of workers that ask in the same minute one does the work', async (t) => {
  await pool.query("UPDATE conduit.upkeep SET ran_at = '-infinity'");
  const id = await filled('keep.turn', 10, 2);
  await topics.patch(keyOf('keep.turn'), { hours: 24, messages: null, bytes: null });
  const trouble: unknown[] = [];
  const workers = Array.from(
    { length: 3 },
    () =>
      new Upkeep({
        connect,
        clock: systemClock,
        limits: { ...DEFAULT_LIMITS, retentionHours: 24 * 60 },
        db: pool,
        keepsUp: () => true,
        onSnapshot: null,
        onTrouble: (error) => trouble.push(error),
      }),
  );
  await Promise.all(workers.map((worker) => worker.start()));
  await Promise.all(workers.map((worker) => worker.turn()));
  t.same(await firstOf(id), { first: 6, bytes: 500 });
  await topics.patch(keyOf('keep.turn'), { hours: null, messages: 1, bytes: null });
  await Promise.all(workers.map((worker) => worker.turn()));
  t.same(await firstOf(id), { first: 6, bytes: 500 }, 'not twice a minute');
  // As a minute after midnight: heads of the day that is over are written down, leaves are for later.
  await pool.query(`UPDATE conduit.topics
    SET leaf_day = (clock_timestamp() AT TIME ZONE 'UTC')::date - 1 WHERE id = ${id}`);
  await pool.query("UPDATE conduit.upkeep SET ran_at = '-infinity' WHERE task = 'retention'");
  await Promise.all(workers.map((worker) => worker.turn()));
  t.same((await pool.query(`SELECT leaf_day FROM conduit.topics WHERE id = ${id}`)).rows, [
    { leaf_day: null },
  ]);
  await Promise.all(workers.map((worker) => worker.stop()));
  t.same(trouble, []);
});

t.test('a stop while a turn connects lets it do nothing', async (t) => {
  await pool.query("UPDATE conduit.upkeep SET ran_at = '-infinity'");
  let connected: () => void = () => undefined;
  const later = new Promise<void>((resolve) => {
    connected = resolve;
  });
  let ended = 0;
  const upkeep = new Upkeep({
    connect: async () => {
      const client = await connect();
      client.once('end', () => ended++);
      await later;
      return client;
    },
    clock: systemClock,
    limits: { ...DEFAULT_LIMITS, retentionHours: 24 * 60 },
    db: pool,
    keepsUp: () => true,
    onSnapshot: null,
    onTrouble: (error) => t.fail(String(error)),
  });
  const turn = upkeep.turn();
  await upkeep.stop();
  connected();
  await turn;
  t.equal(ended, 1);
  const { rows } = await pool.query("SELECT task FROM conduit.upkeep WHERE ran_at > '-infinity'");
  t.same(rows, []);
});
