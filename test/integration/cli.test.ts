// Goal: every command of the built program does what it says, against a node with PostgreSQL and keys: for
// people, as JSON, with exit codes that scripts can tell apart.
import { spawnSync } from 'node:child_process';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { COMMAND, cleanEnvironment } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { COMMANDS } from '../../src/cli/command-list.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { Cli } from '../support/nodes/cli-node.js';
import { runCommand } from '../support/nodes/command.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';
import { startRedis } from '../support/servers/redis-server.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const node = await startKeyedNode({ DATABASE_URL: postgres.url });
t.teardown(() => node.kill9());
const cli = new Cli(node, TENANT_KEY);
const operator = { key: ADMIN_KEY };
const MANY = 1_500;
const ALL = { scopes: ['publish', 'subscribe', 'manage'] };
/** What other tests run: a node's start, cli-streams.test.ts, cli-terminal.test.ts. */
const ELSEWHERE = ['serve', 'start', 'sub', 'tail', 'top', 'bench'];

t.test('topics', async (t) => {
  t.match(await cli.row(['topics', 'create', 'demo', '--hours', '48']), { name: 'demo' });
  const shown = await cli.run(['topics', 'show', 'demo']);
  t.match(shown.stdout, /^retention\.hours: +48$/m);
  t.match(await cli.row(['topics', 'change', 'demo', '--messages', '5000']), {
    retention: { hours: null, messages: 5_000, bytes: null },
  });
  t.match(await cli.row(['topics', 'change', 'demo', '--unbounded']), {
    retention: { messages: null },
  });
  for (const name of ['a', 'demo.b']) await cli.row(['topics', 'create', name]);
  t.same(
    (await cli.rows(['topics', 'list', '--prefix', 'demo'])).map(({ name }) => name),
    ['demo', 'demo.b'],
  );
  t.equal((await cli.rows(['topics', 'list', '--limit', '1'])).length, 1);
  t.match((await cli.run(['topics', 'list'])).stdout, /^SEQUENCE .*NAME\n +0 .* a\n/);
  const kept = await cli.run(['topics', 'delete', 'a']);
  t.equal(kept.code, 2);
  t.match(kept.stderr, /deletes the topic.*: say --yes\nusage: conduit topics delete/);
  const moved = await cli.row(['topics', 'move', 'demo', '1', '--tenant', 'default'], operator);
  t.match(moved, { state: 'moved' }, 'it is there');
  t.equal(
    (await cli.run(['topics', 'move', 'demo', '2', '--tenant', 'default'], operator)).code,
    1,
  );
  t.same(await cli.row(['topics', 'delete', 'a', '--yes']), { deleted: 'a' });
});

t.test('a payload is published, and shown, byte for byte', async (t) => {
  const payload = '{"n":12345678901234567890,"s":"\u009b31m"}';
  const published = await cli.row(['pub', 'demo', payload, '--key', 'k', '--header', 'a=b=c']);
  t.match(published, { topic: 'demo', sequence: 1 });
  const { stdout } = await cli.run(['messages', 'list', 'demo', '--json']);
  t.match(stdout, '"payload":{"n":12345678901234567890,"s":"\\u009b31m"}');
  t.match(JSON.parse(stdout), { key: 'k', headers: { a: 'b=c' } });
  t.match((await cli.run(['messages', 'list', 'demo'])).stdout, '12345678901234567890');
  t.match(await cli.row(['messages', 'show', String(published['message_id'])]), { deliveries: [] });
  const twice = ['pub', 'demo', '1', '--dedupe-key', 'once'];
  t.notOk((await cli.row(twice))['duplicate']);
  t.ok((await cli.row(twice))['duplicate']);
  t.match(await cli.row(['pub', 'demo', '1', '--delay-ms', '3600000']), { topic: 'demo' });
});

t.test('lines of stdin are published in their order', async (t) => {
  const lines = Array.from({ length: MANY }, (_, n) => `{"n":${n}}`);
  const told = await cli.run(['pub', 'demo.b'], { input: lines.join('\n') });
  t.match(told, { code: 0, stdout: `published ${MANY} to demo.b\n`, stderr: '' });
  const rows = await cli.rows(['messages', 'list', 'demo.b', '--limit', String(MANY)]);
  t.same(
    rows.map(({ payload }) => (payload as { n: number }).n),
    lines.map((_, n) => n),
  );
  t.equal((await cli.rows(['messages', 'list', 'demo.b'])).length, 100, 'without --limit');
  const filter = ['--filter', 'payload.n >= 1490', '--limit', '3'];
  const found = await cli.rows(['messages', 'list', 'demo.b', ...filter]);
  t.same(
    found.map(({ payload }) => (payload as { n: number }).n),
    [1_490, 1_491, 1_492],
    'pages in which none fits are gone over',
  );
  const fromThen = ['messages', 'list', 'demo.b', '--limit', '1200', '--from-time'];
  t.equal((await cli.rows([...fromThen, '2000-01-01T00:00:00Z'])).length, 1_200, 'over pages');
  t.equal((await cli.rows([...fromThen, '2999-01-01T00:00:00Z'])).length, 0);
  const wrong = await cli.run(['messages', 'list', 'demo.b', '--filter', 'payload.n >']);
  t.equal(wrong.code, 1);
  t.match(wrong.stderr, /filter: .*character/);
  const text = await cli.rows(['pub', 'demo', '--text'], { input: 'not json\n\n"x"\n' });
  t.equal(text.length, 3);
  const newest = ['messages', 'list', 'demo', '--order', 'desc', '--limit', '3'];
  t.same(
    (await cli.rows(newest)).map(({ payload }) => payload),
    ['"x"', '', 'not json'],
  );
  await cli.row(['pub', 'demo', '--whole'], { input: '{\n "a": 1\n}\n' });
  t.match(await cli.row([...newest.slice(0, -1), '1']), { payload: { a: 1 } });
});

t.test('a line that is none', async (t) => {
  const stopped = await cli.run(['pub', 'demo'], { input: '1\n{bad\n3\n' });
  t.equal(stopped.code, 2);
  t.match(stopped.stderr, /line 2 is no JSON; --text takes any text; 1 were published/);
  const passed = await cli.run(['pub', 'demo', '--keep-going'], { input: '1\n{bad\n3\n' });
  t.match(passed, { code: 1, stdout: 'published 2 to demo\n' });
  const long = JSON.stringify('x'.repeat(300_000));
  const refused = await cli.run(['pub', 'demo', '--keep-going'], { input: `1\n${long}\n3\n` });
  t.equal(refused.code, 1);
  t.match(refused.stderr, /line 2: .*\(payload_too_large\)/);
  t.match(refused.stdout, 'published 2 to demo');
  const binary = await cli.run(['pub', 'demo'], { input: Buffer.from([0x31, 0x0a, 0xff, 0x0a]) });
  t.match(binary, { code: 2, stderr: /not UTF-8/ });
  t.match(await cli.run(['pub', 'none.such'], { input: '1\n' }), { code: 5 });
  t.match(await cli.run(['pub', 'demo', 'no json']), { code: 2, stderr: /--text takes any text/ });
});

t.test('subscriptions and dead letters', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json', TENANT_KEY);
  await session.subscribe('demo', { subscription: 's' });
  session.onMessage = ({ sequence }) =>
    session.send({ type: 'reject', topic: 'demo', sequence, reason: 'because' });
  await cli.run(['pub', 'demo'], { input: '1\n2\n3\n' });
  const letters = () => cli.rows(['dlq', 'list', '--topic', 'demo', '--subscription', 's']);
  await eventually(async () => (await letters()).length === 3, 30_000);
  const [first, second] = await letters();
  t.match(await cli.row(['dlq', 'show', String(first?.['id'])]), { reason: /./, payload: 1 });
  t.match((await cli.run(['dlq', 'list'])).stdout, /^ID +TOPIC.*\n.*demo +s /);
  const exported = await cli.run(['dlq', 'export', '--topic', 'demo']);
  t.equal(exported.stdout.trim().split('\n').length, 3);
  session.onMessage = ({ sequence }) => session.send({ type: 'ack', topic: 'demo', sequence });
  const given = await cli.row(['dlq', 'redrive', String(first?.['id']), String(second?.['id'])]);
  t.match(given, { state: 'done', done: 2, failed: 0 });
  await eventually(async () => (await letters()).length === 1, 30_000);
  const job = await cli.row([
    'dlq',
    'redrive',
    '--topic',
    'demo',
    '--subscription',
    's',
    '--detach',
  ]);
  const id = String(job['job_id']);
  t.match(await cli.row(['dlq', 'job', id]), { job_id: id });
  t.match(await cli.run(['dlq', 'cancel', id, '--json']), { code: /^[015]$/ });
  t.match(await cli.row(['dlq', 'purge', '--topic', 'demo', '--yes']), { purged: Number });
  t.equal((await cli.run(['dlq', 'purge', '1', '--topic', 'demo', '--yes'])).code, 2);
  t.equal((await cli.run(['dlq', 'redrive'])).code, 2);

  const one = ['demo', 's'];
  t.match(await cli.rows(['subscriptions', 'list', '--topic', 'demo']), [
    { name: 's', sessions: 1 },
  ]);
  t.match(await cli.row(['subscriptions', 'show', ...one]), { topic: 'demo', paused: false });
  t.match(await cli.row(['subscriptions', 'change', ...one, '--max-deliver', '9']), {
    max_deliver: 9,
  });
  t.match(await cli.row(['subscriptions', 'pause', ...one]), { paused: true });
  t.match(await cli.row(['subscriptions', 'resume', ...one]), { paused: false });
  t.match(await cli.row(['subscriptions', 'seek', ...one, 'latest']), { lag: 0 });
  t.equal((await cli.run(['subscriptions', 'seek', ...one, 'yesterday'])).code, 2);
  t.equal((await cli.run(['subscriptions', 'change', ...one])).code, 2);
  const hook = ['webhooks'];
  const url = 'https://hooks.invalid/in';
  t.match(await cli.row([...hook, 'set', ...one, url, '--timeout-ms', '500']), {
    ...{ url, state: 'active', timeout_ms: 500, secret: /^whsec_/ },
  });
  t.match(await cli.row([...hook, 'get', ...one]), { url, state: 'active', secret: undefined });
  t.same(await cli.row([...hook, 'remove', ...one, '--yes']), { removed: 'demo/s' });
  t.same(await cli.row(['subscriptions', 'delete', ...one, '--yes']), { deleted: 'demo/s' });
  session.close();
});

t.test('sessions', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json', TENANT_KEY);
  await session.subscribe('demo');
  session.send({ type: 'hello', client: 'shop', version: 'v1' });
  const listed = () => cli.rows(['sessions', 'list', '--topic', 'demo']);
  await eventually(async () => (await listed())[0]?.['client'] !== null, 30_000);
  const [first] = await listed();
  t.match(first, { tenant: 'default', format: 'json', client: 'shop' });
  const { stdout } = await cli.run(['sessions', 'list']);
  t.match(stdout, / demo +shop +v1$/m);
  const id = String(first?.['id']);
  t.same(await cli.row(['sessions', 'close', id, '--yes']), { closed: id });
  await eventually(() => session.closed !== null, 30_000);
  t.equal((await cli.run(['sessions', 'close', id, '--yes'])).code, 5);
});

t.test('keys, tenants and nodes', async (t) => {
  const quotas = ['--quota', 'messages_per_s=1000', '--quota', 'topics=5'];
  t.match(await cli.row(['tenants', 'create', 'acme', ...quotas], operator), {
    quotas: { messages_per_s: 1_000, topics: 5 },
  });
  t.match(await cli.row(['tenants', 'change', 'acme', '--quota', 'topics=unlimited'], operator), {
    quotas: { messages_per_s: 1_000, topics: null },
  });
  t.match((await cli.run(['tenants', 'list'], operator)).stdout, /^acme .* 1000 /m);
  t.equal((await cli.run(['tenants', 'change', 'acme', '--quota', 'x=1'], operator)).code, 2);
  const shows = { ...operator, shows: 'an API key' } as const;
  const right = ['--tenant', 'acme', '--scope', 'publish', '--topic', 'a.*'];
  const made = await cli.row(['keys', 'create', ...right], shows);
  t.match(made, { tenant: 'acme', scopes: ['publish'], topics: ['a.*'], key: /^cdt_/ });
  const id = String(made['id']);
  const next = await cli.row(['keys', 'rotate', id, '--overlap-s', '60'], shows);
  t.equal((await cli.rows(['keys', 'list', '--tenant', 'acme'], operator)).length, 2);
  t.match(await cli.row(['keys', 'revoke', id, '--yes'], operator), { revoked: id });
  t.match(await cli.row(['keys', 'revoke', String(next['id']), '--yes'], operator), {});
  t.equal((await cli.run(['keys', 'create'], operator)).code, 2);
  t.match(await cli.rows(['nodes', 'list'], operator), [{ state: 'live', this: true }]);
  t.match((await cli.run(['nodes', 'list'], operator)).stdout, /^ID +STATE/);

  const database = new pg.Client({ connectionString: postgres.url });
  await database.connect();
  t.teardown(() => database.end());
  await database.query('CREATE ROLE shop LOGIN');
  const env = { env: { DATABASE_URL: postgres.url } };
  t.match(await cli.run(['tenants', 'grant-role', 'shop', 'acme', '--names-tenants'], env), {
    code: 0,
    stdout: 'granted shop\ntenant acme\n',
  });
  const { rows } = await database.query(
    'SELECT role, tenant, names_tenants FROM conduit.role_tenants',
  );
  t.same(rows, [{ role: 'shop', tenant: 'acme', names_tenants: true }]);
  for (const [role, tenant] of [
    ['shop', 'none'],
    ['nobody_such', 'acme'],
  ] as const) {
    const refused = await cli.run(['tenants', 'grant-role', role, tenant], env);
    t.match(refused, { code: 78, stderr: /there is no (tenant none|role nobody_such)/ });
  }
  t.equal((await cli.run(['tenants', 'grant-role', 'shop', '--remove'], env)).code, 0);
  t.equal((await cli.run(['tenants', 'grant-role', 'shop'], env)).code, 2);
  t.match(await cli.row(['tenants', 'delete', 'acme', '--yes'], operator), { deleted: 'acme' });
});

t.test('doctor', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const env = {
    ...{ DATABASE_URL: postgres.url, REDIS_URL: redis.url },
    NODE_ADDR: `127.0.0.1:${node.port}`,
  };
  const key = String((await node.makeKey(ALL, ADMIN_KEY)).key);
  const well = await cli.run(['doctor', '--json'], { env, key });
  const states = (rows: Record<string, unknown>[]) =>
    Object.fromEntries(rows.map(({ check, state }) => [check, state]));
  t.match(states(well.rows), {
    ...{ versions: 'ok', database: 'ok', 'database settings': 'ok', schema: 'ok', clock: 'ok' },
    ...{ privileges: 'ok', redis: 'ok', NODE_ADDR: 'ok', node: 'ok', message: 'ok' },
  });
  t.equal(well.code, 0, well.stdout);
  t.same(await cli.rows(['topics', 'list', '--prefix', 'conduit-doctor']), [], 'it leaves nothing');
  const away = String(await freePort());
  const ill = await cli.run(['doctor', '--json', '--url', `http://127.0.0.1:${away}`], {
    env: {
      DATABASE_URL: `postgres://u:a-secret-word@127.0.0.1:${away}/d`,
      REDIS_URL: `redis://:another-secret@127.0.0.1:${away}`,
      NODE_ADDR: `127.0.0.1:${away}`,
    },
  });
  t.equal(ill.code, 1);
  t.match(states(ill.rows), {
    ...{ database: 'failed', redis: 'failed', NODE_ADDR: 'failed', node: 'failed' },
    message: 'skipped',
  });
  for (const { state, advice } of ill.rows) if (state === 'failed') t.match(advice, /./);
  const right = { scopes: ['subscribe'] };
  const weak = String((await node.makeKey(right, ADMIN_KEY)).key);
  const refused = await cli.run(['doctor'], { env: { ...env, WORKERS: 'x' }, key: weak });
  t.equal(refused.code, 1);
  t.match(refused.stdout, /^failed +configuration +WORKERS: got "x"/m);
  t.match(refused.stdout, /^failed +message .*\n +-> CONDUIT_API_KEY has to be good for publish/m);
});

t.test('exit codes tell what was wrong, for people and as JSON', async (t) => {
  const away = `http://127.0.0.1:${await freePort()}`;
  const codes: [number, string, string[], Parameters<Cli['run']>[1]][] = [
    [1, 'topic_exists', ['topics', 'create', 'demo'], {}],
    [2, 'usage', ['topics', 'list', '--nope'], {}],
    [3, 'unreachable', ['topics', 'list'], { env: { CONDUIT_URL: away } }],
    [3, 'unreachable', ['topics', 'list', '--url', away], {}],
    [3, 'unreachable', ['topics', 'list', '--context', 'x'], { env: { CONDUIT_URL_X: away } }],
    [4, 'unauthorized', ['topics', 'list'], { key: 'a-key-of-nobodys' }],
    [4, 'forbidden', ['nodes', 'list'], {}],
    [5, 'topic_not_found', ['topics', 'show', 'none'], {}],
  ];
  const all = codes.map(async ([exit, code, args, place]) => {
    const told = await cli.run([...args, '--json'], place);
    t.equal(told.code, exit, args.join(' '));
    t.equal(told.stdout, '');
    t.match(JSON.parse(told.stderr), { code, exit, detail: /./ });
  });
  await Promise.all(all);
  const people = await cli.run(['topics', 'show', 'none']);
  t.match(people.stderr, /^conduit: .*\(topic_not_found\)\n$/);
});

t.test('config, migrate, completion and version', async (t) => {
  const rows = await cli.rows(['config']);
  t.match(
    rows.find(({ variable }) => variable === 'PORT'),
    { value: '8080', source: 'default' },
  );
  const migrated = await cli.run(['migrate', '--json'], { env: { DATABASE_URL: postgres.url } });
  t.same(migrated.rows, [{ applied: [] }]);
  t.match((await cli.run(['completion', 'bash'])).stdout, /complete .* conduit/);
  t.equal((await cli.run(['completion', 'tcsh'])).code, 2);
  t.match(await cli.row(['version']), { version: /^\d/, node: process.version });
});

t.test('every command was run, and did what it was asked for', async (t) => {
  const missing = COMMANDS.map(({ name }) => name).filter(
    (name) =>
      !ELSEWHERE.includes(name) &&
      !cli.done.some((line) => line === name || line.startsWith(`${name} `)),
  );
  t.same(missing, []);
});

t.test('an argument that is not UTF-8 is not published as something else', async (t) => {
  const line = `"$NODE" "$COMMAND" pub demo "$(printf '"\\377"')"`;
  const env = { ...cleanEnvironment(), NODE: process.execPath, COMMAND, CONDUIT_URL: node.url };
  const { status, stderr } = spawnSync('sh', ['-c', line], { env, encoding: 'utf8' });
  t.equal(status, 2);
  t.match(stderr, /\[PAYLOAD\] is not UTF-8/);
});

t.test('a database that is down is no matter for help and version', async (t) => {
  const env = { DATABASE_URL: 'postgres://127.0.0.1:1/x', REDIS_URL: 'redis://127.0.0.1:1' };
  for (const args of [['--version'], ['--help'], ['topics', 'create', '--help']]) {
    t.match(await runCommand(args, env), { code: 0, stderr: '' }, args.join(' '));
  }
});
