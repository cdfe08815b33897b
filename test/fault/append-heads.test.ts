// Goal: an append makes no new version of its topic's row but once per day; the next sequence, the bytes and
// the time are right all the same at midnight, with the clock set back over it, after rest, after retention
// has dropped the day, and beside whoever locks an old day. Method: a real log; days pass by SQL, which moves
// what a topic has.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import type { Test } from 'tap';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { BY_INDEX_SQL } from '../../src/log/postgres/append/append-session.js';
import { MessageStore } from '../../src/log/postgres/store/message-store.js';
import { SQL_FOLDER } from '../../src/log/postgres/upkeep/migration-files.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { dropOldLeaves } from '../../src/log/postgres/upkeep/partitions.js';
import { applyRetention } from '../../src/log/postgres/upkeep/retention.js';
import { settlePastDays } from '../../src/log/postgres/upkeep/settled-heads.js';
import { rangeOf } from '../contract/message-log.js';
import { TestAppend } from '../contract/recording-sink.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';
import { TENANT } from '../support/tenants/tenants.js';

const BODY = Buffer.from('{"a":"ü"}');
const WEEK_HOURS = 168;

const server = await startPostgres();
await migrate(server.url);
const { log, sink } = await openPostgresLog(server.url, 'heads');
const admin = await connect();
t.teardown(async () => {
  await admin.end();
  await log.close();
  await server.stop();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  return client;
}

/** The ways into the log: each appends two messages to each topic, and resolves when they are there. */
const WAYS: Record<string, (topicIds: readonly number[]) => Promise<void>> = {
  alone: async (topicIds) => {
    for (const id of [...topicIds, ...topicIds]) await append([id]);
  },
  'in a batch': async (topicIds) => append([...topicIds, ...topicIds]),
  'with dedupe keys': async (topicIds) => append([...topicIds, ...topicIds], 'keyed'),
  'from the outbox': async (topicIds) => {
    const releasedOf = (id: number): number => sink.releases.get(id)?.length ?? 0;
    const before = new Map(topicIds.map((id) => [id, releasedOf(id)]));
    for (const topicId of [...topicIds, ...topicIds]) {
      const { publication } = new TestAppend(topicId, { payload: BODY });
      await log.defer({ tenant: TENANT, topicId, publication, delayMs: 1, deliverAtMs: 0 });
    }
    const isOut = (id: number): boolean => releasedOf(id) === (before.get(id) ?? 0) + 2;
    await eventually(() => topicIds.every(isOut));
  },
};

let keys = 0;

async function append(topicIds: readonly number[], keyed = ''): Promise<void> {
  const appends = topicIds.map((id) => {
    const dedupeKey = keyed === '' ? null : `${keyed}${keys++}`;
    return new TestAppend(id, { payload: BODY, key: 'kü', headers: '{"h":"ü"}', dedupeKey });
  });
  for (const one of appends) log.append(one);
  log.flush();
  await eventually(() => appends.every(({ outcome }) => outcome !== null));
  for (const { outcome } of appends) {
    if (outcome?.kind !== 'committed') throw new Error(JSON.stringify(outcome));
  }
}

/** As if so many days had passed since, or the clock had been set back by them when they are negative. */
async function age(topicIds: readonly number[], days: number): Promise<void> {
  const values = [topicIds, days];
  await admin.query(
    "SELECT conduit.make_leaf((clock_timestamp() AT TIME ZONE 'UTC')::date - $1::int)",
    [days],
  );
  await admin.query(
    `UPDATE conduit.messages SET published_at = published_at - $2::int * interval '1 day'
     WHERE topic_id = ANY($1::bigint[])`,
    values,
  );
  await admin.query(
    `UPDATE conduit.topics SET leaf_day = leaf_day - $2::int,
       base_published_at = base_published_at - $2::int * interval '1 day'
     WHERE id = ANY($1::bigint[])`,
    values,
  );
}

/** What the log says of a topic is what its rows say; how many there are. */
async function judge(t: Test, topicIds: readonly number[], expected: number): Promise<void> {
  const heads = await log.heads(topicIds);
  for (const id of topicIds) {
    const { rows } = await admin.query<{ sequence: string; ms: string; bytes: number }>(
      `SELECT sequence, round(extract(epoch FROM published_at) * 1000)::bigint AS ms,
         octet_length(payload) + coalesce(octet_length(key), 0) + coalesce(octet_length(headers), 0)
           AS bytes
       FROM conduit.messages WHERE topic_id = $1 ORDER BY published_at, sequence`,
      [id],
    );
    t.same(
      rows.map(({ sequence }) => Number(sequence)),
      Array.from({ length: expected }, (_, n) => n + 1),
      'each once, and their times in the same order',
    );
    t.match(heads.get(id), {
      lastSequence: expected,
      bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
      lastPublishedAtMs: Number(rows.at(-1)?.ms),
    });
    t.same(await boundsOf(id), { first_sequence: '1', last_sequence: String(expected) });
  }
}

/** As a page begins with. */
async function boundsOf(id: number): Promise<unknown> {
  return (await admin.query('SELECT * FROM conduit.read_head($1::bigint)', [id])).rows[0];
}

t.test('what an append and a page look at does not grow with topics and days', async (t) => {
  const early = await connect();
  const topicsLookedAt = async (call: string): Promise<number> => {
    await early.query(`BEGIN; SELECT conduit.${call}`);
    const { rows } = await early.query<{ rows: string }>(
      `SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables
       WHERE relid = 'conduit.topics'::regclass`,
    );
    await early.query('ROLLBACK');
    return Number(rows[0]?.rows);
  };
  // As an append session that was opened when there were few: its plans stay.
  await early.query(BY_INDEX_SQL);
  const calls = ['lock_head(1)', "lock_heads('{1}')"];
  for (const call of calls) await topicsLookedAt(call);
  await admin.query(`INSERT INTO conduit.topics (tenant_id, name)
    SELECT 1, 'many.' || n FROM generate_series(1, 3000) AS n`);
  for (const call of calls) t.ok((await topicsLookedAt(call)) < 20, `${call}: the first of a day`);
  await admin.query("DELETE FROM conduit.topics WHERE name LIKE 'many.%'");

  const [id = 0] = await makeTopics(log, 'page', 1);
  await append([id]);
  await age([id], 3);
  await append([id]);
  await early.query('BEGIN');
  const page = await new MessageStore(early).read(rangeOf(id));
  t.equal(page.lastSequence, 2);
  t.equal(page.rows.length, 2);
  const { rows } = await early.query(`SELECT sum(idx_scan)::int AS looks,
      min(idx_scan)::int AS each, max(idx_scan)::int AS newest
    FROM pg_stat_xact_user_tables WHERE relname ~ '^messages_[0-9]{8}$'`);
  const leaves = await leafCount();
  const seen = { looks: leaves + 1, each: 1, newest: 2 };
  t.same(rows, [seen], 'each for its rows, and that of the last day for the head');
  await early.query('ROLLBACK');
  await early.end();
});

async function leafCount(): Promise<number> {
  const { rows } = await admin.query(`SELECT count(*)::int AS leaves FROM pg_inherits
    WHERE inhparent = 'conduit.messages'::regclass`);
  return rows[0].leaves;
}

t.test('the bounds of a page are of the snapshot of whoever asks', async (t) => {
  const [id = 0, gone = 0] = await makeTopics(log, 'bounds', 2);
  await append([id, id, gone]);
  await admin.query(`UPDATE conduit.topics SET deleted_at = now() WHERE id = ${gone}`);
  t.same(await boundsOf(gone), undefined, 'of a topic that is gone there are none');
  const locks = `SELECT topic_id::int AS id FROM conduit.lock_heads('{${id},${gone}}')`;
  t.same((await admin.query(locks)).rows, [{ id }], 'and nothing is appended to it');
  const reader = await connect();
  // Its snapshot is of now; the function runs when the row is fetched.
  const asked = `SELECT last_sequence FROM unnest(ARRAY[${id}::bigint]) AS id,
    conduit.read_head(id)`;
  await reader.query(`BEGIN; DECLARE page CURSOR FOR ${asked}`);
  await append([id]);
  t.same((await reader.query('FETCH page')).rows, [{ last_sequence: '2' }]);
  await reader.end();
  t.match(await boundsOf(id), { last_sequence: '3' });
});

t.test('where its day has no row of a topic, its head is what was written down', async (t) => {
  const [kept = 0, passed = 0] = await makeTopics(log, 'rowless', 2);
  await admin.query(`UPDATE conduit.topics SET leaf_day = (now() AT TIME ZONE 'UTC')::date,
    base_sequence = 9, first_sequence = CASE WHEN id = ${passed} THEN 12 ELSE 3 END
    WHERE id IN (${kept}, ${passed})`);
  t.same(await boundsOf(kept), { first_sequence: '3', last_sequence: '9' });
  t.same(await boundsOf(passed), { first_sequence: '12', last_sequence: '11' });
});

for (const [way, write] of Object.entries(WAYS)) {
  t.test(`${way}: the head lies in the leaf of the topic's last day`, async (t) => {
    const days = [0, 1, 9, -1, -2];
    const topics: number[] = [];
    for (const [n, day] of days.entries()) {
      const topicIds = await makeTopics(log, `${way.replaceAll(' ', '-')}.${n}`, 2);
      await write(topicIds);
      await age(topicIds, day);
      topics.push(...topicIds);
    }
    await judge(t, topics, 2);
    // All of them at once, of five different days.
    await write(topics);
    await judge(t, topics, 4);
    await write(topics);
    await judge(t, topics, 6);
    t.equal(await settlePastDays(admin), 0);
    await judge(t, topics, 6);
    await write(topics);
    await judge(t, topics, 8);
  });
}

t.test('while somebody holds a snapshot no append makes a version of a row', async (t) => {
  const topicIds = await makeTopics(log, 'snapshot', 3);
  interface Place {
    ctid: string;
    xmin: string;
    leaf_day: string;
  }
  const places = async (): Promise<Place[]> => {
    const sql = `SELECT ctid, xmin, leaf_day::text FROM conduit.topics
      WHERE id = ANY($1::bigint[]) ORDER BY id`;
    return (await admin.query<Place>(sql, [topicIds])).rows;
  };
  for (const write of Object.values(WAYS)) await write(topicIds);
  const holder = await connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM conduit.topics');
  const before = await places();
  for (let turn = 0; turn < 100; turn++) await append(topicIds.flatMap((id) => Array(20).fill(id)));
  for (const write of Object.values(WAYS)) await write(topicIds);
  // Another day makes another version: of a topic whose day has changed meanwhile this says nothing.
  for (const [n, place] of (await places()).entries()) {
    if (place.leaf_day === before[n]?.leaf_day) t.same(place, before[n]);
  }
  await judge(t, topicIds, 2_016);
  await holder.query('COMMIT');
  await holder.end();
});

t.test('a topic whose days are all gone goes on behind its last message', async (t) => {
  const [plain = 0, alone = 0, unsettled = 0] = await makeTopics(log, 'gone', 3);
  const topicIds = [plain, alone, unsettled];
  await append(topicIds.flatMap((id) => [id, id, id]));
  await age(topicIds, 9);
  const lastMs = (await log.heads([plain])).get(plain)?.lastPublishedAtMs;
  t.equal((await dropOldLeaves(admin, WEEK_HOURS)).dropped.length, 1);
  const heads = await log.heads(topicIds);
  for (const id of topicIds) {
    const gone = { lastSequence: 3, firstSequence: 4, bytes: 0, lastPublishedAtMs: lastMs };
    t.match(heads.get(id), gone);
  }
  await append([alone]);
  await append([plain, unsettled, unsettled]);
  const after = await log.heads(topicIds);
  const bytes = BODY.length + 3 + 10;
  t.match(after.get(alone), { lastSequence: 4, firstSequence: 4, bytes });
  t.match(after.get(plain), { lastSequence: 4, firstSequence: 4, bytes });
  t.match(after.get(unsettled), { lastSequence: 5, firstSequence: 4, bytes: bytes * 2 });
});

t.test('a day that is over may be locked, or dropped by hand, and no append minds', async (t) => {
  const [locked = 0, dropped = 0] = await makeTopics(log, 'rests', 2);
  await append([locked, locked, dropped, dropped]);
  await age([locked], 7);
  await age([dropped], 6);
  t.equal(await settlePastDays(admin), 0);
  const leafOf = async (days: number): Promise<string> => {
    const day = `to_char(clock_timestamp() AT TIME ZONE 'UTC' - $1::int * interval '1 day', 'YYYYMMDD')`;
    const { rows } = await admin.query(`SELECT 'conduit.messages_' || ${day} AS leaf`, [days]);
    return rows[0].leaf;
  };
  const holder = await connect();
  await holder.query(`BEGIN; LOCK TABLE ${await leafOf(7)} IN ACCESS EXCLUSIVE MODE`);
  await append([locked]);
  t.match((await log.heads([locked])).get(locked), { lastSequence: 3 });
  await holder.query('ROLLBACK');
  await holder.end();
  await admin.query(`DROP TABLE ${await leafOf(6)}`);
  t.match((await log.heads([dropped])).get(dropped), { lastSequence: 2 });
  await append([dropped]);
  t.match((await log.heads([dropped])).get(dropped), { lastSequence: 3 });
});

/** What the log's own sessions begin an append with: of one topic, and of many. */
for (const heads of ['lock_head($1::bigint)', 'lock_heads(ARRAY[$1::bigint])']) {
  t.test(`eight sessions that append as fast as they can by ${heads}`, async (t) => {
    const [id = 0] = await makeTopics(log, heads.startsWith('lock_heads') ? 'many' : 'one', 1);
    const statement = {
      name: 'append',
      text: `INSERT INTO conduit.messages
          (topic_id, sequence, message_id, published_at, content_type, payload, bytes_to)
        SELECT topic_id, head + 1, gen_random_uuid(), published_at, 0, '1', bytes_to + 1
        FROM conduit.${heads}`,
      values: [id],
    };
    const end = performance.now() + 2_000;
    const sessions = Array.from({ length: 8 }, async () => {
      const session = await connect();
      // Nobody is told anything here: the more commits the better.
      await session.query('SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan');
      let rows = 0;
      while (performance.now() < end) rows += (await session.query(statement)).rowCount ?? 0;
      await session.end();
      return rows;
    });
    const rows = (await Promise.all(sessions)).reduce((sum, some) => sum + some, 0);
    t.comment(`${rows} rows`);
    t.match((await log.heads([id])).get(id), { lastSequence: rows, bytes: rows });
  });
}

t.test(
  'rows that are erased as docs/restoring.md has it leave their numbers to nobody',
  async (t) => {
    const document = readFileSync(path.join(SQL_FOLDER, '../docs/restoring.md'), 'utf8');
    const [, recipe = ''] = document.match(/```sql\n(BEGIN;\nLOCK[^`]*)```/) ?? [];
    const topicIds = await makeTopics(log, 'erased', 2);
    const [alone = 0] = topicIds;
    await append([...topicIds, ...topicIds, ...topicIds]);
    const { rowCount } = await admin.query(
      "UPDATE conduit.messages SET key = 'customer-17' WHERE topic_id = ANY($1) AND sequence > 1",
      [topicIds],
    );
    t.equal(rowCount, 4);
    await admin.query(recipe);
    const left = 'SELECT FROM conduit.messages WHERE topic_id = ANY($1)';
    t.equal((await admin.query(left, [topicIds])).rowCount, 2);
    await append([alone]);
    await append(topicIds);
    const heads = await log.heads(topicIds);
    t.same(
      topicIds.map((id) => heads.get(id)?.lastSequence),
      [5, 4],
    );
  },
);

t.test('a topic whose row is held is not settled, and its day stays', async (t) => {
  const [id = 0] = await makeTopics(log, 'held', 1);
  await append([id, id]);
  await age([id], 10);
  const holder = await connect();
  // Once before retention has passed its messages, and once after.
  for (const hours of [8_760, 24]) {
    await applyRetention(admin, hours);
    await holder.query(`BEGIN; SELECT FROM conduit.topics WHERE id = ${id} FOR NO KEY UPDATE`);
    t.same((await dropOldLeaves(admin, WEEK_HOURS)).dropped, []);
    await holder.query('ROLLBACK');
  }
  await holder.end();
  t.equal((await dropOldLeaves(admin, WEEK_HOURS)).dropped.length, 1);
  t.match((await log.heads([id])).get(id), { lastSequence: 2, firstSequence: 3, bytes: 0 });
});
