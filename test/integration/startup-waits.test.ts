// Goal: a start waits for what passes by itself, says why every few seconds, and gives up with exit
// code 75; it leaves nothing on a pooler's backends, and names whoever holds what it waits for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { COMMAND, cleanEnvironment, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { LOCK_KEY } from '../../src/log/postgres/upkeep/migration-files.js';
import { runCommand } from '../support/nodes/command.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';
import {
  type PoolerOptions,
  startTransactionPooler,
} from '../support/servers/transaction-pooler.js';

const postgres = await startPostgres();
const admin = new pg.Client({ connectionString: postgres.url });
admin.on('error', () => undefined);
await admin.connect();
t.teardown(async () => {
  await admin.end().catch(() => undefined);
  await postgres.stop();
});

async function environment(databaseUrl = postgres.url): Promise<Record<string, string>> {
  return { HOST: '127.0.0.1', PORT: String(await freePort()), DATABASE_URL: databaseUrl };
}

t.test('a transaction pooler is refused before anything is set or locked', async (t) => {
  const poolers: PoolerOptions[] = [
    { backends: 1, gives: 'longest free' },
    { backends: 2, gives: 'longest free' },
    { backends: 2, gives: 'last used' },
  ];
  for (const options of poolers) {
    const { backends } = options;
    const pooler = await startTransactionPooler(postgres.port, options);
    t.teardown(() => pooler.close());
    const env = await environment(`postgres://postgres@127.0.0.1:${pooler.port}/postgres`);
    const { code, stderr } = await runCommand(['serve'], env);
    t.equal(code, 78);
    t.match(stderr, /^conduit: DATABASE_URL: a transaction pooler is between/m);
    const { rows } = await admin.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'");
    t.same(rows, []);
    const through = new pg.Client({ host: '127.0.0.1', port: pooler.port, user: 'postgres' });
    await through.connect();
    for (let n = 0; n < backends; n++) {
      t.same((await through.query('SHOW statement_timeout')).rows, [{ statement_timeout: '0' }]);
      t.same((await through.query('SHOW lock_timeout')).rows, [{ lock_timeout: '0' }]);
    }
    await through.end();
    pooler.close();
  }
});

t.test('a lock that was left behind is told with who holds it', async (t) => {
  const holder = new pg.Client({ connectionString: postgres.url, application_name: 'old one' });
  await holder.connect();
  const { rows } = await holder.query<{ pid: number }>(
    `SELECT pg_backend_pid() AS pid FROM pg_advisory_lock(${LOCK_KEY})`,
  );
  const pid = rows[0]?.pid;
  const env = await environment();
  const given = await runCommand(['migrate'], { ...env, START_WAIT_MS: '300' });
  t.equal(given.code, 75);
  const line = `the lock of the migrations is held by process ${pid} of PostgreSQL (old one, `;
  t.match(given.stderr, `conduit: waiting, 0 of 1 s: ${line}`);
  t.match(given.stderr, new RegExp(`pg_terminate_backend\\(${pid}\\).*START_WAIT_MS=300`));

  const waiting = runCommand(['migrate'], env);
  await eventually(async () => {
    const { rowCount } = await admin.query(
      "SELECT 1 FROM pg_stat_activity WHERE application_name = 'conduit/migrations'",
    );
    return rowCount === 1;
  });
  await holder.end();
  const done = await waiting;
  t.equal(done.code, 0);
  t.match(done.stdout, /^applied 0001_log\.sql\n/);

  await admin.query(`SELECT pg_advisory_lock(${LOCK_KEY})`);
  const again = await runCommand(['migrate'], env);
  t.match([again.code, again.stdout], [0, /nothing to do/], 'an up-to-date schema needs no lock');
  await admin.query('SELECT pg_advisory_unlock_all()');
});

t.test('no connection free, for the start itself and for a worker', async (t) => {
  await admin.query('CREATE ROLE scarce LOGIN SUPERUSER CONNECTION LIMIT 0');
  // A superuser is never refused for the limit of its role.
  await admin.query('ALTER ROLE scarce NOSUPERUSER');
  await admin.query('GRANT ALL ON SCHEMA conduit TO scarce');
  await admin.query('GRANT ALL ON ALL TABLES IN SCHEMA conduit TO scarce');
  await admin.query('GRANT ALL ON ALL SEQUENCES IN SCHEMA conduit TO scarce');
  await admin.query('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA conduit TO scarce');
  const env = await environment(`postgres://scarce@127.0.0.1:${postgres.port}/postgres`);
  const refused = await runCommand(['serve'], { ...env, START_WAIT_MS: '300' });
  t.equal(refused.code, 75);
  t.match(
    refused.stderr,
    /^conduit: DATABASE_URL: cannot connect .*too many connections for role/m,
  );

  await admin.query('ALTER ROLE scarce CONNECTION LIMIT 1');
  const starved = await runCommand(['serve'], { ...env, START_WAIT_MS: '1500' });
  t.equal(starved.code, 75, 'the workers need more');
  t.match(starved.stdout, /waiting, .* too many connections for role/);
  const starting = startNode(env);
  starting.catch(() => undefined);
  await admin.query('ALTER ROLE scarce CONNECTION LIMIT -1');
  const node = await starting;
  t.equal(await node.stop(), 0);
});

t.test('SIGTERM ends a start that waits', async (t) => {
  const env = { ...(await environment(`postgres://u@127.0.0.1:${await freePort()}/d`)) };
  const child = spawn(process.execPath, [COMMAND, 'serve'], {
    env: { ...cleanEnvironment(), ...env },
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await eventually(() => said.includes('waiting, 0 of 60 s'));
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  t.same(await closed, [0, null]);
});

t.test('a server that is away, comes back, and is there', async (t) => {
  const proxy = await startCutProxy(postgres.port);
  t.teardown(() => proxy.close());
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
  proxy.fromClient = () => 'cut';
  const cut = await runCommand(['serve'], { ...(await environment(url)), START_WAIT_MS: '100' });
  t.equal(cut.code, 75, 'a proxy that accepts and closes');

  await postgres.kill9();
  const env = await environment();
  const refused = await runCommand(['serve'], { ...env, START_WAIT_MS: '0' });
  t.equal(refused.code, 75);
  t.match(refused.stderr, /^conduit: DATABASE_URL: cannot connect to .*ECONNREFUSED.*=0\)$/m);
  const starting = startNode(env);
  starting.catch(() => undefined);
  await postgres.start();
  const node = await starting;
  t.equal(await node.stop(), 0);
});
