// Goal: what only a person can put right stops the start quickly with exit code 78 and one line, without
// a stack trace or a secret; a wrong command line ends with 2.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { COMMAND, cleanEnvironment, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type CommandResult, runCommand } from '../support/nodes/command.js';

const SECRET = 'correct-horse-battery';
/** 2 s are promised; a loaded machine may take longer to start Node.js itself. */
const REFUSED_MS_MAX = 6_000;

function refused(t: Test, result: CommandResult, line: RegExp, code = 78): void {
  t.equal(result.code, code);
  const said = result.stderr.split('\n');
  t.match(said, [line, /^$/]);
  t.equal(said.length, 2, 'one line');
  t.match(said[0], /^conduit: /);
  t.notMatch(`${result.stderr}${result.stdout}`, SECRET);
  t.match(result.stdout, /^(\{"level":.*\}\n)*$/, 'the log, and nothing else');
  t.ok(result.ms < REFUSED_MS_MAX, `${Math.round(result.ms)} ms`);
}

t.test('a wrong variable', async (t) => {
  const cases: [env: Record<string, string>, line: RegExp][] = [
    [{ PORT: '0' }, /PORT: got "0", takes an integer from 1 to 65535/],
    [{ PORT: '' }, /PORT: is empty; unset it/],
    [{ WORKERS: '1e2' }, /WORKERS: got "1e2"/],
    [{ DATABASE_URL: `mysql://u:${SECRET}@h/d` }, /DATABASE_URL: takes a URL that starts with/],
    [{ DATABASE_URL: `postgres://u:${SECRET}#@h/d` }, /DATABASE_URL: has # .* write it as %23/],
    [{ INTERNAL_SECRET: SECRET }, /INTERNAL_SECRET: .*32/],
    [{ ENABLE_AUTH: 'true', HOST: '127.0.0.1' }, /ENABLE_AUTH: nobody could call: set DEFAULT_API/],
    [{ DEFAULT_API_KEY: SECRET, ADMIN_API_KEY: SECRET }, /ADMIN_API_KEY: is the same as DEFAULT/],
    [{ CORS_ORIGIN: 'https://a.com/x' }, /CORS_ORIGIN: /],
  ];
  for (const [env, line] of cases) refused(t, await runCommand(['serve'], env), line);
  for (const command of ['start', 'config', 'migrate']) {
    refused(t, await runCommand([command], { PORT: 'x' }), /PORT: got "x"/);
  }
});

t.test('a port that is taken, an address that is not ours', async (t) => {
  const server = await listenOn(await freePort());
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const env = { HOST: '127.0.0.1', PORT: String(port) };
  refused(t, await runCommand(['serve'], env), new RegExp(`PORT=${port}: another process`));
  refused(t, await runCommand(['start'], env), new RegExp(`PORT=${port}: another process`));
  const elsewhere = { ...env, HOST: '192.0.2.1' };
  refused(t, await runCommand(['serve'], elsewhere), /HOST=192\.0\.2\.1: this machine does not/);
});

t.test('two nodes that start together on one port', async (t) => {
  const port = await freePort();
  const env = { ...cleanEnvironment(), HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'info' };
  const nodes = [0, 1].map(() => {
    const child = spawn(process.execPath, [COMMAND, 'serve'], { env });
    t.teardown(() => child.kill('SIGKILL'));
    const said: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    return { child, said, stderr, closed: once(child, 'close') };
  });
  await eventually(() => nodes.some(({ child }) => child.exitCode !== null));
  const first = nodes.find(({ child }) => child.exitCode !== null);
  const other = nodes.find((node) => node !== first);
  await first?.closed;
  t.equal(first?.child.exitCode, 78);
  const line =
    /^conduit: PORT=\d+: another (Conduit node of this machine has|process listens on) it\n$/;
  t.match(Buffer.concat(first?.stderr ?? []).toString(), line);
  await eventually(() => Buffer.concat(other?.said ?? []).includes('"event":"node.started"'));
  t.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
  // The kernel frees what a killed node held.
  other?.child.kill('SIGKILL');
  await other?.closed;
  const next = await startNode({ PORT: String(port) });
  t.equal(await next.stop(), 0);
});

t.test('a database that cannot be used', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  await requirePassword(postgres.url, postgres.dataDir, postgres.pid);
  const silent = await listenOn(await freePort());
  t.teardown(() => silent.close());
  const { port: silentPort } = silent.address() as { port: number };
  const at = `127.0.0.1:${postgres.port}`;
  const away = await freePort();
  const cases: [url: string, line: RegExp, code: number][] = [
    [`postgres://u:${SECRET}@127.0.0.1:${away}/d`, /127\.0\.0\.1:\d+\/d: .*ECONNREFUSED/, 75],
    [`postgres://u:${SECRET}@127.0.0.1:${silentPort}/d`, /timeout/, 75],
    [`postgres:///d?host=/nowhere&password=${SECRET}`, /\/nowhere\/d: .*ENOENT/, 75],
    [`postgres://u:${SECRET}@nowhere.invalid/d`, /nowhere\.invalid/, 78],
    [`postgres://postgres@${at}/missing`, /database "missing" does not exist/, 78],
    [`postgres://locked:${SECRET}@${at}/postgres`, /password authentication failed/, 78],
    [`postgres://postgres@${at}/postgres?sslmode=require`, /does not support SSL/, 78],
    [`postgres://postgres@${at}/postgres?sslrootcert=/nowhere`, /file of sslrootcert is not/, 78],
    [`postgres://u:${SECRET}@${at}/postgres?port=70000`, /port is an integer from 1 to 65535/, 78],
    [`postgres://guest@${at}/postgres`, /cannot be brought up to date: permission denied/, 78],
  ];
  for (const [databaseUrl, line, code] of cases) {
    const env = { HOST: '127.0.0.1', PORT: String(await freePort()), DATABASE_URL: databaseUrl };
    refused(t, await runCommand(['serve'], { ...env, START_WAIT_MS: '0' }), line, code);
  }
  const env = { DATABASE_URL: cases[0]?.[0] ?? '', START_WAIT_MS: '0' };
  refused(t, await runCommand(['migrate'], env), /ECONNREFUSED/, 75);
});

t.test('migrate without a database', async (t) => {
  refused(t, await runCommand(['migrate']), /DATABASE_URL: is unset; migrate needs it/);
});

t.test('a native module that does not load', async (t) => {
  const preload = path.join(tmpdir(), `no-dlopen-${process.pid}.cjs`);
  writeFileSync(preload, "process.dlopen = () => { throw new Error('GLIBC_2.38 not found'); };\n");
  const env = { HOST: '127.0.0.1', PORT: String(await freePort()) };
  const result = await runCommand(['serve'], { ...env, NODE_OPTIONS: `--require ${preload}` });
  refused(t, result, /uWebSockets\.js does not load on Node\.js v\d+.*replace its alias/);
});

t.test('an unknown command or option', async (t) => {
  for (const args of [['serv'], ['serve', 'now'], ['serve', '--port', '1'], ['-x'], []]) {
    const result = await runCommand(args);
    t.equal(result.code, 2, args.join(' '));
    t.equal(result.stdout, '');
    t.match(result.stderr, /usage: conduit (<command>|serve)/);
  }
});

t.test('help, version and config go to stdout', async (t) => {
  for (const args of [['help'], ['--help'], ['-h'], ['serve', '--help']]) {
    const result = await runCommand(args);
    t.equal(result.code, 0);
    t.match(result.stdout, /usage: conduit (<command>|serve)/);
    t.equal(result.stderr, '');
  }
  for (const args of [['version'], ['--version'], ['-v']]) {
    t.match((await runCommand(args)).stdout, /^\d+\.\d+\.\d+\n$/);
  }
  const env = { DATABASE_URL: `postgres://u:${SECRET}@h/d`, CONDUIT_PORT: '1' };
  const config = await runCommand(['config'], env);
  t.equal(config.code, 0);
  t.match(config.stdout, /^PORT +8080 +default /m);
  t.match(config.stdout, /^DATABASE_URL +\(set\) +environment /m);
  t.notMatch(config.stdout, SECRET);
  t.match(config.stderr, /^conduit: CONDUIT_PORT is not known, the nearest variable is PORT\n$/);
});

t.test('a reader that goes away is no fault', async (t) => {
  const child = spawn(process.execPath, [COMMAND, 'config'], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  t.equal(code, 0);
  t.equal(Buffer.concat(said).toString(), '');
});

/** Accepts, and never says a word. */
function listenOn(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

/** Makes two users: `locked`, who needs a password, and `guest`, who may make nothing. */
async function requirePassword(url: string, dataDir: string, pid: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE ROLE locked LOGIN PASSWORD 'another'; CREATE ROLE guest LOGIN`);
  await client.end();
  const file = path.join(dataDir, 'pg_hba.conf');
  const rules = readFileSync(file, 'utf8');
  writeFileSync(file, 'host all locked 127.0.0.1/32 scram-sha-256\n');
  appendFileSync(file, rules);
  process.kill(pid, 'SIGHUP');
  // A reload is not told: ask until the rule holds.
  await new Promise((resolve) => setTimeout(resolve, 500));
}
