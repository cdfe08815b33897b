// Goal: whoever holds one topic's row delays that topic only, and its publishers are told in time; a
// Conduit session frozen inside COPY is ended by whoever waits for it.
import pg from 'pg';
import t from 'tap';
import { migrate } from '../../src/log/migrations.js';
import { TestAppend } from '../contract/recording-sink.js';
import type { Told } from '../support/append-load.js';
import { faultsOf, judgeAppends, loadAppends } from '../support/append-load.js';
import { eventually } from '../support/eventually.js';
import { startPostgres } from '../support/postgres.js';
import { makeTopics, openPostgresLog } from '../support/postgres-log.js';

const LOCK_SQL = 'SELECT 1 FROM conduit.topics WHERE id = ANY($1::bigint[]) FOR UPDATE';

const server = await startPostgres();
await migrate(server.url);
t.teardown(() => server.stop());

async function connect(applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: server.url,
    application_name: applicationName,
  });
  // One of them is terminated on purpose.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

function percentile(told: readonly Told[], share: number): number {
  const waits = told.map(({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs);
  return waits.sort((a, b) => a - b)[Math.floor((waits.length - 1) * share)] ?? 0;
}

t.test('rows held for 10 s leave other topics alone; theirs are told topic_busy', async (t) => {
  const { log } = await openPostgresLog(server.url, 'held');
  const free = await makeTopics(log, 'free', 10);
  const held = await makeTopics(log, 'held', 8);
  const run = (topicIds: number[], ms: number, publishers: number): Promise<Told[]> => {
    const end = performance.now() + ms;
    return loadAppends({ log, topicIds, publishers, until: () => performance.now() > end });
  };
  const before = await run(free, 3_000, 32);
  const holder = await connect('psql');
  await holder.query('BEGIN');
  await holder.query(LOCK_SQL, [held]);
  const [during, blocked] = await Promise.all([run(free, 10_000, 32), run(held, 10_000, 16)]);
  await holder.query('ROLLBACK');
  const after = await run(held, 1_000, 16);
  await holder.end();
  await log.close();
  const [calm, busy] = [percentile(before, 0.99), percentile(during, 0.99)];
  t.comment(
    `p99 of free topics ${calm.toFixed(1)} ms, while others are held ${busy.toFixed(1)} ms`,
  );
  t.ok(busy < Math.max(2 * calm, 20), 'p99 of free topics');
  t.ok(percentile(blocked, 1) < 10_000, `longest wait ${Math.round(percentile(blocked, 1))} ms`);
  const all = [...before, ...during, ...blocked, ...after].map(({ append }) => append);
  const verdict = await judgeAppends(server.url, [...free, ...held], all);
  t.comment('', verdict.failed);
  t.same(faultsOf(verdict), []);
  t.same(Object.keys(verdict.failed), ['topic_busy']);
  t.ok(during.every(({ append }) => append.outcome?.kind === 'committed'));
  t.ok(after.slice(-16).every(({ append }) => append.outcome?.kind === 'committed'));
});

t.test('a session frozen inside COPY is ended within 10 s', async (t) => {
  const { log } = await openPostgresLog(server.url, 'waits');
  const [topicId = 0] = await makeTopics(log, 'frozen', 1);
  const frozen = await connect('conduit/frozen/w0/append');
  await frozen.query('BEGIN');
  await frozen.query(LOCK_SQL, [[topicId]]);
  // Raw: COPY is begun and its data never come.
  frozen.connection.stream.write(simpleQuery('COPY conduit.messages FROM STDIN (FORMAT binary)'));
  const from = performance.now();
  const appends: TestAppend[] = [];
  await eventually(async () => {
    const append = new TestAppend(topicId, { payload: Buffer.from('{}') });
    appends.push(append);
    log.append(append);
    log.flush();
    await eventually(() => append.outcome !== null, 15_000);
    return append.outcome?.kind === 'committed';
  });
  const stoppedMs = performance.now() - from;
  t.comment(`the topic was stopped for ${Math.round(stoppedMs)} ms`);
  t.ok(stoppedMs < 10_000);
  await log.close();
  const verdict = await judgeAppends(server.url, [topicId], appends);
  t.same(faultsOf(verdict), []);
});

t.test('a session that is not of Conduit is never ended', async (t) => {
  const { log } = await openPostgresLog(server.url, 'spares');
  const [topicId = 0] = await makeTopics(log, 'foreign', 1);
  const foreign = await connect('psql');
  await foreign.query('BEGIN');
  await foreign.query(LOCK_SQL, [[topicId]]);
  const end = performance.now() + 7_500;
  const told = await loadAppends({
    log,
    topicIds: [topicId],
    publishers: 1,
    until: () => performance.now() > end,
  });
  t.ok(told.every(({ append }) => append.outcome?.kind === 'failed'));
  t.same((await foreign.query('SELECT 1 AS alive')).rows, [{ alive: 1 }]);
  await foreign.end();
  await log.close();
});

function simpleQuery(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const head = Buffer.alloc(5);
  head.write('Q');
  head.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([head, text]);
}
