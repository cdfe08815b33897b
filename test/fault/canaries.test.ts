// Goal: no secret is in anything that a node writes, answers or stores. A node is given marked ones,
// everything is logged, also by PostgreSQL, and everything goes wrong that can: bad frames, wrong keys, keys
// where they do not belong, an outage, a start that is refused, a reload, a drain. Then each mark is looked
// for everywhere.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { secretsIn } from '../../native-bench/rig/secrets.js';
import { makeApiKey } from '../../src/core/api-key.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ROUTES } from '../support/documents/described-routes.js';
import { BODIES, nameOf, targetOf } from '../support/documents/route-requests.js';
import { PARSERS } from '../support/fuzz/fuzz-parsers.js';
import { FuzzInputs } from '../support/fuzz/fuzz-run.js';
import { runCommand } from '../support/nodes/command.js';
import { type KeyedNode, startKeyedNode } from '../support/nodes/keyed-node.js';
import { startWebhookServer } from '../support/servers/webhook-server.js';

const PASSWORD = 'canary+of/the@database';
const GIVEN = {
  DEFAULT_API_KEY: 'canary-of-the-default-tenant',
  ADMIN_API_KEY: 'canary-of-the-operator',
  INTERNAL_SECRET: 'canary-which-the-nodes-of-a-cluster-share',
  REDIS_URL: 'redis://:canary-of-redis@127.0.0.1:6379',
};
const FRAMES = 300;

// It writes each statement with what was bound to it, and each connection.
const postgres = await startPostgres({
  ...{ log_statement: 'all', log_connections: 'on', log_min_messages: 'debug1' },
  ...{ log_parameter_max_length: '-1', log_parameter_max_length_on_error: '-1' },
});
t.teardown(() => postgres.stop());
const DATABASE_URL = `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${postgres.port}/postgres`;
const env = {
  ...GIVEN,
  DATABASE_URL,
  LOG_LEVEL: 'trace',
  NODE_ID: 'canaries',
  KEY_TTL_S: '1',
  WEBHOOK_ALLOW: '127.0.0.1',
};

/** A connection each: whatever comes of a request, the next one has its own. */
const agent = new http.Agent({ keepAlive: false });

/** What must stand nowhere, by what it is. */
const marks = new Map<string, string>([
  ...Object.entries(GIVEN),
  ['REDIS_URL', 'canary-of-redis'],
  ['the password', PASSWORD],
  ['the password, encoded', encodeURIComponent(PASSWORD)],
]);
/**
 * Where one may stand: requests are signed with a webhook's, so it is in its row, and PostgreSQL, which was
 * asked to, writes what was bound to the statement that stores it.
 */
const MAY_STAND: Readonly<Record<string, readonly string[]>> = {
  'a webhook': ['conduit.webhooks', "PostgreSQL's log"],
  'a webhook, made': ['conduit.webhooks', "PostgreSQL's log"],
};
/** All that was seen, by where. */
const seen = new Map<string, string[]>();

function saw(where: string, text: string): void {
  const texts = seen.get(where) ?? [];
  texts.push(text);
  seen.set(where, texts);
}

/** The key of an answer is its point, there and nowhere else. */
function mark(what: string, { id, key }: { id: string; key: string }): string {
  marks.set(what, key);
  marks.set(`${what}, the secret of it`, key.slice(`cdt_${id}_`.length));
  return key;
}

async function ask(node: KeyedNode, line: string, headers: Record<string, string>, body?: string) {
  const [method = '', target = ''] = line.split(' ');
  const more = body === undefined ? {} : { body };
  const answer = await request(`${node.url}${target}`, { method, headers, agent, ...more });
  saw(
    'answers',
    `${answer.status} ${JSON.stringify(answer.headers)} ${JSON.stringify(answer.body)}`,
  );
  return answer;
}

/** One whose secret is given, and one whose secret the node makes; both fail, then the one is gone. */
async function haveWebhooks(node: KeyedNode, key: string): Promise<void> {
  const server = await startWebhookServer(t, () => ({ status: 500 }));
  const given = Buffer.from('canary-of-a-webhook-32-bytes-long').toString('base64');
  marks.set('a webhook', given);
  const put = async (name: string, more: object): Promise<Record<string, unknown>> => {
    const path = `/api/subscriptions/hooked/${name}/webhook`;
    const { status, body } = await node.ask(`PUT ${path}`, key, { url: server.url, ...more });
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body;
  };
  await node.ask('POST /api/topics', key, { name: 'hooked' });
  const waits = { timeout_ms: 100, ack_wait_ms: 200, max_deliver: 2 };
  await put('given', { ...waits, secret: `whsec_${given}` });
  const { secret } = await put('made', waits);
  marks.set('a webhook, made', String(secret).slice('whsec_'.length));
  const bad = { secret: `whsec_${given}=` };
  const path = '/api/subscriptions/hooked/given/webhook';
  const type = { 'content-type': 'application/json', 'x-api-key': key };
  const url = server.url;
  const refused = await ask(node, `PUT ${path}`, type, JSON.stringify({ url, ...bad }));
  if (refused.status !== 400) throw new Error('a secret that is none was taken');
  await node.ask('POST /api/publish', key, { topic: 'hooked', payload: 1 });
  await eventually(async () => {
    const { body } = await ask(node, 'GET /api/dead-letters?topic=hooked', type);
    return (body['dead_letters'] as unknown[]).length === 2;
  });
  server.reply = () => ({ status: 410 });
  await node.ask('POST /api/publish', key, { topic: 'hooked', payload: 2 });
  for (const name of ['given', 'made']) {
    const line = `GET /api/subscriptions/hooked/${name}/webhook`;
    await eventually(async () => (await ask(node, line, type)).body['state'] === 'disabled');
  }
}

const MAKES_KEYS = ['POST /api/keys', 'POST /api/keys/:id/rotate'];
/** They go on. */
const STREAMS = ['GET /api/topics/:name/events', 'GET /api/stream'];

/** Every route, with each way to show a key, right and wrong. */
async function askEverything(node: KeyedNode, keys: readonly string[]): Promise<void> {
  for (const { method, path: pattern } of ROUTES) {
    const route = nameOf({ method, path: pattern });
    if (STREAMS.includes(route)) continue;
    for (const key of keys) {
      const line = `${method} ${targetOf(pattern)}`;
      const body = method === 'GET' ? undefined : JSON.stringify(BODIES[route] ?? {});
      const half = method === 'GET' ? undefined : '{"half":';
      const type = { 'content-type': 'application/json' };
      if (!MAKES_KEYS.includes(route)) await ask(node, line, { ...type, 'x-api-key': key }, body);
      await ask(node, line, { ...type, authorization: `Bearer ${key}` }, half);
      await ask(node, `${line}?api_key=${key}&token=${key}`, type, body);
      const basic = Buffer.from(`conduit:${key}`).toString('base64');
      await ask(
        node,
        line,
        { ...type, authorization: `Basic ${basic}`, cookie: `key=${key}` },
        body,
      );
    }
  }
}

/** A session that says what it should not. */
async function sayEverything(node: KeyedNode, key: string): Promise<void> {
  const parser = PARSERS['WebSocket, JSON']?.();
  if (parser === undefined) throw new Error('there is no such parser');
  const inputs = new FuzzInputs(parser, 1);
  let session = await Subscriber.open(node.wsUrl, 'json', key);
  for (let n = 0; n < FRAMES; n++) {
    session.socket.send(inputs.input(n).toString('utf8'));
    session.send({ type: 'heartbeat', ref: n });
    const closed = new Promise((resolve) => session.socket.once('close', resolve));
    await Promise.race([session.waitFor((frame) => frame['ref'] === n), closed]);
    if (session.closed === null) continue;
    saw('frames', JSON.stringify([session.control, session.messages, session.closed]));
    session = await Subscriber.open(node.wsUrl, 'json', key);
  }
  saw('frames', JSON.stringify([session.control, session.messages]));
  session.close();
}

/** Starts and commands that end with an error. */
async function failToStart(): Promise<void> {
  const port = String(await freePort());
  const tries: [args: string[], more: Record<string, string>][] = [
    [['config'], {}],
    [['migrate', '--print'], {}],
    [['serve'], { DATABASE_URL: DATABASE_URL.replace(/\/postgres$/, '/missing') }],
    [['serve'], { DATABASE_URL: `postgres://postgres:${PASSWORD}@127.0.0.1/d` }],
    [
      ['serve'],
      { DATABASE_URL: DATABASE_URL.replace(String(postgres.port), String(await freePort())) },
    ],
    [['serve'], { INTERNAL_SECRET: 'canary-too-short' }],
    [['serve'], { DEFAULT_API_KEY: GIVEN.ADMIN_API_KEY }],
    [['serve'], { DEFAULT_API_KEY: 'canary with spaces\n' }],
    [['serve'], { REDIS_URL: 'redes://:canary-of-redis@127.0.0.1' }],
    [['config'], { ADMIN_APIKEY: GIVEN.ADMIN_API_KEY, DEFAULT_API_KEYS: GIVEN.DEFAULT_API_KEY }],
  ];
  for (const [args, more] of tries) {
    const wrong = { ENABLE_AUTH: 'true', HOST: '127.0.0.1', PORT: port, START_WAIT_MS: '0' };
    const { stdout, stderr } = await runCommand(args, { ...env, ...wrong, ...more });
    saw(`conduit ${args.join(' ')}`, `${stdout}${stderr}`);
  }
}

t.test('what is done to it', async () => {
  const node = await startKeyedNode(env);
  t.teardown(() => node.kill9());
  const whole = { scopes: ['publish', 'subscribe', 'manage'] };
  const made = await node.makeKey(whole, GIVEN.ADMIN_API_KEY);
  const key = mark('a key', made);
  await ask(
    node,
    'POST /api/topics',
    { 'x-api-key': key, 'content-type': 'application/json' },
    '{"name":"fuzz"}',
  );
  const expiring = { ...whole, expires_at: new Date(Date.now() + 3_000).toISOString() };
  const expired = mark('an expired key', await node.makeKey(expiring, GIVEN.ADMIN_API_KEY));
  const gone = await node.makeKey(whole, GIVEN.ADMIN_API_KEY);
  const revoked = mark('a revoked key', gone);
  await ask(node, `DELETE /api/keys/${gone.id}`, { 'x-api-key': GIVEN.ADMIN_API_KEY });
  const unknown = makeApiKey();
  const strange = mark('a key of nobody', { id: unknown.id, key: unknown.text });
  // The secret of one with the id of another: its checksum is of neither.
  const mixed = `cdt_${made.id}_${unknown.text.slice(-39)}`;
  marks.set('a key that is two', mixed);
  const { DEFAULT_API_KEY, ADMIN_API_KEY } = GIVEN;
  const shown = [key, expired, revoked, strange, mixed, DEFAULT_API_KEY, ADMIN_API_KEY];
  await haveWebhooks(node, key);
  await askEverything(node, shown);
  await sayEverything(node, key);
  await postgres.kill9();
  await ask(node, 'GET /api/topics', { 'x-api-key': strange });
  await ask(
    node,
    'POST /api/publish',
    { 'x-api-key': key, 'content-type': 'application/json' },
    '{"topic":"fuzz","payload":1}',
  );
  await ask(node, 'GET /api/health', { 'x-api-key': key });
  await failToStart();
  await postgres.start();
  await eventually(async () => (await request(`${node.url}/readyz`, {})).status === 200, 30_000);
  process.kill(node.pid, 'SIGHUP');
  await askEverything(node, [key, strange]);
  await failToStart();
  for (const route of ROUTES.filter(({ method }) => method === 'GET')) {
    if (STREAMS.includes(nameOf(route))) continue;
    await ask(node, `GET ${targetOf(route.path)}`, { 'x-api-key': ADMIN_API_KEY });
    await ask(node, `GET ${targetOf(route.path)}`, { 'x-api-key': DEFAULT_API_KEY });
  }
  saw('the command line', readFileSync(`/proc/${node.pid}/cmdline`, 'latin1'));
  await node.stop();
  saw('the node', node.output());
});

t.test('what is stored, and what PostgreSQL writes of it', async () => {
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  t.teardown(() => admin.end());
  const { rows: tables } = await admin.query<{ name: string }>(`SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'conduit'::regnamespace AND relkind IN ('r', 'p')`);
  for (const { name } of tables) {
    const { rows } = await admin.query<{ text: string }>(
      `SELECT x::text AS text FROM conduit.${name} x`,
    );
    saw(`conduit.${name}`, rows.map(({ text }) => text).join('\n'));
  }
  saw("PostgreSQL's log", readFileSync(path.join(postgres.dataDir, '../log'), 'utf8'));
});

t.test('everything was seen that is looked at', async (t) => {
  for (const where of [
    'answers',
    'frames',
    'the node',
    "PostgreSQL's log",
    'conduit.audit',
    'conduit.api_keys',
    'conduit.dead_letters',
    'conduit.webhooks',
  ]) {
    t.ok((seen.get(where) ?? []).join('').length > 100, where);
  }
  const secrets = seen.get('conduit.webhooks')?.join('') ?? '';
  for (const what of Object.keys(MAY_STAND))
    t.ok(
      secrets.includes(marks.get(what) ?? 'no mark'),
      `${what}: its secret is what is looked for`,
    );
  t.match(seen.get('the node')?.join(''), /"level":(10|20|30)\b/, 'it wrote all that it can');
  t.match(seen.get("PostgreSQL's log")?.join(''), /conduit\.audit/, 'so did PostgreSQL');
  const mine = secretsIn(`x ${GIVEN.ADMIN_API_KEY} ${PASSWORD}`, env);
  t.same(mine, ['ADMIN_API_KEY', 'DATABASE_URL'], 'what looks over all tests finds them');
});

t.test('no mark stands anywhere', async (t) => {
  for (const [where, texts] of seen) {
    const all = texts.join('\n');
    const found = [...marks]
      .filter(([what, value]) => MAY_STAND[what]?.includes(where) !== true && all.includes(value))
      .map(([what]) => what);
    const [first = ''] = found.map((what) => marks.get(what) ?? '');
    const at = all.indexOf(first);
    t.same(
      found,
      [],
      found.length === 0 ? where : `${where}: ${all.slice(Math.max(0, at - 200), at)}`,
    );
  }
});
