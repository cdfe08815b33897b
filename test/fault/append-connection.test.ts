// Goal: whatever connection breaks at whatever moment, a committed append is in the log at its place,
// a failed one is not, nothing is there twice and sequences are contiguous (I1, I2).
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { TestAppend } from '../contract/recording-sink.js';
import { disorderOf, faultsOf, judgeAppends, loadAppends } from '../support/log/append-load.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';

const server = await startPostgres();
await migrate(server.url);
t.teardown(() => server.stop());

t.test('two logs on one database share topics without gaps or repeats', async (t) => {
  const one = await openPostgresLog(server.url, 'one');
  const two = await openPostgresLog(server.url, 'two');
  const topicIds = await makeTopics(one.log, 'shared', 5);
  const end = performance.now() + 4_000;
  const until = (): boolean => performance.now() > end;
  const load = { topicIds, publishers: 64, until };
  const each = await Promise.all([
    loadAppends({ log: one.log, ...load }),
    loadAppends({ log: two.log, ...load }),
  ]);
  for (const told of each) t.same(disorderOf(told), [], 'in the order of sending');
  const told = each.flat();
  await Promise.all([one.log.close(), two.log.close()]);
  const appends = told.map(({ append }) => append);
  const verdict = await judgeAppends(server.url, topicIds, appends);
  t.comment(`${verdict.committed} committed`);
  t.same(faultsOf(verdict), []);
  t.same(verdict.failed, {}, 'nobody was refused');
  t.ok(verdict.committed > 500);
});

t.test('backends terminated again and again lose and repeat nothing', async (t) => {
  const { log, sink } = await openPostgresLog(server.url, 'cut');
  const topicIds = await makeTopics(log, 'cut', 5);
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const end = performance.now() + 6_000;
  const loading = loadAppends({
    log,
    topicIds,
    publishers: 64,
    until: () => performance.now() > end,
  });
  let cuts = 0;
  while (performance.now() < end) {
    const { rowCount } = await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name LIKE 'conduit/cut/%'`,
    );
    cuts += rowCount ?? 0;
    const before = sink.commits.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    // On a busy machine it may take longer; what is cut off for 2 s is told so.
    await eventually(() => sink.commits.length > before || performance.now() > end);
  }
  const told = await loading;
  t.same(disorderOf(told), [], 'in the order of sending');
  const appends = told.map(({ append }) => append);
  await eventually(() => log.state === 'open', 5_000);
  const late = new TestAppend(topicIds[0] ?? 0, { payload: Buffer.from('{}') });
  log.append(late);
  log.flush();
  await eventually(() => late.outcome?.kind === 'committed', 5_000);
  await admin.end();
  await log.close();
  const verdict = await judgeAppends(server.url, topicIds, [...appends, late]);
  t.comment(`${verdict.committed} committed, ${cuts} backends ended`, verdict.failed);
  t.same(faultsOf(verdict), []);
  t.same(verdict.failed, {}, 'what was not stored was sent again');
  t.ok(verdict.committed > 500);
  t.ok(cuts > 20);
});

t.test('kill -9 of PostgreSQL under load: told, resolved, recovered', async (t) => {
  const { log } = await openPostgresLog(server.url, 'kill');
  const topicIds = await makeTopics(log, 'kill', 5);
  let done = false;
  const loading = loadAppends({ log, topicIds, publishers: 64, until: () => done, pauseMs: 1 });
  const downs: [number, number][] = [];
  const probes: TestAppend[] = [];
  for (let kill = 0; kill < 2; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const from = performance.now();
    await server.kill9();
    // All of the load may be in the one batch whose COMMIT was not answered: this one is not.
    const probe = new TestAppend(topicIds[0] ?? 0, { payload: Buffer.from('{}') });
    probes.push(probe);
    log.append(probe);
    log.flush();
    // Within 2 s on a machine that is free.
    await eventually(() => probe.outcome !== null, 10_000);
    t.comment(`told after ${Math.round(performance.now() - from)} ms`);
    t.match(probe.outcome, { kind: 'failed', code: 'log_unavailable' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    downs.push([from, performance.now()]);
    await server.start();
    await eventually(() => log.state === 'open', 10_000);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  done = true;
  const told = await loading;
  t.same(disorderOf(told), [], 'in the order of sending');
  await log.close();
  const appends = [...told.map(({ append }) => append), ...probes];
  const verdict = await judgeAppends(server.url, topicIds, appends);
  t.comment(`${verdict.committed} committed, ${verdict.rows} rows`, verdict.failed);
  t.same(faultsOf(verdict), []);
  const slow = told.filter(({ append, sentAtMs, answeredAtMs }) => {
    const isDown = downs.some(([from, to]) => sentAtMs > from && sentAtMs < to - 2_000);
    const wait = answeredAtMs - sentAtMs;
    return isDown && append.outcome?.kind === 'failed' && wait > 2_000;
  });
  t.equal(slow.length, 0, 'whoever published while it was away knew within 2 s');
});
