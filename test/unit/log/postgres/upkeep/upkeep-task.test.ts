// Goal: a task that is placed on several nodes for a moment, or whose node dies at it, is done once each time
// that it is due, and what is left half done is done by another at once.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../../../../native-bench/rig/eventually.js';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { systemClock } from '../../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../../src/core/limits.js';
import { openConnection } from '../../../../../src/log/postgres/session/log-connection.js';
import { migrate } from '../../../../../src/log/postgres/upkeep/migrations.js';
import { Upkeep } from '../../../../../src/log/postgres/upkeep/upkeep.js';
import {
  runTask,
  TASK_LOCK_CLASS,
  type UpkeepTask,
} from '../../../../../src/log/postgres/upkeep/upkeep-task.js';

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

const connect = () =>
  openConnection({ databaseUrl: server.url, applicationName: 'conduit/t/w0/upkeep' });
const TASKS = ['expiry', 'orphans', 'partitions', 'retention'];
const due = (): Promise<unknown> => admin.query("UPDATE conduit.upkeep SET ran_at = '-infinity'");

async function dueTasks(): Promise<string[]> {
  const sql = "SELECT task FROM conduit.upkeep WHERE ran_at > '-infinity'";
  const done = (await admin.query<{ task: string }>(sql)).rows.map(({ task }) => task);
  return TASKS.filter((task) => !done.includes(task));
}

function taskOf(run: UpkeepTask['run']): UpkeepTask {
  return { name: 'retention', every: '1 hour', run };
}

t.test('whoever is at it is alone, and whoever comes behind finds it done', async (t) => {
  await due();
  const [one, other] = await Promise.all([connect(), connect()]);
  let go: () => void = () => undefined;
  let runs = 0;
  const slow = taskOf(async () => {
    runs++;
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    return 'done';
  });
  const first = runTask(one, slow);
  await eventually(() => runs === 1);
  t.equal(await runTask(other, slow), 'busy');
  go();
  t.equal(await first, 'done');
  t.equal(await runTask(other, slow), 'not due');
  t.equal(runs, 1);
  const { rows } = await admin.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'");
  t.same(rows, [], 'nobody keeps the lock');
  await Promise.all([one.end(), other.end()]);
});

t.test('one that dies at it leaves it to the next; one that fails, to its next time', async (t) => {
  await due();
  const [dies, next] = await Promise.all([connect(), connect()]);
  const cut = taskOf(async (session) => {
    await session.query('SELECT pg_terminate_backend(pg_backend_pid())');
    return 'done';
  });
  await t.rejects(runTask(dies, cut));
  t.ok((await dueTasks()).includes('retention'));
  const waits = taskOf(async () => 'again');
  t.equal(await runTask(next, waits), 'again');
  t.ok((await dueTasks()).includes('retention'), 'what something was in the way of stays due');
  const fails = taskOf(async () => Promise.reject(new Error('a fault')));
  await t.rejects(runTask(next, fails), { message: 'a fault' });
  t.notOk((await dueTasks()).includes('retention'));
  await next.end();
});

t.test('a worker does what is placed on it, all of that, and at once when more is', async (t) => {
  await due();
  const placed = new Set(['retention']);
  const trouble: unknown[] = [];
  const upkeep = new Upkeep({
    connect,
    clock: systemClock,
    limits: { ...DEFAULT_LIMITS, retentionHours: 24 },
    keepsUp: (task) => placed.has(task),
    db: admin,
    onSnapshot: null,
    onTrouble: (error) => trouble.push(error),
  });
  await upkeep.start();
  await upkeep.turn();
  t.same(await dueTasks(), ['expiry', 'orphans', 'partitions']);
  // Another node died, which was frozen at one of them first: its lock is still there.
  const name = 'expiry';
  await admin.query('SELECT pg_advisory_lock($1, hashtext($2))', [TASK_LOCK_CLASS, name]);
  for (const task of TASKS) placed.add(task);
  upkeep.moved();
  await eventually(async () => (await dueTasks()).join() === 'expiry', 5_000);
  await admin.query('SELECT pg_advisory_unlock_all()');
  await eventually(async () => (await dueTasks()).length === 0, 5_000);
  await upkeep.stop();
  t.same(trouble, []);
});

t.test('the lock of a node that is frozen at a task goes by itself', async (t) => {
  await due();
  let thaw: () => void = () => undefined;
  const frozen = new Promise<void>((resolve) => {
    thaw = resolve;
  });
  const locks = `pg_try_advisory_lock(${TASK_LOCK_CLASS}`;
  const upkeep = new Upkeep({
    connect: async () => {
      const session = await connect();
      const query = async <R extends pg.QueryResultRow>(text: string, values?: unknown[]) => {
        const result = await session.query<R>(text, values);
        if (text.includes(locks)) await frozen;
        return result;
      };
      return { query: query as typeof session.query, end: () => session.end() };
    },
    clock: systemClock,
    limits: { ...DEFAULT_LIMITS, retentionHours: 24 },
    keepsUp: () => true,
    db: admin,
    onSnapshot: null,
    onTrouble: () => undefined,
  });
  const turn = upkeep.turn().catch(() => 'broken off');
  const held = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = ${TASK_LOCK_CLASS}`;
  await eventually(async () => (await admin.query(held)).rowCount === 1);
  await eventually(async () => (await admin.query(held)).rowCount === 0, 5_000);
  thaw();
  t.equal(await turn, 'broken off');
  t.same(await dueTasks(), TASKS, 'nothing was done, and others may');
  await upkeep.stop();
});

t.test('one that fails is in the way of no other, and is told', async (t) => {
  await due();
  await admin.query('ALTER FUNCTION conduit.settle_heads(date, integer) RENAME TO elsewhere');
  const upkeep = new Upkeep({
    connect,
    clock: systemClock,
    limits: { ...DEFAULT_LIMITS, retentionHours: 24 },
    keepsUp: () => true,
    db: admin,
    onSnapshot: null,
    onTrouble: () => undefined,
  });
  await t.rejects(upkeep.turn(), { message: /settle_heads/ });
  t.same(await dueTasks(), [], 'the one that failed is due at its next time');
  await admin.query('ALTER FUNCTION conduit.elsewhere(date, integer) RENAME TO settle_heads');
  await upkeep.stop();
});
