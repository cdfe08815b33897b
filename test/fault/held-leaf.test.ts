// Goal: a day of the log that somebody has in use, a dump or a transaction that stays open, waits until he
// lets go, without a queue of locks behind whoever would drop it; appends, reads and new days go on.
// Method: PostgreSQL notes every wait for a lock that is longer than a millisecond, and whose session waits.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openConnection } from '../../src/log/postgres/session/log-connection.js';
import { MessageStore } from '../../src/log/postgres/store/message-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { dropOldLeaves, makeLeaves } from '../../src/log/postgres/upkeep/partitions.js';
import { rangeOf } from '../contract/message-log.js';
import { faultsOf, judgeAppends, loadAppends } from '../support/append-load.js';
import { makeTopics, openPostgresLog } from '../support/postgres-log.js';

const HOURS = 168;
const AGO_DAYS = 30;

const server = await startPostgres({
  log_lock_waits: 'on',
  deadlock_timeout: '1ms',
  log_line_prefix: '%a:',
  max_prepared_transactions: '2',
});
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
const upkeep = await openConnection({ databaseUrl: server.url, applicationName: 'conduit/upkeep' });
const { log } = await openPostgresLog(server.url, 'held');
const topicIds = await makeTopics(log, 'held', 4);
t.teardown(async () => {
  await log.close();
  await Promise.all([admin.end(), upkeep.end()]);
  await server.stop();
});

const day = (from: number): string => `((now() AT TIME ZONE 'UTC')::date + ${from})`;

/** Sessions of ours that waited for a table, or for whoever has it; what for. */
function waits(): string[] {
  const lines = readFileSync(path.join(server.dataDir, '../log'), 'utf8').matchAll(
    /^(conduit\/[^:\n]*):.* still waiting for (\w+ on relation|\w+ on virtual transaction)/gm,
  );
  return [...lines].map(([, who, what]) => `${who}: ${what}`);
}

async function leafOf(from: number): Promise<string> {
  const sql = `SELECT 'messages_' || to_char(${day(from)}, 'YYYYMMDD') AS leaf`;
  return (await admin.query<{ leaf: string }>(sql)).rows[0]?.leaf ?? '';
}

async function isThere(leaf: string): Promise<boolean> {
  const { rows } = await admin.query('SELECT to_regclass($1) AS oid', [`conduit.${leaf}`]);
  return rows[0].oid !== null;
}

const TABLES = `SELECT string_agg(format('conduit.%I', relname), ', ') AS all FROM pg_class
  WHERE relnamespace = 'conduit'::regnamespace AND relkind IN ('r', 'p')`;

/** What pg_dump does before it copies. */
async function dump(client: pg.Client): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await client.query<{ all: string }>(TABLES);
  await client.query(`LOCK TABLE ${rows[0]?.all} IN ACCESS SHARE MODE`);
}

/** A detach that was broken off while it waited for whoever has the log open. */
async function halfDetached(client: pg.Client): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.messages LIMIT 0');
  const leaf = await leafOf(-AGO_DAYS);
  const detach = `ALTER TABLE conduit.messages DETACH PARTITION conduit.${leaf} CONCURRENTLY`;
  await admin.query("SET lock_timeout = '5ms'");
  await t.rejects(admin.query(detach), { code: '55P03' });
  await admin.query('RESET lock_timeout');
}

const HOLDERS: Readonly<Record<string, (client: pg.Client) => Promise<unknown>>> = {
  'a dump': dump,
  'a transaction that has read the log and is idle': (client) =>
    client.query('BEGIN; SELECT FROM conduit.messages LIMIT 0'),
  'a reader of the day alone': async (client) =>
    client.query(`BEGIN; SELECT FROM conduit.${await leafOf(-AGO_DAYS)} LIMIT 0`),
  'a snapshot, and a detach that was broken off': halfDetached,
};

for (const [name, hold] of Object.entries(HOLDERS)) {
  t.test(name, async (t) => {
    await admin.query(`SELECT conduit.make_leaf(${day(-AGO_DAYS)})`);
    const [old, ahead] = [await leafOf(-AGO_DAYS), await leafOf(3)];
    await admin.query(`DROP TABLE IF EXISTS conduit.${ahead}`);
    const holder = new pg.Client({ connectionString: server.url });
    await holder.connect();
    await hold(holder);
    const before = waits().length;
    let over = false;
    const load = loadAppends({ log, topicIds, publishers: 16, until: () => over });
    let reads = 0;
    const reading = (async () => {
      for (; !over; reads++) await new MessageStore(admin).read(rangeOf(topicIds[0] ?? 0));
    })();
    t.equal((await makeLeaves(upkeep)).length, 1, 'the day that is missing is made');
    const held = await dropOldLeaves(upkeep, HOURS);
    over = true;
    await reading;
    const told = await load;
    t.same(held, { dropped: [], waiting: [old] });
    t.ok(await isThere(old));
    t.same(waits().slice(before), [], 'no session of ours waits for a table');
    t.ok(reads > 0 && told.every(({ append }) => append.outcome?.kind === 'committed'));
    await holder.query('ROLLBACK');
    t.same(await dropOldLeaves(upkeep, HOURS), { dropped: [old], waiting: [] });
    t.notOk(await isThere(old));
    await holder.end();
    const appends = told.map(({ append }) => append);
    t.ok(appends.length > 16, `${appends.length} appended meanwhile`);
  });
}

t.test('a snapshot that has nothing to do with the log is in nobody’s way', async (t) => {
  await admin.query(`SELECT conduit.make_leaf(${day(-AGO_DAYS)})`);
  const holder = new pg.Client({ connectionString: server.url });
  await holder.connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  t.same(await dropOldLeaves(upkeep, HOURS), { dropped: [await leafOf(-AGO_DAYS)], waiting: [] });
  await holder.end();
});

t.test('all that was appended is there once, in order', async (t) => {
  const verdict = await judgeAppends(server.url, topicIds, []);
  t.same([...verdict.broken, ...verdict.twice], []);
  t.ok(verdict.rows > 100);
  t.same(faultsOf({ ...verdict, phantom: [] }), []);
});
