// Goal: a message that is appended alone, by one statement, is stored once and told its place, however
// the connection breaks: before the statement came, after its commit, or while its backend stands still.
import pg from 'pg';
import type { Test } from 'tap';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { TestAppend } from '../contract/recording-sink.js';
import { faultsOf, judgeAppends } from '../support/log/append-load.js';
import type { TestLog } from '../support/log/postgres-log.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';

/** In what the client binds, and in what the server says once it has committed. */
const STATEMENT = Buffer.from('\0append_one\0');
const INSERTED = Buffer.from('INSERT 0 1\0');

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
const proxy = await startCutProxy(server.port);
const url = server.url.replace(`:${server.port}/`, `:${proxy.port}/`);
t.teardown(async () => {
  proxy.close();
  await admin.end();
  await server.stop();
});
t.beforeEach(() => {
  proxy.fromServer = () => 'pass';
  proxy.fromClient = () => 'pass';
  proxy.door = 'open';
});

function sendOne({ log }: TestLog, topicId: number): TestAppend {
  const append = new TestAppend(topicId, { payload: Buffer.from('{"n":1}') });
  log.append(append);
  log.flush();
  return append;
}

/** One that goes alone, then two that queue behind it. */
async function sendThree(open: TestLog, topicId: number): Promise<TestAppend[]> {
  const appends = [1, 2, 3].map(() => sendOne(open, topicId));
  await eventually(() => appends.every(({ outcome }) => outcome !== null), 15_000);
  return appends;
}

async function judge(t: Test, appends: readonly TestAppend[]): Promise<void> {
  const topicIds = [...new Set(appends.map(({ topicId }) => topicId))];
  t.same(
    appends.map(({ sequence }) => sequence),
    appends.map((_, n) => n + 1),
  );
  t.same(faultsOf(await judgeAppends(server.url, topicIds, appends)), []);
  const { rows } = await admin.query<{ ms: string }>(
    `SELECT (extract(epoch FROM published_at) * 1000)::bigint AS ms FROM conduit.messages
     WHERE topic_id = ANY($1::bigint[]) ORDER BY sequence`,
    [topicIds],
  );
  t.same(
    appends.map(({ outcome }) => outcome?.kind === 'committed' && outcome.publishedAtMs),
    rows.map(({ ms }) => Number(ms)),
  );
}

t.test('stored, and the answer is lost: committed at its place, once', async (t) => {
  const open = await openPostgresLog(url, 'stored');
  const [topicId = 0] = await makeTopics(open.log, 'stored', 1);
  let cuts = 0;
  proxy.fromServer = (chunk) => (chunk.includes(INSERTED) && cuts++ < 1 ? 'cut' : 'pass');
  const appends = await sendThree(open, topicId);
  await open.log.close();
  t.ok(cuts >= 1);
  await judge(t, appends);
});

t.test('the statement never came: appended again, before what came later', async (t) => {
  const open = await openPostgresLog(url, 'absent');
  const [topicId = 0] = await makeTopics(open.log, 'absent', 1);
  let cuts = 0;
  proxy.fromClient = (chunk) => (chunk.includes(STATEMENT) && cuts++ < 1 ? 'cut' : 'pass');
  const appends = await sendThree(open, topicId);
  await open.log.close();
  t.ok(cuts >= 1);
  await judge(t, appends);
});

t.test('the statement lies before a backend that stands still: stored once', async (t) => {
  const open = await openPostgresLog(url, 'still');
  const [topicId = 0] = await makeTopics(open.log, 'still', 1);
  const { rows } = await admin.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'conduit/still/w0%'`,
  );
  let cuts = 0;
  proxy.fromClient = (chunk) => (chunk.includes(STATEMENT) && cuts++ < 1 ? 'last' : 'pass');
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
  const sent = sendThree(open, topicId);
  await eventually(() => cuts > 0);
  // Long enough for a log that did not wait for the backend to have appended again.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  for (const { pid } of rows) process.kill(pid, 'SIGCONT');
  const appends = await sent;
  await open.log.close();
  await judge(t, appends);
});

t.test('its topic is held: another topic does not wait, and it is stored after', async (t) => {
  const open = await openPostgresLog(server.url, 'held');
  const [held = 0, free = 0] = await makeTopics(open.log, 'held', 2);
  await admin.query('BEGIN');
  await admin.query(`SELECT 1 FROM conduit.topics WHERE id = ${held} FOR UPDATE`);
  const waits = sendOne(open, held);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const other = sendOne(open, free);
  await eventually(() => other.outcome !== null, 1_000);
  t.equal(other.sequence, 1);
  t.equal(waits.outcome, null);
  await admin.query('ROLLBACK');
  await eventually(() => waits.outcome !== null);
  await judge(t, [waits]);
  await open.log.close();
});

t.test('the database stays silent: outcome_unknown, within 15 s', async (t) => {
  const open = await openPostgresLog(url, 'silent');
  const [topicId = 0] = await makeTopics(open.log, 'silent', 1);
  proxy.fromServer = (chunk) => {
    if (!chunk.includes(INSERTED)) return 'pass';
    proxy.door = 'silent';
    return 'swallow';
  };
  const append = sendOne(open, topicId);
  await eventually(() => append.outcome !== null, 15_000);
  t.match(append.outcome, { kind: 'failed', code: 'outcome_unknown' });
  proxy.door = 'open';
  proxy.fromServer = () => 'pass';
  await eventually(() => open.log.state === 'open', 8_000);
  const late = sendOne(open, topicId);
  await eventually(() => late.outcome !== null);
  t.equal(late.sequence, 2);
  await open.log.close();
});
