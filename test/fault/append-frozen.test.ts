// Goal: a topic locked for a moment does not wait behind such as are locked for long; a Conduit
// session frozen inside COPY is ended by whoever waits for its topic; sessions that are not of
// Conduit never are.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { TestAppend } from '../contract/recording-sink.js';
import { faultsOf, judgeAppends, loadAppends } from '../support/log/append-load.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';

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

t.test('a moment of waiting stays a moment while other topics are held for long', async (t) => {
  const { log } = await openPostgresLog(server.url, 'brief');
  const held = await makeTopics(log, 'stuck', 4);
  const [brief = 0] = await makeTopics(log, 'brief', 1);
  const [holder, other] = [await connect('psql'), await connect('psql')];
  await holder.query('BEGIN');
  await holder.query(LOCK_SQL, [held]);
  await other.query('BEGIN');
  await other.query(LOCK_SQL, [[brief]]);
  const append = (topicId: number): TestAppend => {
    const one = new TestAppend(topicId, { payload: Buffer.from('{}') });
    log.append(one);
    return one;
  };
  const stuck = held.map(append);
  log.flush();
  const from = performance.now();
  const one = append(brief);
  log.flush();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await other.query('ROLLBACK');
  await eventually(() => one.outcome !== null, 10_000);
  t.equal(one.outcome?.kind, 'committed');
  t.ok(performance.now() - from < 2_000, `${Math.round(performance.now() - from)} ms`);
  await eventually(() => stuck.every(({ outcome }) => outcome !== null), 10_000);
  for (const { outcome } of stuck) t.match(outcome, { kind: 'failed', code: 'topic_busy' });
  t.ok(performance.now() - from < 5_000, `${Math.round(performance.now() - from)} ms`);
  await Promise.all([holder.end(), other.end(), log.close()]);
});

t.test('many topics held for long: whoever comes later is told as soon', async (t) => {
  const { log } = await openPostgresLog(server.url, 'many');
  const held = await makeTopics(log, 'many', 100);
  const holder = await connect('psql');
  await holder.query('BEGIN');
  await holder.query(LOCK_SQL, [held]);
  const waits: number[] = [];
  const wave = async (): Promise<void> => {
    const from = performance.now();
    const appends = held.map((id) => new TestAppend(id, { payload: Buffer.from('{}') }));
    for (const append of appends) log.append(append);
    log.flush();
    await eventually(() => appends.every(({ outcome }) => outcome !== null), 20_000);
    for (const { outcome } of appends) t.match(outcome, { kind: 'failed', code: 'topic_busy' });
    waits.push(performance.now() - from);
  };
  const first = wave();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await Promise.all([first, wave()]);
  t.ok(Math.max(...waits) < 5_000, `${waits.map(Math.round).join(' and ')} ms`);
  await Promise.all([holder.end(), log.close()]);
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
