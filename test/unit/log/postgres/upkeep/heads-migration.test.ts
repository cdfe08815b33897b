// Goal: a log of before sql/0013_unversioned_heads.sql has the same heads, bytes and times after it and goes
// on behind them; statements of nodes of the version before, meanwhile and afterwards, store nothing.
// Method: the files up to 12, and that version's statements word for word.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../../../../native-bench/rig/eventually.js';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import {
  readMigrations,
  SQL_FOLDER,
} from '../../../../../src/log/postgres/upkeep/migration-files.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { dropOldLeaves } from '../../../../../src/log/postgres/upkeep/partitions.js';
import { rangeOf } from '../../../../contract/message-log.js';
import { TestAppend } from '../../../../contract/recording-sink.js';
import { openPostgresLog } from '../../../../support/log/postgres-log.js';
import { keyOf } from '../../../../support/tenants/tenants.js';

const OLD_FILES = 12;

/** Of a message alone. */
const APPEND_ONE = `WITH locked AS MATERIALIZED (
      SELECT t.id FROM conduit.topics t
      WHERE t.id = $1 AND t.deleted_at IS NULL
        AND to_regclass('conduit.messages')::oid = $9::oid FOR NO KEY UPDATE SKIP LOCKED),
    head AS (
      UPDATE conduit.topics t
      SET last_sequence = t.last_sequence + 1,
          bytes = t.bytes + $2,
          last_published_at =
            greatest(date_trunc('milliseconds', clock_timestamp()), t.last_published_at)
      FROM locked l WHERE t.id = l.id
      RETURNING t.id, t.last_sequence, t.last_published_at AS at)
    INSERT INTO conduit.messages (topic_id, sequence, message_id, published_at,
      expires_at, key, headers, content_type, payload)
    SELECT id, last_sequence, $3, at, at + $4::float8 * interval '1 ms', $5, $6, $7, $8 FROM head
    RETURNING sequence, round(extract(epoch FROM published_at) * 1000)::bigint AS published_ms`;

/** Of a batch, before COPY. */
const BEGIN_APPEND = `SELECT *, to_regclass('conduit.messages')::oid AS log_oid
  FROM conduit.begin_append('{1}', '{1}', '{8}')`;

const OTHERS: Record<string, string> = {
  'the release locks': `SELECT last_sequence, published_at::text,
      floor(extract(epoch FROM published_at) * 1000) AS published_ms,
      conduit.incarnation() AS incarnation
    FROM (
      SELECT last_sequence,
        greatest(date_trunc('milliseconds', clock_timestamp()), last_published_at) AS published_at
      FROM conduit.topics WHERE id = 1 AND deleted_at IS NULL FOR NO KEY UPDATE) t`,
  'the release moves': `UPDATE conduit.topics SET last_sequence = last_sequence + 1,
    bytes = bytes + 8, last_published_at = clock_timestamp() WHERE id = 1`,
  'retention moves': `UPDATE conduit.topics t SET first_sequence = 2,
    bytes = CASE WHEN 2 > t.last_sequence THEN 0 ELSE greatest(0, t.bytes - 8) END
    WHERE t.id = 1 AND t.first_sequence = 1 AND t.deleted_at IS NULL`,
  'heads are read': `SELECT t.id, n.name AS tenant, t.name, t.last_sequence, t.first_sequence, t.bytes
    FROM conduit.topics t JOIN conduit.tenants n ON n.id = t.tenant_id
    WHERE t.deleted_at IS NULL AND t.id = ANY('{1}'::bigint[])`,
  'a page is read': `WITH t AS MATERIALIZED (
      SELECT first_sequence, last_sequence, greatest(1, first_sequence) AS low,
        least(9, last_sequence) AS high
      FROM conduit.topics WHERE id = 1 AND deleted_at IS NULL)
    SELECT t.low, t.high, m.sequence FROM t LEFT JOIN conduit.messages m
      ON m.topic_id = 1 AND m.sequence BETWEEN t.low AND t.high`,
};

const server = await startPostgres();
const folder = await mkdtemp(path.join(tmpdir(), 'conduit-sql-'));
t.teardown(async () => {
  await rm(folder, { recursive: true, force: true });
  await server.stop();
});
for (const { name } of (await readMigrations(SQL_FOLDER)).slice(0, OLD_FILES)) {
  await cp(path.join(SQL_FOLDER, name), path.join(folder, name));
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  return client;
}

async function appendOld(client: pg.Client, topicId: number, payload: string): Promise<number> {
  const { rows } = await client.query<{ oid: number }>("SELECT 'conduit.messages'::regclass::oid");
  const id = new TestAppend(topicId, { payload: Buffer.from(payload) }).messageId;
  const values = [topicId, payload.length, id, null, null, null, 0, Buffer.from(payload)];
  const { rowCount } = await client.query({
    name: 'append_one',
    text: APPEND_ONE,
    values: [...values, rows[0]?.oid],
  });
  return rowCount ?? 0;
}

interface Head {
  name: string;
  head: string;
  bytes: string;
  at: string | null;
  first: string;
}

t.test('heads, bytes and times stay, and old statements store nothing', async (t) => {
  await migrate(server.url, { folder });
  const admin = await connect();
  const old = await connect();
  await admin.query(`INSERT INTO conduit.topics (tenant_id, name)
    SELECT 1, unnest(ARRAY['busy', 'empty', 'rests', 'moved', 'made_again', 'gone'])`);
  await admin.query(`SELECT conduit.make_leaf((clock_timestamp() AT TIME ZONE 'UTC')::date - 10)`);
  for (const id of [1, 3, 4, 5]) for (const n of [1, 2, 3]) await appendOld(old, id, `{"n":${n}}`);
  await admin.query(`UPDATE conduit.messages SET published_at = published_at - interval '10 days'
    WHERE topic_id = 3 OR sequence = 1`);
  await admin.query(`UPDATE conduit.topics SET last_published_at = last_published_at - interval '10 days'
    WHERE id = 3`);
  await admin.query('UPDATE conduit.topics SET first_sequence = 3, bytes = 7 WHERE id = 4');
  await admin.query('UPDATE conduit.topics SET deleted_at = clock_timestamp() WHERE id IN (5, 6)');
  await admin.query(`INSERT INTO conduit.topics (tenant_id, name) VALUES (1, 'made_again')`);
  await admin.query(`INSERT INTO conduit.outbox (tenant_id, topic_id, payload, due_at)
    VALUES (1, 1, '{"n":6}', clock_timestamp() + interval '2 s')`);
  const before = await admin.query<Head>(`SELECT name, last_sequence AS head, bytes,
    last_published_at::text AS at, first_sequence AS first FROM conduit.topics ORDER BY id`);

  // One that has its topic's row, and has not stored yet: the migration waits for it.
  await old.query('BEGIN');
  await old.query(BEGIN_APPEND);
  const migrating = migrate(server.url);
  await eventually(async () => {
    const { rowCount } = await admin.query('SELECT FROM pg_locks WHERE NOT granted');
    return rowCount === 1;
  });
  // And one that comes meanwhile waits for the migration.
  const late = await connect();
  const refused = t.rejects(appendOld(late, 1, '{"n":0}'), { code: '42703' });
  await old.query(`INSERT INTO conduit.messages (topic_id, sequence, message_id, published_at,
    content_type, payload) VALUES (1, 4, gen_random_uuid(), clock_timestamp(), 0, '{"n":4}x')`);
  await old.query('COMMIT');
  t.ok((await migrating).length >= 1);
  await refused;

  const expected = before.rows.map((row) =>
    row.name === 'busy' ? { ...row, head: '4', bytes: String(Number(row.bytes) + 8) } : row,
  );
  const after = await admin.query<Head>(`SELECT t.name, h.sequence AS head, h.bytes,
      h.published_at::text AS at, t.first_sequence AS first
    FROM conduit.topics t JOIN conduit.topic_heads(ARRAY(SELECT id FROM conduit.topics)) h
      ON h.topic_id = t.id ORDER BY t.id`);
  for (const [n, row] of after.rows.entries()) {
    const at = row.name === 'busy' ? row.at : expected[n]?.at;
    t.same(row, { ...expected[n], at });
  }

  const stored = async (): Promise<unknown> =>
    (await admin.query('SELECT topic_id, sequence FROM conduit.messages ORDER BY 1, 2')).rows;
  const rows = await stored();
  for (const client of [old, late, await connect()]) {
    await t.rejects(appendOld(client, 1, '{"n":0}'), { code: '42703' });
    await t.rejects(client.query(BEGIN_APPEND), { code: '42883' });
    for (const [what, sql] of Object.entries(OTHERS)) {
      await t.rejects(client.query(sql), { code: '42703' }, what);
    }
    await client.end();
  }
  t.same(await stored(), rows);

  const { log, sink } = await openPostgresLog(server.url, 'new');
  const append = async (id: number): Promise<number> => {
    const one = new TestAppend(id, { payload: Buffer.from('{"n":0}') });
    log.append(one);
    log.flush();
    await eventually(() => one.outcome !== null);
    return one.sequence;
  };
  for (const [id, next] of Object.entries({ 1: 5, 2: 1, 3: 4, 4: 4, 7: 1 })) {
    t.equal(await append(Number(id)), next);
  }
  await eventually(() => sink.releases.get(1)?.length === 1);
  t.equal(sink.releases.get(1)?.[0]?.sequence, 6);
  t.equal((await log.findTopic(keyOf('made_again')))?.id, 7);
  const page = await log.read(rangeOf(1));
  t.same(
    page.rows.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5, 6],
  );
  // Of before the migration only rows know how large they are; of what a day had nothing counts any more.
  t.equal((await dropOldLeaves(admin, 168)).dropped.length, 1);
  const heads = await log.heads([1, 3, 4]);
  t.match(heads.get(1), { firstSequence: 2, lastSequence: 6, bytes: 36 });
  t.match(heads.get(3), { firstSequence: 4, lastSequence: 4, bytes: 7 });
  t.match(heads.get(4), { firstSequence: 3, lastSequence: 4, bytes: 14 });
  await log.close();
  await admin.end();
});

t.test('a day whose detach was broken off is dropped after it, and all behind it', async (t) => {
  const maker = await connect();
  await maker.query('CREATE DATABASE pending');
  await maker.end();
  const url = server.url.replace(/\/postgres$/, '/pending');
  await migrate(url, { folder });
  const [admin, holder] = [url, url].map((connectionString) => new pg.Client({ connectionString }));
  if (admin === undefined || holder === undefined) throw new Error('two were made');
  await Promise.all([admin.connect(), holder.connect()]);
  await admin.query(`SELECT conduit.make_leaf((clock_timestamp() AT TIME ZONE 'UTC')::date - n)
    FROM generate_series(10, 11) AS n`);
  const { rows } = await admin.query<{ leaf: string }>(
    `SELECT 'conduit.messages_' || to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '10 days',
       'YYYYMMDD') AS leaf`,
  );
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.messages');
  const detach = `ALTER TABLE conduit.messages DETACH PARTITION ${rows[0]?.leaf} CONCURRENTLY`;
  await admin.query('SET lock_timeout = 50');
  await t.rejects(admin.query(detach), { code: '55P03' });
  await holder.query('ROLLBACK');
  await migrate(url);
  t.equal((await dropOldLeaves(admin, 168)).dropped.length, 2);
  await Promise.all([admin.end(), holder.end()]);
});
