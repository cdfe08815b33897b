// Goal: a snapshot that is held in the database, by whomever, is named with what it holds up, costs no
// message and no order while nodes are killed and retention runs, and leaves nothing behind.
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openConnection } from '../../src/log/postgres/session/log-connection.js';
import { readSnapshots } from '../../src/log/postgres/upkeep/old-snapshot.js';
import { dropOldLeaves } from '../../src/log/postgres/upkeep/partitions.js';
import { applyRetention } from '../../src/log/postgres/upkeep/retention.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { judgeLog } from '../support/log/log-checker.js';
import { startStandby } from '../support/servers/standby.js';

const HOURS = 168;
const server = await startPostgres({ max_prepared_transactions: '2' });
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
const env = { DATABASE_URL: server.url, WORKERS: '2', SNAPSHOT_WARN_S: '1' };
const start = (NODE_ID: string): Promise<TestNode> => startNode({ ...env, NODE_ID });
const node = await start('stays');
t.teardown(async () => {
  await node.stop();
  await admin.end();
  await server.stop();
});

interface Shown {
  of: string;
  age_s: number;
  dead_rows: number;
  leaves: string[];
  pid: number | null;
  name: string;
}

async function shown(): Promise<Shown | undefined> {
  const { body } = await request(`${node.url}/api/health`, {});
  return body['oldest_snapshot'] as Shown | undefined;
}

/** Health and the figures tell of it, and no longer once it is over. */
async function isTold(
  t: Test,
  expected: Partial<Shown>,
  end: () => Promise<unknown>,
): Promise<void> {
  await eventually(async () => {
    const one = await shown();
    return one?.name === expected.name && one?.pid === expected.pid;
  }, 30_000);
  t.match(await shown(), expected);
  const { status } = await request(`${node.url}/api/health`, {});
  t.equal(status, 200, 'it is no fault of what was promised');
  const { body } = await request(`${node.url}/api/stats`, {});
  t.ok(Number(body['oldest_snapshot_seconds']) >= 1);
  t.equal(body['snapshot_leaves'], expected.leaves?.length);
  await end();
  await eventually(async () => (await shown()) === undefined, 30_000);
  const after = await request(`${node.url}/api/stats`, {});
  t.equal(after.body['oldest_snapshot_seconds'], 0);
}

/** A session of somebody else's. */
async function session(application_name: string): Promise<{ client: pg.Client; pid: number }> {
  const client = new pg.Client({ connectionString: server.url, application_name });
  await client.connect();
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  return { client, pid: rows[0].pid };
}

async function makeOldLeaf(): Promise<string> {
  const { rows } = await admin.query<{ leaf: string }>(
    `SELECT 'messages_' || to_char((now() AT TIME ZONE 'UTC')::date - 30, 'YYYYMMDD') AS leaf,
       conduit.make_leaf((now() AT TIME ZONE 'UTC')::date - 30)`,
  );
  return rows[0]?.leaf ?? '';
}

/** Of a table whose rows nobody reads here: what a reader finds dead on a page he removes. */
async function deliveries(): Promise<{ dead: number; vacuums: number }> {
  const { rows } = await admin.query(
    `SELECT n_dead_tup::int AS dead, vacuum_count::int AS vacuums FROM pg_stat_all_tables
     WHERE relid = 'conduit.deliveries'::regclass`,
  );
  return rows[0];
}

/** They stay while somebody has a snapshot. */
async function makeDeadRows(): Promise<void> {
  await admin.query(
    `INSERT INTO conduit.deliveries (subscription_id, sequence, attempts, due_at, redriven)
     SELECT 0, n, 1, now(), false FROM generate_series(1, 500) n`,
  );
  await admin.query('DELETE FROM conduit.deliveries WHERE subscription_id = 0');
  await eventually(async () => (await deliveries()).dead >= 500, 20_000);
}

t.test(
  'held while a node is killed and retention runs: nothing lost, nothing reordered',
  async (t) => {
    const leaf = await makeOldLeaf();
    const { client, pid } = await session('nightly report');
    await client.query(
      'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.messages LIMIT 0',
    );
    let killed = await start('killed');
    const subscriber = await Subscriber.open(node.wsUrl, 'json');
    for (const topic of ['held.a', 'held.b']) await subscriber.subscribe(topic, { ack: 'none' });
    let over = false;
    t.teardown(async () => {
      over = true;
      await killed.kill9();
    });
    const publishers = [new Publisher(node.url, 'stays'), new Publisher(killed.url, 'killed')];
    const load = { topics: ['held.a', 'held.b'], connections: 4, until: () => over };
    const loading = Promise.all(
      publishers.map((publisher) => publisher.load({ ...load, pauseMs: 5 })),
    );
    const upkeep = await openConnection({
      databaseUrl: server.url,
      applicationName: 'conduit/upkeep',
    });
    await eventually(() => publishers.every((one) => one.acked().length > 50), 30_000);
    await killed.kill9();
    killed = await start('killed');
    const [, second] = publishers;
    if (second !== undefined) second.url = killed.url;
    await applyRetention(upkeep, HOURS);
    t.match(await dropOldLeaves(upkeep, HOURS), { dropped: [], waiting: [leaf] });
    await makeDeadRows();
    const told = { of: 'session', pid, name: 'nightly report', leaves: [leaf] };
    await isTold(t, told, () => client.end());
    await eventually(async () => (await deliveries()).vacuums > 0, 20_000);
    await eventually(async () => (await deliveries()).dead < 100, 20_000);
    t.same(await dropOldLeaves(upkeep, HOURS), { dropped: [leaf], waiting: [] });
    over = true;
    await loading;
    await Promise.all([killed.stop(), upkeep.end()]);
    const history = publishers.flatMap((publisher) => publisher.history);
    const { lost, broken, twice, misplaced, phantom, rows } = await judgeLog(server.url, history);
    t.same([...lost, ...broken, ...twice, ...misplaced, ...phantom], []);
    const given = (): number =>
      [...subscriber.sequences.values()].reduce((sum, { length }) => sum + length, 0);
    await eventually(() => given() === rows, 30_000);
    t.same(subscriber.disorder, []);
    for (const publisher of publishers) publisher.close();
    subscriber.close();
    const lines = (): string[] =>
      node
        .output()
        .split('\n')
        .filter((line) => /snapshot/.test(line));
    await eventually(() => lines().some((line) => /over after/.test(line)), 30_000);
    const [began = '', ...more] = lines();
    t.match(began, /"an old snapshot is held in the database"/);
    t.match(began, new RegExp(`session nightly report .pid ${pid}. for \\d+ s: \\d+ dead rows`));
    t.match(began, new RegExp(`and ${leaf} not be dropped`));
    t.ok(more.length < 3, `${more.length + 1} lines`);
  },
);

t.test('a transaction that is prepared, and one that only has a lock', async (t) => {
  const prepared = await session('prepares');
  await prepared.client.query(
    "BEGIN; CREATE TABLE of_two_phases (); PREPARE TRANSACTION 'half done'",
  );
  await prepared.client.end();
  const ofNobody = { of: 'prepared transaction', pid: null, name: 'half done', leaves: [] };
  await isTold(t, ofNobody, () => admin.query("ROLLBACK PREPARED 'half done'"));
  const leaf = await makeOldLeaf();
  const idle = await session('idle in transaction');
  await idle.client.query('BEGIN; SELECT FROM conduit.messages LIMIT 0');
  const holding = { of: 'session', pid: idle.pid, leaves: [leaf], name: 'idle in transaction' };
  await isTold(t, holding, () => idle.client.end());
});

t.test('a standby with feedback, and the slot of one that is gone', async (t) => {
  const standby = await startStandby(server, 'of_the_standby');
  const reader = new pg.Client({ connectionString: standby.url });
  await reader.connect();
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM conduit.topics LIMIT 1');
  await eventually(async () => {
    const { rows } = await admin.query(
      'SELECT xmin FROM pg_replication_slots WHERE xmin IS NOT NULL',
    );
    return rows.length === 1;
  }, 20_000);
  const publisher = new Publisher(node.url, 'standby');
  const headers = { 'content-type': 'application/json' };
  await request(`${node.url}/api/topics`, {
    method: 'POST',
    headers,
    body: '{"name":"to.standby"}',
  });
  let over = false;
  const load = publisher.load({
    topics: ['to.standby'],
    connections: 2,
    until: () => over,
    pauseMs: 5,
  });
  const slot = { of: 'replication slot', name: 'of_the_standby', leaves: [] };
  await eventually(async () => (await shown())?.name === 'of_the_standby', 30_000);
  await reader.end();
  await standby.kill9();
  await isTold(t, { ...slot, pid: null }, () =>
    admin.query("SELECT pg_drop_replication_slot('of_the_standby')"),
  );
  over = true;
  await load;
  const { rows } = await admin.query<{ last: string }>(
    `SELECT count(*) AS last FROM conduit.messages m JOIN conduit.topics t ON t.id = m.topic_id
     WHERE t.name = 'to.standby'`,
  );
  t.equal(Number(rows[0]?.last), publisher.acked().length);
  publisher.close();
  await standby.stop();
});

t.test('what a role without pg_monitor sees of the sessions of others', async (t) => {
  await admin.query('CREATE ROLE unprivileged LOGIN');
  const url = server.url.replace('postgres@', 'unprivileged@');
  await admin.query('GRANT USAGE ON SCHEMA conduit TO unprivileged');
  const held = await session('of another role');
  await held.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  const low = new pg.Client({ connectionString: url });
  await low.connect();
  const seen = async () => (await readSnapshots(low)).find(({ pid }) => pid === held.pid);
  t.match(await seen(), { kind: 'session', name: 'of another role', ageMs: null });
  await admin.query('GRANT pg_monitor TO unprivileged');
  t.ok(((await seen())?.ageMs ?? -1) >= 0);
  await Promise.all([low.end(), held.client.end()]);
});
