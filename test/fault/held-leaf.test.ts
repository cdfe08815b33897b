// Goal: a day of the log that somebody has in use, a dump or a transaction that stays open, waits until he
// lets go, without a queue of locks behind whoever would drop it; appends, reads and new days go on. Who
// takes the day of today by steps waits for an append that is under way, and neither is ended.
// Method: PostgreSQL notes every wait for a lock that is longer than a millisecond, and whose session waits.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openConnection } from '../../src/log/postgres/session/log-connection.js';
import { MessageStore } from '../../src/log/postgres/store/message-store.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { dropOldLeaves, makeLeaves } from '../../src/log/postgres/upkeep/partitions.js';
import { rangeOf } from '../contract/message-log.js';
import { faultsOf, judgeAppends, loadAppends } from '../support/log/append-load.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';

const HOURS = 168;
const AGO_DAYS = 30;

const server = await startPostgres({
  log_lock_waits: 'on',
  deadlock_timeout: '1ms',
  log_line_prefix: '%a:',
  max_prepared_transactions: '2',
});
await migrate(server.url);
const admin = await connect();
const upkeep = await openConnection({ databaseUrl: server.url, applicationName: 'conduit/upkeep' });
const { log } = await openPostgresLog(server.url, 'held');
const topicIds = await makeTopics(log, 'held', 4);
t.teardown(async () => {
  await log.close();
  await Promise.all([admin.end(), upkeep.end()]);
  await server.stop();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  return client;
}

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
    const holder = await connect();
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
  const holder = await connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  t.same(await dropOldLeaves(upkeep, HOURS), { dropped: [await leafOf(-AGO_DAYS)], waiting: [] });
  await holder.end();
});

/** Each has one lock, and asks for another one. */
const STEPS: Readonly<Record<string, (leaf: string) => string>> = {
  REINDEX: (leaf) => `REINDEX TABLE conduit.${leaf}`,
  'an index that is made and dropped': (leaf) => `BEGIN;
    CREATE INDEX by_content ON conduit.${leaf} (content_type); DROP INDEX conduit.by_content; COMMIT`,
  'LOCK TABLE of the whole log': () => 'BEGIN; LOCK TABLE conduit.messages; COMMIT',
};
/** What an append begins with. */
const HEADS = ['lock_head($1::bigint)', 'lock_heads(ARRAY[$1::bigint])'];
const INSERT_SQL = `INSERT INTO conduit.messages (topic_id, sequence, message_id, published_at,
    content_type, payload, bytes_to)
  VALUES ($1, $2::bigint, gen_random_uuid(), $3, 0, '1', $2::bigint)`;

for (const [name, sqlOf] of Object.entries(STEPS)) {
  for (const [n, heads] of HEADS.entries()) {
    t.test(`${name}, while an append that began with ${heads} is under way`, async (t) => {
      const [id = 0] = await makeTopics(log, `steps-${Object.keys(STEPS).indexOf(name)}-${n}`, 1);
      const [holder, appender] = [await connect(), await connect()];
      const own = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const waiting = `SELECT FROM pg_locks WHERE pid = ${own.rows[0]?.pid} AND NOT granted`;
      const isWaiting = async (): Promise<boolean> => (await admin.query(waiting)).rowCount === 1;
      await admin.query(`UPDATE conduit.topics SET leaf_day = ${day(-1)} WHERE id = $1`, [id]);
      // The first of the topic's day, which looks into that of the last one, and one behind it.
      for (const head of [0, 1]) {
        await appender.query('BEGIN');
        const { rows } = await appender.query<{ head: number; at: string }>(
          `SELECT head::int, published_at::text AS at FROM conduit.${heads}`,
          [id],
        );
        t.equal(rows[0]?.head, head);
        let said = '';
        const taken = holder.query(sqlOf(await leafOf(0))).then(
          () => {
            said = 'done';
          },
          (error: unknown) => {
            said = String(error);
          },
        );
        await eventually(async () => said !== '' || (await isWaiting()));
        await appender.query(INSERT_SQL, [id, head + 1, rows[0]?.at]);
        await appender.query('COMMIT');
        await taken;
        t.equal(said, 'done');
      }
      await Promise.all([holder.end(), appender.end()]);
    });
  }
}

t.test('all that was appended is there once, in order', async (t) => {
  const verdict = await judgeAppends(server.url, topicIds, []);
  t.same([...verdict.broken, ...verdict.twice], []);
  t.ok(verdict.rows > 100);
  t.same(faultsOf({ ...verdict, phantom: [] }), []);
});
