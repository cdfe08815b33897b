// Goal: what PostgreSQL refuses as data costs the text that it refuses, never a thread, never what was
// saved with it; a database that cannot hold every text is refused before anything is made in it.

import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { PostgresSubscriptions } from '../../src/log/postgres/store/postgres-subscriptions.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { failed, failure, givenUp, SETTINGS, saveOf } from '../contract/subscription-store.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { runCommand } from '../support/nodes/command.js';
import { keyOf } from '../support/tenants/tenants.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
t.teardown(() => client.end());

async function makeDatabase(encoding: string): Promise<string> {
  const name = `in_${encoding.toLowerCase()}`;
  const how = `ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
  await client.query(`CREATE DATABASE ${name} ${how}`);
  return postgres.url.replace(/postgres$/, name);
}

t.test('a database of another encoding stops the start, and is left as it was', async (t) => {
  for (const encoding of ['LATIN1', 'EUC_JP', 'SQL_ASCII']) {
    const url = await makeDatabase(encoding);
    const env = { HOST: '127.0.0.1', PORT: String(await freePort()), DATABASE_URL: url };
    for (const command of encoding === 'LATIN1' ? ['serve', 'migrate'] : ['serve']) {
      const { code, stderr } = await runCommand([command], env);
      t.equal(code, 78);
      t.match(stderr, new RegExp(`DATABASE_URL: .*is ${encoding}.*UTF8 is needed.*\n$`));
    }
    const inside = new pg.Client({ connectionString: url });
    await inside.connect();
    t.equal((await inside.query("SELECT WHERE to_regnamespace('conduit') IS NULL")).rowCount, 1);
    await inside.end();
  }
});

t.test('of a save everything is stored but the texts that are refused', async (t) => {
  // No node would open it; it is the simplest server that refuses an ordinary text.
  const url = await makeDatabase('LATIN2');
  await migrate(url);
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  t.teardown(() => pool.end());
  const refusals: [rows: number, error: unknown][] = [];
  const store = new PostgresSubscriptions(pool, (...refusal) => refusals.push(refusal));
  await pool.query(`INSERT INTO conduit.topics (id, tenant_id, name, base_sequence)
    OVERRIDING SYSTEM VALUE VALUES (7, 1, 'a', 20)`);
  await pool.query(`INSERT INTO conduit.messages
    (topic_id, sequence, message_id, published_at, content_type, payload)
    SELECT 7, n, gen_random_uuid(), clock_timestamp(), 0, '1' FROM generate_series(1, 20) AS n`);
  const take = async (name: string) => store.take(7, name, { settings: SETTINGS, cursor: 0 });
  const [one, two] = [(await take('one')).record, (await take('two')).record];
  const saves = [
    saveOf(one, {
      ackFloor: 3,
      deliveries: [failed(5), failed(6, { lastError: 'too dear: 3 ₴' }), failed(7)],
      deadLetters: [givenUp(1, { lastError: 'ł' }), givenUp(2, { lastError: '₴' })],
      failures: [failure(5), failure(6, { reason: '₴' }), failure(7, { reason: 'ó' })],
    }),
    saveOf(two, {
      ackFloor: 4,
      deliveries: [failed(9, { dueAtMs: 1e300 }), failed(10, { dueAtMs: Number.NaN })],
      failures: [failure(9, { atMs: -1e300 })],
    }),
  ];
  t.same(await store.save(saves), []);
  const [first, second] = [await take('one'), await take('two')];
  t.equal(first.record.ackFloor, 3);
  t.equal(second.record.ackFloor, 4);
  const errors = first.deliveries.map(({ lastError }) => lastError);
  t.same(errors, ['no answer', '(refused)', 'no answer']);
  t.same(
    second.deliveries.map(({ dueAtMs }) => dueAtMs),
    [253_402_300_799_999, 0],
  );
  const letters = await store.listDeadLetters(
    { within: keyOf('a'), subscription: null, ids: null },
    { after: 0, limit: 9, bytesMax: 1e9 },
  );
  t.same(
    letters.map(({ lastError }) => lastError),
    ['ł', '(refused)'],
  );
  const reasonOf = async (sequence: number) =>
    (await store.traceOf(7, sequence)).failures[0]?.reason;
  t.same([await reasonOf(5), await reasonOf(6), await reasonOf(7)], ['not now', '(refused)', 'ó']);
  t.match(refusals, [[6, { code: /^22/ }]], 'told once, with the number of rows');

  const session = { topicId: 7, session: 's', settledDeliveries: [] };
  const failures = [failure(11, { reason: '₴' }), failure(12)];
  await store.saveEphemeral({ ...session, deadLetters: [givenUp(13)], failures });
  t.same([await reasonOf(11), await reasonOf(12)], ['(refused)', 'not now']);
  t.equal((await store.traceOf(7, 13)).deadLetters.length, 1);

  await pool.query("ALTER TABLE conduit.delivery_history ADD CHECK (reason <> 'checked')");
  const checked = { failures: [failure(17, { reason: 'checked' }), failure(18)] };
  t.same(
    await store.save([saveOf(first.record, checked)]),
    [],
    'a constraint refuses for ever, too',
  );
  t.same([await reasonOf(17), await reasonOf(18)], ['(refused)', 'not now']);

  // Also when a row cannot be stored in any form: a dead letter must not settle its message then.
  await pool.query(`ALTER TABLE conduit.delivery_history ALTER COLUMN reason TYPE varchar(3) USING left(reason, 3);
    ALTER TABLE conduit.dead_letters ALTER COLUMN last_error TYPE varchar(10) USING '!'`);
  const more = { failures: [failure(14, { reason: 'long' }), failure(15, { reason: 'ok' })] };
  const again = saveOf(first.record, more);
  t.same(await store.save([again]), []);
  t.same([await reasonOf(14), await reasonOf(15)], [undefined, 'ok']);
  await pool.query('ALTER TABLE conduit.dead_letters ALTER COLUMN last_error TYPE varchar(2)');
  await t.rejects(store.save([saveOf(first.record, { deadLetters: [givenUp(16)] })]), {
    code: 'message_refused',
  });
  t.equal((await take('one')).record.ackFloor, 3);
  const { record } = await take('two');
  await pool.query('ALTER TABLE conduit.cursors ADD CHECK (ack_floor < 10)');
  await t.rejects(store.save([saveOf(record, { ackFloor: 10 })]), { code: 'message_refused' });
});

t.test('a node lives on, and delivers, whatever it is told', async (t) => {
  const node = await startNode({ DATABASE_URL: postgres.url, WORKERS: '1' });
  t.teardown(() => node.kill9());
  // A column that refuses long texts stands for whatever a database may refuse.
  await client.query(`ALTER TABLE conduit.delivery_history ALTER COLUMN reason TYPE varchar(20);
    ALTER TABLE conduit.deliveries ALTER COLUMN last_error TYPE varchar(20);
    ALTER TABLE conduit.dead_letters ALTER COLUMN last_error TYPE varchar(4)`);
  const publish = (payload: unknown) =>
    request(`${node.url}/api/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: 'a', payload }),
    });
  const texts = ['x'.repeat(1_000), '€\0\u0000', '\ud800', '\udfff\ud800', '{"\\', "'; --", 'ok'];
  const session = await Subscriber.open(node.wsUrl, 'json');
  const other = await Subscriber.open(node.wsUrl, 'json');
  const lost = session.waitFor((frame) => frame.type === 'unsubscribed', 30_000);
  await session.subscribe('a', { subscription: 'texts', max_in_flight: 20 });
  await other.subscribe('a', { subscription: 'other', max_in_flight: 20 });
  for (const text of texts) {
    t.equal((await publish(text)).status, 200);
    await eventually(() => session.messages.some(({ payload }) => payload === text));
  }
  await eventually(() => other.messages.length === texts.length);
  texts.forEach((reason, n) => {
    session.send({ type: 'nack', topic: 'a', sequence: n + 1, reason, delay_ms: 31_536_000_000 });
    other.send({ type: 'ack', topic: 'a', sequence: n + 1 });
  });
  other.send({ type: 'ack', topic: 'a', sequence: texts.length, cumulative: true, ref: 'all' });
  const ofTrace = async (sql: string) => {
    const { rows } = await client.query<{ text: string }>(sql);
    return rows.map(({ text }) => text);
  };
  const stored = ['(refused)', '€��', '�', '��', '{"\\', "'; --", 'ok'];
  const last = 'SELECT last_error AS text FROM conduit.deliveries ORDER BY sequence';
  await eventually(async () => (await ofTrace(last)).length === texts.length);
  t.same(await ofTrace(last), stored);
  t.same(
    await ofTrace('SELECT reason AS text FROM conduit.delivery_history ORDER BY sequence'),
    stored,
  );
  await eventually(async () => {
    const floor = `SELECT c.ack_floor::text AS text FROM conduit.cursors c
      JOIN conduit.subscriptions s ON s.id = c.subscription_id WHERE s.name = 'other'`;
    return (await ofTrace(floor))[0] === String(texts.length);
  });

  // Here no text at all is taken: the subscription ends, and whoever comes again is given it again.
  const answer = await publish('rejected');
  await eventually(() => session.messages.some(({ payload }) => payload === 'rejected'));
  const { sequence } = answer.body;
  session.send({ type: 'reject', topic: 'a', sequence, reason: 'longer than four', ref: 'reject' });
  t.match(await session.waitFor((frame) => frame.ref === 'reject'), { code: 'unknown_delivery' });
  t.match(await lost, { topic: 'a', subscription: 'texts' });
  const next = await Subscriber.open(node.wsUrl, 'json');
  await next.subscribe('a', { subscription: 'texts', max_in_flight: 20 });
  await eventually(() => next.messages.some(({ payload }) => payload === 'rejected'));
  t.match(node.output(), /refused texts of a save; \d+ rows were stored without/);
  t.notMatch(node.output(), /was replaced|uncaught/);
  for (const one of [session, other, next]) one.close();
  t.equal(await node.stop(), 0);
});
