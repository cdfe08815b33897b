// Goal: what a URL says of TLS means what it means to libpq, on a server that has it and on one that
// has not; the files that a URL names are read, or told by the parameter that names them.
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../../../../native-bench/rig/eventually.js';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { checkDatabase } from '../../../../../src/log/postgres/session/database-check.js';
import { databaseTarget } from '../../../../../src/log/postgres/session/database-target.js';
import { openPool } from '../../../../../src/log/postgres/session/log-connection.js';
import { serverAccount } from '../../../../../src/supervisor/account.js';
import { AUTHORITY, CERTIFICATE, KEY } from '../../../../support/certificate.js';

const folder = mkdtempSync(path.join(tmpdir(), 'conduit-tls-'));
chmodSync(folder, 0o755);
const files = { ca: AUTHORITY, crt: CERTIFICATE, key: KEY, text: 'no certificate' };
for (const [name, text] of Object.entries(files)) {
  writeFileSync(path.join(folder, name), text, { mode: 0o600 });
}
if (process.getuid?.() === 0) {
  const { uid, gid } = await serverAccount();
  chownSync(path.join(folder, 'key'), uid, gid);
  chownSync(path.join(folder, 'crt'), uid, gid);
}
const server = await startPostgres();
t.teardown(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What became of it: `tls`, `plain`, or the line that refused it. */
async function outcome(host: string, parameters: string): Promise<string> {
  const url = `postgres://postgres@${host}:${server.port}/postgres${parameters}`;
  const check = await checkDatabase(url.replaceAll('DIR', folder));
  if (check.state !== 'reached') return check.trouble;
  const client = new pg.Client(databaseTarget(check.databaseUrl));
  await client.connect();
  const { rows } = await client.query<{ ssl: boolean }>(
    'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
  );
  await client.end();
  return rows[0]?.ssl === true ? 'tls' : 'plain';
}

async function check(cases: [host: string, parameters: string, becomes: RegExp][]): Promise<void> {
  for (const [host, parameters, becomes] of cases) {
    t.match(await outcome(host, parameters), becomes, `${host} ${parameters}`);
  }
}

const IP = '127.0.0.1';

t.test('a server that has none', async () => {
  await check([
    [IP, '', /^plain$/],
    [IP, '?sslmode=prefer', /^plain$/],
    [IP, '?sslmode=allow', /^plain$/],
    [IP, '?sslmode=require', /does not support SSL/],
    [IP, '?ssl=true', /does not support SSL/],
  ]);
});

t.test('a server that has TLS', async () => {
  await turnOn();
  await check([
    [IP, '', /^tls$/],
    [IP, '?sslmode=prefer', /^tls$/],
    [IP, '?sslmode=allow', /^plain$/],
    [IP, '?sslmode=disable', /^plain$/],
    [IP, '?ssl=false', /^plain$/],
    [IP, '?ssl=true', /^tls$/],
    [IP, '?sslmode=require', /^tls$/],
    [IP, '?sslmode=require&channel_binding=require', /^tls$/],
    [IP, '?sslmode=require&sslrootcert=DIR/ca', /^tls$/],
    [IP, '?sslmode=require&sslrootcert=DIR/crt', /cannot connect to .*certificate/],
    [IP, '?sslmode=verify-ca&sslrootcert=DIR/ca', /^tls$/],
    [IP, '?sslmode=verify-full&sslrootcert=DIR/ca', /cannot connect to .*127\.0\.0\.1/],
    ['localhost', '?sslmode=verify-full&sslrootcert=DIR/ca', /^tls$/],
    [IP, '?sslmode=verify-full', /cannot connect to .*certificate/],
    [IP, '?sslmode=disable&sslrootcert=DIR/missing', /^plain$/],
    [IP, '?sslrootcert=DIR/missing', /^DATABASE_URL: the file of sslrootcert is not there/],
    [IP, '?sslmode=require&sslrootcert=DIR', /the file of sslrootcert cannot be read \(EISDIR\)/],
    [IP, '?sslmode=require&sslrootcert=DIR/text', /the file of sslrootcert is not PEM/],
    [IP, '?sslcert=DIR/crt&sslkey=DIR/missing', /the file of sslkey is not there/],
    [
      IP,
      '?sslcert=DIR/ca&sslkey=DIR/key',
      /sslrootcert, sslcert and sslkey are not of use together/,
    ],
    [IP, '?sslcert=DIR/crt&sslkey=DIR/key', /^tls$/],
  ]);
});

t.test('a pool reads a renewed file of certificates for its next session', async (t) => {
  const renewed = path.join(folder, 'renewed');
  writeFileSync(renewed, CERTIFICATE);
  const databaseUrl = `${server.url}?sslmode=verify-ca&sslrootcert=${renewed}`;
  const options = { databaseUrl, applicationName: 'test/renewed' };
  const [pool, other] = [openPool(options, 1), openPool(options, 1)];
  t.teardown(() => Promise.all([pool.end(), other.end()]));
  await t.rejects(pool.query('SELECT 1'), { message: /certificate/ });
  rmSync(renewed);
  await t.rejects(
    other.query('SELECT 1'),
    { message: /certificate/ },
    'while it is away the first',
  );
  writeFileSync(renewed, AUTHORITY);
  await eventually(async () => (await pool.query('SELECT 1').catch(() => null))?.rowCount === 1);
});

t.test('PGSSLMODE counts where the URL does not say', async () => {
  process.env['PGSSLMODE'] = 'disable';
  await check([
    [IP, '', /^plain$/],
    [IP, '?sslmode=require', /^tls$/],
  ]);
  process.env['PGSSLMODE'] = 'verify-full';
  await check([[IP, '', /cannot connect to .*certificate/]]);
  delete process.env['PGSSLMODE'];
});

async function turnOn(): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`ALTER SYSTEM SET ssl_cert_file = '${folder}/crt'`);
  await client.query(`ALTER SYSTEM SET ssl_key_file = '${folder}/key'`);
  await client.query('ALTER SYSTEM SET ssl = on');
  await client.query('SELECT pg_reload_conf()');
  await eventually(async () => {
    const { rows } = await client.query<{ ssl: string }>('SHOW ssl');
    return rows[0]?.ssl === 'on';
  });
  await client.end();
}
