// Goal: a log does not open where a commit would not be durable, says in one line why it cannot open,
// and knows its incarnation of the database again.

import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openConnection } from '../../src/log/postgres/session/log-connection.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { makeTopics, openPostgresLog } from '../support/log/postgres-log.js';
import { TENANT } from '../support/tenants/tenants.js';

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

t.test('sets synchronous_commit on where it is off, and leaves what is stronger', async (t) => {
  for (const [theirs, ours] of [
    ['off', 'on'],
    ['remote_apply', 'remote_apply'],
  ]) {
    await admin.query(`ALTER DATABASE postgres SET synchronous_commit = ${theirs}`);
    const options = { databaseUrl: server.url, applicationName: 'conduit/sync/w0/append' };
    const client = await openConnection(options);
    t.same((await client.query('SHOW synchronous_commit')).rows, [{ synchronous_commit: ours }]);
    await client.end();
  }
  await admin.query('ALTER DATABASE postgres RESET synchronous_commit');
});

t.test('is refused with full_page_writes off', async (t) => {
  await admin.query('ALTER SYSTEM SET full_page_writes = off');
  await admin.query('SELECT pg_reload_conf()');
  await eventually(async () => {
    const { rows } = await admin.query('SHOW full_page_writes');
    return rows[0]?.full_page_writes === 'off';
  });
  await t.rejects(openPostgresLog(server.url, 'pages'), {
    name: 'LogConfigurationError',
    message: /^DATABASE_URL: full_page_writes is off[^\n]*$/,
  });
  await admin.query('ALTER SYSTEM RESET full_page_writes');
  await admin.query('SELECT pg_reload_conf()');
  await eventually(async () => {
    const { rows } = await admin.query('SHOW full_page_writes');
    return rows[0]?.full_page_writes === 'on';
  });
});

t.test('nobody at the address is told at once, in one line', async (t) => {
  const port = await freePort();
  const from = performance.now();
  for (const host of ['127.0.0.1', 'localhost']) {
    await t.rejects(openPostgresLog(`postgres://x@${host}:${port}/db`, 'nobody'), {
      message: /^the log cannot be reached at [^\n]*ECONNREFUSED[^\n]*$/,
    });
  }
  t.ok(performance.now() - from < 3_000);
});

t.test('the epoch is the same for every log and after a reconnect', async (t) => {
  const one = await openPostgresLog(server.url, 'e1');
  const two = await openPostgresLog(server.url, 'e2');
  const [topicId = 0, otherId = 0] = await makeTopics(one.log, 'epoch', 2);
  const epoch = one.log.epochOf(topicId);
  t.match(epoch, /^[0-9a-z]{1,32}$/);
  t.equal(two.log.epochOf(topicId), epoch);
  t.not(one.log.epochOf(otherId), epoch);
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name LIKE 'conduit/e1/%'`,
  );
  await eventually(async () => {
    const { rows } = await admin.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'conduit/e1/w0/append'`,
    );
    return rows.length === 1;
  });
  t.equal(one.log.epochOf(topicId), epoch);
  t.equal(one.sink.epochChanges, 0);
  await Promise.all([one.log.close(), two.log.close()]);
});

t.test('sessions say whose they are and what for', async (t) => {
  const { log } = await openPostgresLog(server.url, 'settings');
  await log.totals(TENANT);
  const { rows } = await admin.query<{ name: string }>(
    `SELECT application_name AS name FROM pg_stat_activity
     WHERE application_name LIKE 'conduit/settings/w0/%' ORDER BY 1`,
  );
  t.same(
    [...new Set(rows.map(({ name }) => name.split('/').at(-1)))].filter((p) => p !== 'release'),
    ['append', 'query'],
  );
  await log.close();
});
