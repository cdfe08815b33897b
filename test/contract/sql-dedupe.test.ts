// Goal: conduit.publish takes json, jsonb and text without a word about which; its dedupe keys hold from the
// commit on, against HTTP publishes and other transactions, and nobody waits for a transaction for long.

import { cp, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { PACKAGE_FOLDER } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { topicNameOf } from '../../src/core/topic-key.js';
import { fingerprint } from '../../src/log/contract/fingerprint.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { openPostgresLog } from '../support/log/postgres-log.js';
import { TENANT } from '../support/tenants/tenants.js';
import { newTopic, put, rangeOf, text } from './message-log.js';
import { TestAppend } from './recording-sink.js';

const HOUR_MS = 3_600_000;

const server = await startPostgres({ max_prepared_transactions: '4' });
await migrate(server.url);
const open = await openPostgresLog(server.url, 'sql');
const { log } = open;
const [one, two] = [await connect(), await connect()];

t.teardown(async () => {
  await Promise.all([one.end(), two.end(), log.close()]);
  await server.stop();
});

async function connect(url = server.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** `args`: SQL that follows the topic. */
async function publish(client: pg.Client, topic: string, args: string): Promise<number | null> {
  const sql = `SELECT conduit.publish('${topic}', ${args}) AS id`;
  const { rows } = await client.query<{ id: string | null }>(sql);
  const id = rows[0]?.id ?? null;
  return id === null ? null : Number(id);
}

async function bodies(topicId: number, count: number): Promise<string[]> {
  await eventually(async () => (await log.read(rangeOf(topicId))).rows.length >= count);
  const { rows } = await log.read(rangeOf(topicId));
  return rows.map((row) => Buffer.from(row.payload).toString());
}

t.test('takes json, jsonb, text, and what has no type yet', async (t) => {
  const topic = await newTopic(log);
  const name = topicNameOf(topic.key);
  const calls: [string, string][] = [
    [`conduit.publish('${name}', '{"n": 1}')`, '{"n": 1}'],
    [`conduit.publish('${name}', '{"n": 2}'::json)`, '{"n": 2}'],
    [`conduit.publish('${name}', '{"n":3}'::jsonb)`, '{"n": 3}'],
    [`conduit.publish('${name}', '{"n": 4}'::text)`, '{"n": 4}'],
    [`conduit.publish('${name}', '{"n": 5}'::varchar(20))`, '{"n": 5}'],
    [`conduit.publish(topic => '${name}', payload => '6')`, '6'],
    [`conduit.publish('${name}', payload => jsonb_build_array(7), ttl => '1 hour')`, '[7]'],
    [`conduit.publish('${name}', row_to_json(x))`, '{"n":8}'],
    [`conduit.publish('${name}', to_jsonb(x), 'key', '{"h":"v"}')`, '{"n": 8}'],
  ];
  for (const [call] of calls) await one.query(`SELECT ${call} FROM (SELECT 8 AS n) x`);
  await one.query('SELECT conduit.publish($1, $2)', [name, '9']);
  t.same(await bodies(topic.id, 10), [...calls.map(([, body]) => body), '9']);
  await t.rejects(publish(one, name, 'NULL'), { code: '22023' });
  await t.rejects(publish(one, name, 'NULL::jsonb'), { code: '22023' });
  await t.rejects(publish(one, name, "'not json'"), { code: '22P02' });
});

t.test('the fingerprint is that of the other ways into the log', async (t) => {
  const odd = 'é\u{1F600}\u{10FFFF} \\ " x';
  const cases = [
    { contentType: 0 as const, payload: text('{"a":1}'), key: null, headers: null },
    { contentType: 1 as const, payload: Buffer.from([0, 255]), key: odd, headers: '' },
    { contentType: 0 as const, payload: text(odd), key: '', headers: JSON.stringify({ odd }) },
  ];
  for (const { contentType, key, headers, payload } of cases) {
    const sql = 'SELECT conduit.fingerprint($1::smallint, $2, $3, $4::bytea) AS made';
    const { rows } = await one.query<{ made: Buffer }>(sql, [contentType, key, headers, payload]);
    t.same(rows[0]?.made, fingerprint({ contentType, key, headers, payload }));
  }
});

t.test('a repeat gets the first id, another message an error', async (t) => {
  const topic = await newTopic(log);
  const name = topicNameOf(topic.key);
  await one.query('BEGIN');
  const id = await publish(one, name, `'{"a":1,"b":2}', dedupe_key => 'k', headers => '{"h":"v"}'`);
  const repeat = `'{"b":2, "a":1.0}'::jsonb, dedupe_key => 'k', headers => '{"h":"v"}'`;
  t.equal(await publish(one, name, repeat), id, 'in the same transaction');
  await one.query('COMMIT');
  t.equal(await publish(two, name, repeat), id, 'while it waits, or after its release');
  t.same(await bodies(topic.id, 1), ['{"a":1,"b":2}']);
  t.equal(await publish(two, name, repeat), id, 'after its release');
  const others = [
    `'{"a":1,"b":3}', dedupe_key => 'k', headers => '{"h":"v"}'`,
    `'{"a":1,"b":2}', dedupe_key => 'k'`,
    `'{"a":1,"b":2}', 'key', dedupe_key => 'k', headers => '{"h":"v"}'`,
  ];
  for (const other of others) await t.rejects(publish(two, name, other), { code: '23505' });
  const http = { payload: text('{"b":2,"a":1}'), headers: '{"h":"v"}', dedupeKey: 'k' };
  const [outcome] = await put(open, new TestAppend(topic.id, http));
  t.match(outcome, { kind: 'duplicate', first: { sequence: 1, deferred: { id } } });
});

t.test('after an HTTP publish under the key nothing is left to be published', async (t) => {
  const topic = await newTopic(log);
  await put(open, new TestAppend(topic.id, { payload: text('{"n":1}'), dedupeKey: 'k' }));
  t.equal(await publish(one, topicNameOf(topic.key), `'{ "n": 1 }', dedupe_key => 'k'`), null);
  const mismatch = publish(one, topicNameOf(topic.key), `'{"n":2}', dedupe_key => 'k'`);
  await t.rejects(mismatch, { code: '23505' });
  const waiting = "'2', dedupe_key => 'later', deliver_at => now() + interval '1 hour'";
  const id = await publish(one, topicNameOf(topic.key), waiting);
  const [outcome] = await put(
    open,
    new TestAppend(topic.id, { payload: text('2'), dedupeKey: 'later' }),
  );
  t.match(outcome, { kind: 'duplicate', first: { sequence: 0, deferred: { id } } });
  t.equal(await log.cancelDeferred(TENANT, id ?? 0), 'cancelled');
  t.not(await publish(one, topicNameOf(topic.key), waiting), id, 'a cancelled one frees its key');
});

t.test('of two transactions the second waits for the first', async (t) => {
  const topic = await newTopic(log);
  const args = (key: string): string => `'1', dedupe_key => '${key}'`;
  for (const end of ['COMMIT', 'ROLLBACK']) {
    await one.query('BEGIN');
    const id = await publish(one, topicNameOf(topic.key), args(end));
    const second = publish(two, topicNameOf(topic.key), args(end));
    await waitingFor(two);
    await one.query(end);
    if (end === 'COMMIT') t.equal(await second, id);
    else t.ok(Number(await second) > (id ?? 0), 'the first never was');
  }
  await two.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  await one.query('BEGIN');
  await publish(one, topicNameOf(topic.key), args('rr'));
  const late = publish(two, topicNameOf(topic.key), args('rr')).catch((error: unknown) => error);
  await waitingFor(two);
  await one.query('COMMIT');
  t.match(await late, { code: '40001' });
  await two.query('ROLLBACK');
});

t.test('nobody waits for a transaction that stays open for long', async (t) => {
  const topic = await newTopic(log);
  await one.query('BEGIN');
  await publish(one, topicNameOf(topic.key), "'1', dedupe_key => 'k'");
  const since = performance.now();
  const sql = publish(two, topicNameOf(topic.key), "'1', dedupe_key => 'k'").catch(
    (error: unknown) => error,
  );
  const { publication } = new TestAppend(topic.id, { payload: text('1'), dedupeKey: 'k' });
  const deferred = { tenant: TENANT, topicId: topic.id, publication, delayMs: 1, deliverAtMs: 0 };
  await t.rejects(log.defer(deferred), { code: 'topic_busy' });
  const busyMs = performance.now() - since;
  const others = await put(open, new TestAppend(topic.id, { payload: text('0') }));
  t.match(others, [{ kind: 'committed', sequence: 1 }], 'the topic is not held');
  const [append] = await put(
    open,
    new TestAppend(topic.id, { payload: text('1'), dedupeKey: 'k' }),
  );
  t.match(append, { kind: 'committed', sequence: 2 }, 'what is not committed has no key');
  t.match(await sql, { code: '55P03' });
  t.ok(busyMs < performance.now() - since, `a node's request took ${Math.round(busyMs)} ms`);
  await one.query('COMMIT');
  t.equal(
    await publish(one, topicNameOf(topic.key), "'1', dedupe_key => 'k'"),
    null,
    'the append was first',
  );
  await eventually(async () => (await log.totals(TENANT)).deferred <= 1);
  t.same(await bodies(topic.id, 2), ['0', '1'], 'stored once');
});

t.test('an append that has the topic is waited for, and has the key', async (t) => {
  const topic = await newTopic(log);
  await one.query('BEGIN');
  await one.query('SELECT 1 FROM conduit.topics WHERE id = $1 FOR NO KEY UPDATE', [topic.id]);
  const { publication } = new TestAppend(topic.id, { payload: text('1'), dedupeKey: 'k' });
  const later = { tenant: TENANT, topicId: topic.id, publication, deliverAtMs: 0 };
  const asked = log.defer({ ...later, delayMs: HOUR_MS });
  const messageId = '019a0000-0000-7000-8000-000000000001';
  // What an append stores with its message, after the other has looked for it.
  await eventually(async () => (await blocked()) > 0);
  await one.query(
    `INSERT INTO conduit.publish_dedupe VALUES ($1, 'k', $2, 7, $3, clock_timestamp(),
       clock_timestamp() + interval '1 minute')`,
    [topic.id, fingerprint(publication), messageId],
  );
  await one.query('COMMIT');
  t.match(await asked, { record: null, first: { sequence: 7, deferred: null } });
  t.same(await log.listDeferred(topic.key, { after: 0, limit: 9 }), []);
});

t.test('a prepared transaction publishes when notify is off', async (t) => {
  const topic = await newTopic(log);
  await one.query('BEGIN');
  await publish(one, topicNameOf(topic.key), "'1'");
  await t.rejects(one.query("PREPARE TRANSACTION 'on'"), { code: '0A000', message: /NOTIFY/ });
  await one.query('BEGIN');
  await one.query('SET LOCAL conduit.notify = off');
  await publish(one, topicNameOf(topic.key), "'2', dedupe_key => 'k'");
  await one.query("PREPARE TRANSACTION 'off'");
  await t.rejects(publish(two, topicNameOf(topic.key), "'2', dedupe_key => 'k'"), {
    code: '55P03',
  });
  await one.query("COMMIT PREPARED 'off'");
  t.same(await bodies(topic.id, 1), ['2']);
});

t.test(
  'what waited twice under one key before the upgrade is published as it would have been',
  async (t) => {
    const { url, old } = await oldDatabase(t, 'old');
    const waiting = [
      ['first', 'k', 60],
      ['repeat', 'k', 90],
      ['much later', 'k', 86_400],
      ['other', 'o', 60],
      ['plain', null, 60],
    ];
    for (const [body, key, seconds] of waiting) {
      const due = "deliver_at => now() + $3 * interval '1 s'";
      const sql = `SELECT conduit.publish('a', to_json($1::text), dedupe_key => $2, ${due})`;
      await old.query(sql, [body, key, seconds]);
    }
    await migrate(url);
    const { rows } = await old.query(
      `SELECT convert_from(payload, 'UTF8') AS body, dedupe_key AS key FROM conduit.outbox ORDER BY id`,
    );
    t.same(rows, [
      { body: '"first"', key: 'k' },
      { body: '"much later"', key: null },
      { body: '"other"', key: 'o' },
      { body: '"plain"', key: null },
    ]);
  },
);

t.test('what is published with a key while the upgrade runs is before it, or after', async (t) => {
  const { url, old } = await oldDatabase(t, 'old_in_use');
  await old.query('BEGIN');
  const sql = `SELECT conduit.publish('a', to_json($1::text), dedupe_key => 'k',
    deliver_at => now() + interval '1 minute')`;
  await old.query(sql, ['first']);
  await old.query(sql, ['repeat']);
  const migrated = migrate(url);
  await eventually(async () => (await blocked()) === 1);
  await old.query('COMMIT');
  t.match((await migrated)[0], /^0010_/);
  const { rows } = await old.query(
    `SELECT convert_from(payload, 'UTF8') AS body FROM conduit.outbox`,
  );
  t.same(rows, [{ body: '"first"' }]);
});

/** As it was before keys held from the start, with a topic `a`. */
async function oldDatabase(t: Test, name: string): Promise<{ url: string; old: pg.Client }> {
  await one.query(`CREATE DATABASE ${name}`);
  const url = server.url.replace(/\/postgres$/, `/${name}`);
  const folder = await mkdtemp(path.join(tmpdir(), 'conduit-sql-'));
  for (const file of await readdir(path.join(PACKAGE_FOLDER, 'sql'))) {
    if (file < '0010') await cp(path.join(PACKAGE_FOLDER, 'sql', file), path.join(folder, file));
  }
  await migrate(url, { folder });
  const old = await connect(url);
  t.teardown(() => old.end());
  await old.query(
    `INSERT INTO conduit.topics (tenant_id, name) SELECT id, 'a' FROM conduit.tenants`,
  );
  return { url, old };
}

/** Sessions that wait for a lock. */
async function blocked(): Promise<number> {
  const { rows } = await two.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
  );
  return rows[0]?.n ?? 0;
}

async function waitingFor(client: pg.Client): Promise<void> {
  const pid = (client as unknown as { processID: number }).processID;
  await eventually(async () => {
    const { rows } = await one.query(
      `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`,
      [pid],
    );
    return rows.length > 0;
  });
}
