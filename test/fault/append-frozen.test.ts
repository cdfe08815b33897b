// Goal: a Conduit session frozen inside COPY is ended by whoever waits for its topic; sessions that are
// not of Conduit never are.
import pg from 'pg';
import t from 'tap';
import { migrate } from '../../src/log/migrations.js';
import { TestAppend } from '../contract/recording-sink.js';
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
