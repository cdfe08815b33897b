// Goal: what PostgreSQL refuses about one message fails that message; what it refuses in general fails
// with a code that says so, and ends when the cause does.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { TestAppend } from '../contract/recording-sink.js';
import { faultsOf, judgeAppends } from '../support/log/append-load.js';
import type { TestLog } from '../support/log/postgres-log.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

async function put({ log }: TestLog, appends: readonly TestAppend[]): Promise<void> {
  for (const append of appends) log.append(append);
  log.flush();
  await eventually(() => appends.every((append) => append.outcome !== null), 15_000);
}

function message(topicId: number, body: string, more = {}): TestAppend {
  return new TestAppend(topicId, { payload: Buffer.from(body), ...more });
}

t.test('poisoned messages fail alone, in small and in large batches', async (t) => {
  const open = await openPostgresLog(server.url, 'poison');
  const topicIds = await makeTopics(open.log, 'poison', 3);
  const all: TestAppend[] = [];
  for (const size of [100, 20_000]) {
    const body = JSON.stringify('x'.repeat(size));
    const appends = Array.from({ length: 300 }, (_, n) =>
      message(topicIds[n % 3] ?? 0, body, { key: n === 17 || n === 230 ? 'a\0b' : `${n}` }),
    );
    await put(open, appends);
    appends.forEach((append, n) => {
      const expected = n === 17 || n === 230 ? 'message_refused' : 'committed';
      const { outcome } = append;
      const got = outcome?.kind === 'failed' ? outcome.code : outcome?.kind;
      if (got !== expected) t.fail(`${n} of ${size} bytes: ${got}`);
    });
    for (const topicId of topicIds) {
      const sequences = appends
        .filter((append) => append.topicId === topicId && append.sequence > 0)
        .map((append) => append.sequence);
      t.same(
        sequences,
        sequences.toSorted((a, b) => a - b),
        'in order',
      );
    }
    all.push(...appends);
  }
  const keyed = [
    message(topicIds[0] ?? 0, '1', { dedupeKey: 'a\0b' }),
    message(topicIds[0] ?? 0, '2'),
  ];
  await put(open, keyed);
  t.match(keyed[0]?.outcome, { kind: 'failed', code: 'message_refused' });
  t.match(keyed[1]?.outcome, { kind: 'committed' });
  t.equal(open.log.state, 'open');
  const [told] = open.troubles;
  t.equal(told?.line, 'a message was refused (tenant default)');
  t.equal(told?.kind, 'a message was refused', 'of whichever tenant');
  await open.log.close();
  const verdict = await judgeAppends(server.url, topicIds, [...all, ...keyed]);
  t.same(faultsOf(verdict), []);
});

t.test('a read-only database is told as such, and ends by itself', async (t) => {
  const open = await openPostgresLog(server.url, 'ro');
  const [topicId = 0] = await makeTopics(open.log, 'ro', 1);
  await put(open, [message(topicId, '1')]);
  const setReadOnly = async (value: 'on' | 'off'): Promise<void> => {
    await admin.query('SET default_transaction_read_only = off');
    await admin.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await admin.query('SELECT pg_reload_conf()');
  };
  await setReadOnly('on');
  await eventually(async () => {
    const append = message(topicId, '2');
    await put(open, [append]);
    return append.outcome?.kind === 'failed' && append.outcome.code === 'log_read_only';
  }, 10_000);
  t.equal(open.log.state, 'read_only');
  const page = { fromSequence: 1, toSequence: 1, rowsMax: 1, bytesMax: 1_000, order: 'asc' };
  t.equal((await open.log.read({ topicId, ...page, order: 'asc' })).rows.length, 1, 'reads go on');
  await setReadOnly('off');
  await eventually(async () => {
    const append = message(topicId, '3');
    await put(open, [append]);
    return append.outcome?.kind === 'committed';
  }, 10_000);
  await eventually(() => open.log.state === 'open', 5_000);
  await open.log.close();
});

for (const messages of [1, 2]) {
  t.test(`a missing partition is made, and a batch of ${messages} is stored`, async (t) => {
    const open = await openPostgresLog(server.url, 'leaf');
    const [topicId = 0] = await makeTopics(open.log, `leaf${messages}`, 1);
    const { rows } = await admin.query<{ leaf: string }>(
      `SELECT 'conduit.messages_' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD') AS leaf`,
    );
    await admin.query(`DROP TABLE ${rows[0]?.leaf}`);
    const appends = Array.from({ length: messages }, (_, n) => message(topicId, `${n}`));
    await put(open, appends);
    for (const { outcome } of appends) t.match(outcome, { kind: 'committed' });
    await open.log.close();
  });
}

t.test(
  'of one dedupe key on two logs at once one is stored, the others get its place',
  async (t) => {
    const logs = [await openPostgresLog(server.url, 'd1'), await openPostgresLog(server.url, 'd2')];
    const [topicId = 0] = await makeTopics((logs[0] as TestLog).log, 'dedupe', 1);
    const all: TestAppend[] = [];
    for (let round = 0; round < 20; round++) {
      const each = logs.map((open) => {
        const same = Array.from({ length: 3 }, () =>
          message(topicId, 'a', { dedupeKey: `k${round}` }),
        );
        return { open, appends: [...same, message(topicId, 'b', { dedupeKey: `k${round}` })] };
      });
      await Promise.all(each.map(({ open, appends }) => put(open, appends)));
      const appends = each.flatMap((one) => one.appends);
      all.push(...appends);
      const stored = appends.filter(({ outcome }) => outcome?.kind === 'committed');
      const repeats = appends.filter(({ outcome }) => outcome?.kind === 'duplicate');
      t.equal(stored.length, 1);
      t.equal(repeats.length, 5);
      for (const { outcome } of repeats) {
        if (outcome?.kind === 'duplicate') t.equal(outcome.first.sequence, stored[0]?.sequence);
      }
      const mismatches = appends.filter(({ publication }) => publication.payload[0] === 0x62);
      for (const { outcome } of mismatches) t.match(outcome, { code: 'dedupe_mismatch' });
    }
    for (const { log } of logs) await log.close();
    t.same(faultsOf(await judgeAppends(server.url, [topicId], all)), []);
  },
);
