// Goal: what a held snapshot costs is measured under one that is really held, and only in its phase; a
// snapshot that was lost, or a window that went wrong, is no figure; the scenario runs for everything that
// is in it, and tells window by window. It says nothing of speed.
import pg from 'pg';
import t from 'tap';
import type { Sample } from '../../native-bench/contender.js';
import { watchDisk } from '../../native-bench/disk.js';
import { phasesOf } from '../../native-bench/held.js';
import { buildLoadgen } from '../../native-bench/loadgen.js';
import { Places } from '../../native-bench/places.js';
import { partTables } from '../../native-bench/report/table.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { runScenario } from '../../native-bench/runner.js';
import type { HeldWork } from '../../native-bench/scenario.js';
import { heldSnapshot } from '../../native-bench/scenarios/held-snapshot.js';

const WORK: HeldWork = { kind: 'held', count: 'published', load: {}, seconds: 4 };
const TIMES = { warmup: 0.1, duration: 0.5 };
const LONGER = { ...TIMES, duration: 1 };
const HELD = `SELECT pid, state FROM pg_stat_activity
  WHERE application_name = 'held-snapshot' AND backend_xmin IS NOT NULL`;

const postgres = await startPostgres();
const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
t.teardown(async () => {
  await client.end();
  await postgres.stop();
});

/** The machine of both loads: what it does in each pair of windows, the first of which warms up. */
const SPEEDS = [1, 1, 2, 1, 1, 1 / 2, 1 / 2, 4];
/** What the snapshot leaves of it. */
const SHARES = [1, 1, 1, 1, 1 / 2, 1 / 2, 1 / 8, 2];

t.test('a snapshot is held in its phase, and in no other', async (t) => {
  const seen: string[] = [];
  const rates = { measure: 0, control: 0 };
  const measure = async (): Promise<Sample> => {
    seen.push((await held()).map(({ state }) => state).join() || 'none');
    const n = rates.measure++;
    return sample(64 * (SPEEDS[n] ?? 0) * (SHARES[n] ?? 0));
  };
  const control = async (): Promise<Sample> => sample(64 * (SPEEDS[rates.control++] ?? 0));
  const load = { measure, control, database: postgres.url };
  const measured = await phasesOf(WORK, load, TIMES);
  const { problems, more, perSecond } = measured.sample;
  t.same(problems, []);
  const inside = 'idle in transaction';
  t.same(seen, ['none', 'none', ...Array(4).fill(inside), 'none']);
  t.same(
    measured.windows?.map(({ phase }) => phase),
    ['before', ...Array(4).fill('held'), 'after'],
  );
  t.equal(perSecond, 48);
  t.match(more, { before_per_s: 64, held_by_before: 3 / 4, p99_held_by_before: 3 / 2 });
  t.match(more, { end_by_before: 1 / 2, p99_end_by_before: 2, cpu_end_by_before: 2 });
  t.match(more, { after_by_before: 1 / 8, p99_after_by_before: 8 });
});

t.test('a snapshot that ended before its time is no figure', async (t) => {
  const measure = async (): Promise<Sample> => {
    for (const { pid } of await held())
      await client.query('SELECT pg_terminate_backend($1)', [pid]);
    return sample(1);
  };
  const load = { measure, control: quiet, database: postgres.url };
  const { sample: failed } = await phasesOf(WORK, load, TIMES);
  t.match(failed.problems, [/^the session that held the snapshot was ended: /]);
  t.equal(failed.perSecond, 0);
});

t.test('a window that went wrong ends it, and the snapshot with it', async (t) => {
  let windows = 0;
  const measure = async (): Promise<Sample> => {
    windows += 1;
    return { ...sample(1), problems: windows === 5 ? ['it broke'] : [] };
  };
  const load = { measure, control: quiet, database: postgres.url };
  const { sample: failed } = await phasesOf(WORK, load, TIMES);
  t.match(failed.problems, [/^held, \d s: it broke$/]);
  t.equal(windows, 5);
  t.same(await held(), []);
  const other = { ...load, measure: quiet, control: measure };
  windows = 0;
  const { sample: beside } = await phasesOf(WORK, other, TIMES);
  t.match(beside.problems, [/^held, \d s: the control: it broke$/]);
  const none = phasesOf(WORK, { ...load, database: null }, TIMES);
  await t.rejects(none, { message: 'it has no database that somebody could hold' });
});

t.test('what a load leaves on the disk is told by message', async (t) => {
  await client.query('CREATE TABLE kept (n int PRIMARY KEY, text text)');
  const disk = await watchDisk(postgres.url);
  await client.query("INSERT INTO kept SELECT n, repeat('x', 500) FROM generate_series(1, 2000) n");
  const bytes = await disk.bytes(2_000);
  t.ok((bytes['wal_bytes_a_message'] ?? 0) > 500);
  t.ok((bytes['table_bytes_a_message'] ?? 0) > 500 && (bytes['table_bytes_a_message'] ?? 0) < 700);
  t.ok((bytes['index_bytes_a_message'] ?? 0) > 10 && (bytes['index_bytes_a_message'] ?? 0) < 100);
});

t.test('the scenario measures Conduit, pgbench and a queue, window by window', async (t) => {
  await buildLoadgen(() => undefined);
  const mode = { quick: false, peers: true, held: 2, profiles: null, runs: 3, ...LONGER };
  // Publishes of 8 connections are among --quick, which has a test.
  const entries = heldSnapshot.entries.filter(({ name }) => !name.endsWith('connections'));
  const places = await Places.open();
  t.teardown(() => places.close());
  const { rows } = await runScenario({ ...heldSnapshot, entries }, mode, places, () => undefined);
  t.same(
    rows.map(({ entry }) => entry.name),
    ['acknowledged delivery', 'pgbench', 'skip-locked-queue'],
  );
  // A machine may stand still for as long as a window is: then there is no figure, and it is said.
  const stood = 'nothing was done before the snapshot';
  const measured = rows.filter(
    ({ missing, problems }) => missing === null && problems[0] !== stood,
  );
  for (const { entry, problems, runs, windows, summary, figure } of measured) {
    t.same(problems, [], entry.name);
    t.equal(runs.length, 1, 'one run, whatever --runs says');
    t.same(
      windows.map(({ phase }) => phase),
      ['before', 'held', 'after'],
      entry.name,
    );
    t.equal(figure?.median, summary?.more['end_by_before']);
    const isDelivery = entry.work.kind === 'held' && entry.work.count === 'delivered';
    t.equal(windows[0]?.deliveryUs !== null, isDelivery, entry.name);
  }
  const parts = rows.flatMap(partTables);
  t.same(
    parts.map(({ title }) => title),
    measured.map(({ entry }) => `${entry.name}, window by window`),
  );
  for (const { table } of parts) {
    t.match(table.lines[0], ['before', '0 s', /^[\d,]+\/s$/, /x$/, /^[\d.]+ \/ [\d.]+ \/ [\d.]+$/]);
    t.match(table.lines[0]?.at(-1), /postgres [\d.]/);
  }
});

async function quiet(): Promise<Sample> {
  return sample(1);
}

async function held(): Promise<{ pid: number; state: string }[]> {
  return (await client.query<{ pid: number; state: string }>(HELD)).rows;
}

/** Latency and CPU fall as the rate rises: in binary fractions, so that quotients are exact. */
function sample(perSecond: number): Sample {
  const us = 1_000 / perSecond;
  const latencyUs = { p50: us, p90: us, p95: us, p99: us, p999: us, max: us, mean: us };
  const cpuUs = { server: us / 2, postgres: us / 2, loadgen: 7 };
  return { perSecond, latencyUs, deliveryUs: null, cpuUs, more: {}, problems: [] };
}
