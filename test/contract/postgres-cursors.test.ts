// Goal: cursors in PostgreSQL go forward whoever saves and takes at the same time; what a save, a take or a
// look costs does not grow while somebody holds a snapshot; cursors of before the table of their own are the
// same after it, and nodes of before can store none.

import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import type { SubscriptionRecord } from '../../src/core/subscription-record.js';
import type { SessionPool } from '../../src/log/postgres/session/lent-session.js';
import { PostgresSubscriptions } from '../../src/log/postgres/store/postgres-subscriptions.js';
import { TopicStore } from '../../src/log/postgres/store/topic-store.js';
import { SQL_FOLDER } from '../../src/log/postgres/upkeep/migration-files.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { MeasuredPool } from '../support/log/measured-pool.js';
import { keyOf } from '../support/tenants/tenants.js';
import { failed, SETTINGS, saveOf } from './subscription-store.js';

// Thousands of saves: what is on disk is not what is asked here.
const server = await startPostgres({ synchronous_commit: 'off' });
await migrate(server.url);
t.teardown(() => server.stop());
const client = new pg.Client({ connectionString: server.url });
await client.connect();
t.teardown(() => client.end());
const pool = new MeasuredPool(poolOf(t, server.url));
const store = new PostgresSubscriptions(pool, () => undefined);
let made = 0;

function poolOf(t: Test, connectionString: string): pg.Pool {
  const one = new pg.Pool({ connectionString, max: 3, options: '-c search_path=pg_catalog' });
  t.teardown(() => one.end());
  return one;
}

async function newTopicId(): Promise<number> {
  const topics = new TopicStore({ db: pool, limits: DEFAULT_LIMITS });
  return (await topics.create(keyOf(`cursors.${++made}`), null)).topic.id;
}

async function taken(topicId: number, name = 'sub'): Promise<SubscriptionRecord> {
  return (await store.take(topicId, name, { settings: SETTINGS, cursor: 0 })).record;
}

/** As another session that stores a save, up to its commit. */
async function moveCursor(id: number, ackFloor: number): Promise<void> {
  await client.query('BEGIN');
  await client.query('SELECT FROM conduit.subscriptions WHERE id = $1 FOR NO KEY UPDATE', [id]);
  const sql = 'UPDATE conduit.cursors SET saves = saves + 1, ack_floor = $2';
  await client.query(`${sql} WHERE subscription_id = $1`, [id, ackFloor]);
}

async function someoneWaits(): Promise<void> {
  const waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted';
  await eventually(async () => (await client.query(waiting)).rowCount === 1);
}

t.test('a take that waits for a save has all of it', async (t) => {
  const topicId = await newTopicId();
  const { id } = await taken(topicId);
  await moveCursor(id, 2);
  const take = store.take(topicId, 'sub', { settings: SETTINGS, cursor: 0 });
  await someoneWaits();
  const row =
    'INSERT INTO conduit.deliveries VALUES ($1, 3, 1, clock_timestamp(), NULL, NULL, false)';
  await client.query(row, [id]);
  await client.query('COMMIT');
  t.match(await take, { record: { ackFloor: 2 }, deliveries: [{ sequence: 3 }] });
});

t.test('a save that waits for one that has lost its session comes after it', async (t) => {
  const topicId = await newTopicId();
  const [record, other] = [await taken(topicId), await taken(topicId, 'other')];
  const more = { deliveries: [failed(5)] };
  for (const [floor, rest] of [[2, {}] as const, [4, more] as const]) {
    await moveCursor(record.id, floor);
    const saves = [saveOf(other, { ackFloor: floor }), saveOf(record, { ackFloor: floor + 1 })];
    const save = store.save(saves.map((one) => ({ ...one, ...rest })));
    await someoneWaits();
    await client.query('COMMIT');
    t.same(await save, []);
    t.match(await store.find(topicId, 'sub'), { ackFloor: floor + 1 });
    t.match(await store.find(topicId, 'other'), { ackFloor: floor });
  }
});

t.test('a save that waits for another take stores nothing', async (t) => {
  const topicId = await newTopicId();
  for (const more of [{}, { deliveries: [failed(4)] }]) {
    const record = await taken(topicId);
    await client.query('BEGIN');
    const term = 'UPDATE conduit.subscriptions SET term = term + 1 WHERE id = $1';
    await client.query(term, [record.id]);
    const settings = { ...SETTINGS, maxDeliver: 77 };
    const save = store.save([saveOf(record, { ackFloor: 3, settings, ...more })]);
    await someoneWaits();
    await client.query('COMMIT');
    t.same(await save, [record.id]);
    t.match(await store.find(topicId, 'sub'), { ackFloor: 0, settings: SETTINGS });
  }
});

t.test('one that is deleted while it is taken is made anew', async (t) => {
  const topicId = await newTopicId();
  await taken(topicId);
  let statements = 0;
  const racing: SessionPool = {
    connect: () => pool.connect(),
    query: async (statement, values) => {
      // After its term was taken, and before its cursor is read.
      if (++statements === 2) await store.delete(topicId, 'sub');
      return pool.query(statement, values);
    },
  };
  const late = new PostgresSubscriptions(racing, () => undefined);
  const take = late.take(topicId, 'sub', { settings: SETTINGS, cursor: 7 });
  t.match(await take, { record: { term: 1, ackFloor: 7, delivered: 7 }, deliveries: [] });
});

t.test('settings that are as they were write nothing beside the cursor', async (t) => {
  const topicId = await newTopicId();
  const record = await taken(topicId);
  const version = async (): Promise<unknown> =>
    (await client.query('SELECT ctid FROM conduit.subscriptions WHERE id = $1', [record.id])).rows;
  const before = await version();
  for (const ackFloor of [1, 2, 3]) await store.save([saveOf(record, { ackFloor })]);
  t.same(await version(), before);
  const settings = { ...SETTINGS, maxDeliver: 9 };
  for (const changed of [{ settings }, { settings, paused: true }]) {
    await store.save([saveOf(record, { ackFloor: 4, ...changed })]);
    t.match(await store.find(topicId, 'sub'), { ackFloor: 4, ...changed });
  }
});

t.test('a held snapshot makes neither saves nor looks dearer', async (t) => {
  const topicId = await newTopicId();
  const record = await taken(topicId);
  let floor = 0;
  const save = (more = {}): Promise<number[]> =>
    store.save([saveOf(record, { ackFloor: ++floor, delivered: floor + 9, ...more })]);
  const page = { after: null, limit: 10 };
  const looks: Record<string, () => Promise<unknown>> = {
    save,
    find: () => store.find(topicId, 'sub'),
    list: () => store.list(keyOf(`cursors.${made}`), page),
    trace: () => store.traceOf(topicId, 1),
    lost: () => store.lost([record]),
  };
  const costs = async (): Promise<Record<string, number>> => {
    const pages: Record<string, number> = {};
    for (const [name, look] of Object.entries(looks)) pages[name] = await pool.pagesOf(look);
    return pages;
  };
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.topics');
  for (let n = 0; n < 200; n++) await save();
  const before = await costs();
  for (let n = 0; n < 2_000; n++) await save({ settled: [[floor + 3, floor + 4 + (n % 5)]] });
  const after = await costs();
  await client.query('COMMIT');
  t.match(await store.find(topicId, 'sub'), { ackFloor: floor, delivered: floor + 9 });
  const last = 'SELECT saves::int, number::int FROM conduit.cursors WHERE subscription_id = $1';
  const { rows } = await client.query<{ saves: number; number: number }>(last, [record.id]);
  t.same(
    rows,
    [{ saves: floor, number: Math.floor(floor / 32) }],
    'few versions are of one number',
  );
  for (const [name, pages] of Object.entries(after)) {
    // The index may have become a page deeper.
    t.ok(pages <= (before[name] ?? 0) + 8, `${name}: ${before[name]} pages before, ${pages} after`);
  }
});

/** A database of the version before cursors had a table, and a session on it. */
async function oldDatabase(t: Test, name: string): Promise<{ url: string; old: pg.Client }> {
  await client.query(`CREATE DATABASE ${name}`);
  const url = server.url.replace(/\/postgres$/, `/${name}`);
  const folder = await mkdtemp(path.join(tmpdir(), 'conduit-sql-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const file of await readdir(SQL_FOLDER)) {
    if (file < CURSORS_FILE) await cp(path.join(SQL_FOLDER, file), path.join(folder, file));
  }
  await migrate(url, { folder });
  const old = new pg.Client({ connectionString: url });
  await old.connect();
  t.teardown(() => old.end());
  return { url, old };
}

const CURSORS_FILE = '0016_held_snapshots.sql';

/** As the version before has it. */
const OLD_SAVE = `WITH log AS MATERIALIZED (
    SELECT $10::text IS NULL OR $10 = conduit.incarnation() AS is_same),
  new AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[],
      $6::bigint[], $7::int[], $8::text[], $9::boolean[], $11::bigint[], $12::bigint[])
      AS n (id, term, ack_floor, settled, delivered, ack_wait_ms, max_deliver, ordering, paused,
        topic_id, created_ms)),
  locked AS MATERIALIZED (
    SELECT s.id FROM conduit.subscriptions s JOIN new n ON n.id = s.id AND n.term = s.term
      AND s.topic_id = n.topic_id
      AND floor(extract(epoch FROM s.created_at) * 1000) = n.created_ms
      AND (SELECT is_same FROM log)
    JOIN conduit.topics t ON t.id = s.topic_id AND t.deleted_at IS NULL
    ORDER BY s.id FOR NO KEY UPDATE OF s),
  stored AS (
    UPDATE conduit.subscriptions s SET ack_floor = n.ack_floor, settled = n.settled::bigint[],
      delivered = n.delivered, ack_wait_ms = n.ack_wait_ms, max_deliver = n.max_deliver,
      ordering = n.ordering, paused = n.paused
    FROM locked l JOIN new n ON n.id = l.id WHERE s.id = l.id RETURNING s.id)
  SELECT string_agg(id::text, ',') AS ids, (SELECT is_same FROM log) AS is_same FROM stored`;

const OLD_TAKE = `WITH t AS (
    SELECT id, name FROM conduit.topics WHERE id = $1 AND deleted_at IS NULL),
  s AS (
    INSERT INTO conduit.subscriptions AS old
      (topic_id, name, ack_wait_ms, max_deliver, ordering, ack_floor, delivered)
    SELECT t.id, $2, $3, $4, $5, $6, $6 FROM t
    WHERE EXISTS (SELECT 1 FROM conduit.subscriptions x WHERE x.topic_id = $1 AND x.name = $2)
      OR (SELECT count(*) FROM conduit.subscriptions x WHERE x.topic_id = $1) < $7
    ON CONFLICT (topic_id, name) DO UPDATE SET term = old.term + 1 RETURNING *)
  SELECT s.id, s.term, floor(extract(epoch FROM s.created_at) * 1000) AS created_ms
  FROM s JOIN t ON t.id = s.topic_id`;

interface OldSubscription {
  id: string;
  term: string;
  created_ms: string;
}

/** What an old node sends for a save of `{ id, term, created_ms }`. */
function oldSave(
  topicId: number,
  of: OldSubscription,
  cursor: [number, string, number],
): unknown[] {
  const values = [of.id, of.term, cursor[0], cursor[1], cursor[2], 1_000, 7, 'key', true];
  return [...values.map((value) => [value]), null, [topicId], [of.created_ms]];
}

t.test('cursors of before are the same after; nodes of before store none', async (t) => {
  const { url, old } = await oldDatabase(t, 'cursors_of_before');
  const made = await old.query<{ id: string }>(
    `INSERT INTO conduit.topics (tenant_id, name) SELECT id, 'a' FROM conduit.tenants RETURNING id`,
  );
  const topicId = Number(made.rows[0]?.id);
  const take = async (name: string, cursor: number): Promise<OldSubscription> => {
    const values = [topicId, name, 30_000, 5, 'none', cursor, 1_000];
    const [row] = (await old.query<OldSubscription>(OLD_TAKE, values)).rows;
    return row ?? { id: '0', term: '0', created_ms: '0' };
  };
  await take('plain', 3);
  const full = [await take('full', 0), await take('full', 0)][1] as OldSubscription;
  const late = await take('late', 0);
  t.match(await old.query(OLD_SAVE, oldSave(topicId, full, [4, '{6,7,9,15}', 17])), {
    rows: [{ ids: full.id }],
  });
  // The last save of an old node is under way when the migration comes.
  await old.query('BEGIN');
  await old.query(OLD_SAVE, oldSave(topicId, late, [9, '{}', 11]));
  const ran = migrate(url);
  await someoneWaits();
  await old.query('COMMIT');
  t.ok((await ran).includes(CURSORS_FILE));
  const now = new PostgresSubscriptions(poolOf(t, url), () => undefined);
  const expected = {
    plain: { ackFloor: 3, settled: [], delivered: 3, term: 1, paused: false },
    full: {
      ...{ ackFloor: 4, settled: [[6, 7] as const, [9, 15] as const], delivered: 17, term: 2 },
      ...{ paused: true, settings: { ackWaitMs: 1_000, maxDeliver: 7, ordering: 'key' as const } },
    },
    late: { ackFloor: 9, delivered: 11, paused: true },
  };
  for (const [name, record] of Object.entries(expected)) {
    t.match(await now.find(topicId, name), record);
  }
  for (const [sql, values] of [
    [OLD_SAVE, oldSave(topicId, full, [5, '{}', 17])],
    [OLD_TAKE, [topicId, 'full', 30_000, 5, 'none', 0, 1_000]],
    [OLD_TAKE, [topicId, 'new', 30_000, 5, 'none', 0, 1_000]],
  ] as const) {
    await t.rejects(old.query(sql, [...values]), { code: '42703' });
  }
  t.match(await now.find(topicId, 'full'), expected.full);
  t.equal(await now.find(topicId, 'new'), null);
  const { record } = await now.take(topicId, 'full', { settings: SETTINGS, cursor: 0 });
  t.match(record, { ...expected.full, term: 3 });
  t.same(await now.save([saveOf(record, { ackFloor: 8, settled: [] })]), []);
  t.match(await now.find(topicId, 'full'), { ackFloor: 8, settled: [], delivered: 17 });
});
