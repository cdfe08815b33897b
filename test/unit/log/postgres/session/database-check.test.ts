// Goal: what a URL says of TLS means what it means to libpq, on a server that has it and on one that
// has not; the files that a URL names are read, or told by the parameter that names them.
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../../../../native-bench/rig/eventually.js';
import { freePort } from '../../../../../native-bench/rig/free-port.js';
import { startNode } from '../../../../../native-bench/rig/node.js';
import { startPostgres } from '../../../../../native-bench/rig/postgres.js';
import { checkDatabase } from '../../../../../src/log/postgres/session/database-check.js';
import { databaseTarget } from '../../../../../src/log/postgres/session/database-target.js';
import { openPool } from '../../../../../src/log/postgres/session/log-connection.js';
import { serverAccount } from '../../../../../src/supervisor/account.js';
import { runCommand } from '../../../../support/nodes/command.js';
import { postJson, publish } from '../../../../support/nodes/node-pair.js';
import { AUTHORITY, CERTIFICATE, KEY } from '../../../../support/servers/certificate.js';
import { writeCertificate } from '../../../../support/servers/certificate-files.js';

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

t.test('a node has all of its connections by TLS, to the server that the URL names', async (t) => {
  const url = `postgres://postgres@localhost:${server.port}/postgres`;
  const DATABASE_URL = `${url}?sslmode=verify-full&sslrootcert=${folder}/ca`;
  const node = await startNode({ DATABASE_URL, WORKERS: '1' });
  t.teardown(() => node.kill9());
  t.equal((await postJson(node, '/api/topics', { name: 'encrypted' })).status, 201);
  t.equal((await publish(node, { topic: 'encrypted', payload: 1 })).status, 200);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query<{ open: number; plain: number }>(
    `SELECT count(*)::int AS open, count(*) FILTER (WHERE NOT ssl)::int AS plain
     FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'conduit/%'`,
  );
  await client.end();
  t.equal(rows[0]?.plain, 0);
  t.ok((rows[0]?.open ?? 0) > 2);
  t.equal(await node.stop(), 0);
});

/** Code and all that it says. */
async function refusal(parameters: string): Promise<string> {
  const DATABASE_URL = `postgres://postgres@${IP}:${server.port}/postgres${parameters}`;
  const { code, stderr } = await runCommand(['serve'], {
    DATABASE_URL,
    PORT: `${await freePort()}`,
  });
  return `${code} ${stderr.trim()}`;
}

t.test('a node ends with one line where the server is not the one that was meant', async (t) => {
  const root = `sslrootcert=${folder}`;
  t.match(await refusal(`?sslmode=verify-ca&${root}/crt`), refused(/certificate/));
  t.match(await refusal(`?sslmode=verify-full&${root}/ca`), refused(/127\.0\.0\.1/));
});

t.test('a certificate that has expired is none', async (t) => {
  const expired = writeCertificate(folder, 'expired', -1);
  if (process.getuid?.() === 0) {
    const { uid, gid } = await serverAccount();
    for (const file of [expired.certFile, expired.keyFile]) chownSync(file, uid, gid);
  }
  chmodSync(expired.keyFile, 0o600);
  await turnOn('expired.crt', 'expired.key');
  const root = `sslrootcert=${expired.certFile}`;
  // The reload comes to new processes of the server when it does.
  await eventually(async () => /expired/.test(await outcome(IP, `?sslmode=verify-ca&${root}`)));
  t.match(await refusal(`?sslmode=verify-ca&${root}`), refused(/expired/));
});

function refused(why: RegExp): RegExp {
  return new RegExp(`^78 conduit: DATABASE_URL: cannot connect to 127[^\\n]*${why.source}[^\\n]*$`);
}

async function turnOn(certificate = 'crt', key = 'key'): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`ALTER SYSTEM SET ssl_cert_file = '${folder}/${certificate}'`);
  await client.query(`ALTER SYSTEM SET ssl_key_file = '${folder}/${key}'`);
  await client.query('ALTER SYSTEM SET ssl = on');
  await client.query('SELECT pg_reload_conf()');
  await eventually(async () => {
    const { rows } = await client.query<{ ssl: string }>('SHOW ssl');
    return rows[0]?.ssl === 'on';
  });
  await client.end();
}
