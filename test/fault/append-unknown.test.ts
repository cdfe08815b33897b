// Goal: when the answer to COMMIT is lost the log finds out what became of it: stored messages are
// committed at their place, others are appended again, and what cannot be found out is told as that.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { TestAppend } from '../contract/recording-sink.js';
import { faultsOf, judgeAppends } from '../support/log/append-load.js';
import type { TestLog } from '../support/log/postgres-log.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';

const COMMITTED = Buffer.from('COMMIT\0');
const ROWS = Buffer.from('PGCOPY\n');

const server = await startPostgres();
await migrate(server.url);
const proxy = await startCutProxy(server.port);
const url = server.url.replace(`:${server.port}/`, `:${proxy.port}/`);
t.teardown(async () => {
  proxy.close();
  await server.stop();
});
t.beforeEach(() => {
  proxy.fromServer = () => 'pass';
  proxy.fromClient = () => 'pass';
  proxy.door = 'open';
});

function send({ log }: TestLog, topicIds: readonly number[], more = {}): TestAppend[] {
  const appends = topicIds.flatMap((id) =>
    [1, 2, 3].map((n) => new TestAppend(id, { payload: Buffer.from(`{"n":${n}}`), ...more })),
  );
  for (const append of appends) log.append(append);
  log.flush();
  return appends;
}

async function answered(appends: readonly TestAppend[], ms = 10_000): Promise<void> {
  await eventually(() => appends.every(({ outcome }) => outcome !== null), ms);
}

t.test('stored, and the answer is lost: committed at its place, once', async (t) => {
  const open = await openPostgresLog(url, 'stored');
  const topicIds = await makeTopics(open.log, 'stored', 3);
  let cuts = 0;
  proxy.fromServer = (chunk) => (chunk.includes(COMMITTED) && cuts++ < 1 ? 'cut' : 'pass');
  const first = send(open, topicIds);
  const second = send(open, topicIds);
  await answered([...first, ...second]);
  await open.log.close();
  t.equal(cuts >= 1, true);
  t.same(
    [...first, ...second].map(({ sequence }) => sequence),
    [1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6],
  );
  t.same(faultsOf(await judgeAppends(server.url, topicIds, [...first, ...second])), []);
});

t.test('not stored: appended again, before what came later', async (t) => {
  const open = await openPostgresLog(url, 'absent');
  const topicIds = await makeTopics(open.log, 'absent', 3);
  let cuts = 0;
  proxy.fromClient = (chunk) => (chunk.includes(ROWS) && cuts++ < 1 ? 'cut' : 'pass');
  const first = send(open, topicIds);
  const second = send(open, topicIds);
  await answered([...first, ...second]);
  await open.log.close();
  t.equal(cuts >= 1, true);
  t.same(
    [...first, ...second].map(({ sequence }) => sequence),
    [1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6],
  );
  t.same(faultsOf(await judgeAppends(server.url, topicIds, [...first, ...second])), []);
});

t.test('with dedupe keys: repeats in the batch get the place that was found', async (t) => {
  const open = await openPostgresLog(url, 'keyed');
  const topicIds = await makeTopics(open.log, 'keyed', 1);
  const payload = Buffer.from('{}');
  let cuts = 0;
  proxy.fromServer = (chunk) => (chunk.includes(COMMITTED) && cuts++ < 1 ? 'cut' : 'pass');
  const appends = send(open, topicIds, { dedupeKey: 'k', payload });
  await answered(appends);
  await open.log.close();
  t.match(appends[0]?.outcome, { kind: 'committed', sequence: 1 });
  t.match(appends[1]?.outcome, { kind: 'duplicate', first: { sequence: 1 } });
  t.match(appends[2]?.outcome, { kind: 'duplicate', first: { sequence: 1 } });
});

t.test('COPY stalls half way: given up, and appended again, once', async (t) => {
  const limits = { batchBytesMax: 64 * 1024 * 1024 };
  const open = await openPostgresLog(url, 'half', limits);
  const topicIds = await makeTopics(open.log, 'half', 1);
  let stalls = 0;
  proxy.fromClient = (chunk) => (chunk.includes(ROWS) && stalls++ < 1 ? 'stall' : 'pass');
  const appends = Array.from(
    { length: 40 },
    () => new TestAppend(topicIds[0] ?? 0, { payload: Buffer.alloc(1024 * 1024) }),
  );
  for (const append of appends) open.log.append(append);
  open.log.flush();
  await answered(appends, 15_000);
  await open.log.close();
  t.ok(appends.every(({ outcome }) => outcome?.kind === 'committed'));
  t.same(faultsOf(await judgeAppends(server.url, topicIds, appends)), []);
});

t.test(
  'the database stays silent: outcome_unknown within 15 s, what queued is told before',
  async (t) => {
    const open = await openPostgresLog(url, 'silent');
    const topicIds = await makeTopics(open.log, 'silent', 2);
    proxy.fromServer = (chunk) => {
      if (!chunk.includes(COMMITTED)) return 'pass';
      proxy.door = 'silent';
      return 'swallow';
    };
    const from = performance.now();
    const first = send(open, topicIds);
    await eventually(() => proxy.door === 'silent');
    const queued = send(open, topicIds);
    await answered(queued, 9_000);
    for (const { outcome } of queued) t.match(outcome, { kind: 'failed', code: 'log_unavailable' });
    await answered(first, 15_000);
    for (const { outcome } of first) t.match(outcome, { kind: 'failed', code: 'outcome_unknown' });
    t.ok(performance.now() - from < 15_000, `${Math.round(performance.now() - from)} ms`);
    proxy.door = 'open';
    proxy.fromServer = () => 'pass';
    await eventually(() => open.log.state === 'open', 8_000);
    const late = send(open, topicIds);
    await answered(late);
    await open.log.close();
    const all = [...first, ...queued, ...late];
    t.same(faultsOf(await judgeAppends(server.url, topicIds, all)), []);
  },
);
