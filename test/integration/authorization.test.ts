// Goal: each route and each frame is held to what the key of whoever asks is good for. The routes are
// those of the table, the frames those of the union: one that has no row here fails. What each needs is
// said here once more, so that whoever changes it changes it twice.
import http from 'node:http';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { makeApiKey } from '../../src/core/api-key.js';
import { request } from '../support/clients/publisher.js';
import { ROUTES } from '../support/documents/described-routes.js';
import { framesOf } from '../support/documents/protocol-document.js';
import { BODIES, isStream, nameOf, targetOf } from '../support/documents/route-requests.js';

type Need = 'anyone' | 'publish' | 'subscribe' | 'manage' | 'operate';
/** `topic`: it names one; `tenant`: it is of the whole tenant; `none`: of neither. */
type Reach = 'topic' | 'tenant' | 'none';
type Row = readonly [needs: readonly Need[], reach: Reach];

const SUBSCRIPTION = '/api/subscriptions/:topic/:name';
const ROUTE_ROWS: Readonly<Record<string, Row>> = {
  'POST /api/publish': [['publish'], 'topic'],
  'POST /api/publish/batch': [['publish'], 'topic'],
  'GET /api/deferred': [['publish'], 'tenant'],
  'DELETE /api/deferred/:id': [['publish'], 'none'],
  'GET /api/topics': [['subscribe'], 'tenant'],
  'POST /api/topics': [['manage'], 'topic'],
  'GET /api/topics/:name': [['subscribe'], 'topic'],
  'PATCH /api/topics/:name': [['manage'], 'topic'],
  'DELETE /api/topics/:name': [['manage'], 'topic'],
  'GET /api/topics/:name/messages': [['subscribe'], 'topic'],
  'GET /api/topics/:name/position': [['subscribe'], 'topic'],
  'GET /api/topics/:name/events': [['subscribe'], 'topic'],
  'POST /api/topics/:name/events': [['publish'], 'topic'],
  'GET /api/subscriptions': [['subscribe'], 'tenant'],
  [`GET ${SUBSCRIPTION}`]: [['subscribe'], 'topic'],
  [`PATCH ${SUBSCRIPTION}`]: [['manage'], 'topic'],
  [`DELETE ${SUBSCRIPTION}`]: [['manage'], 'topic'],
  [`POST ${SUBSCRIPTION}/seek`]: [['manage'], 'topic'],
  [`POST ${SUBSCRIPTION}/pause`]: [['manage'], 'topic'],
  [`POST ${SUBSCRIPTION}/resume`]: [['manage'], 'topic'],
  [`POST ${SUBSCRIPTION}/pull`]: [['subscribe'], 'topic'],
  [`POST ${SUBSCRIPTION}/ack`]: [['subscribe'], 'topic'],
  [`POST ${SUBSCRIPTION}/nack`]: [['subscribe'], 'topic'],
  [`POST ${SUBSCRIPTION}/extend`]: [['subscribe'], 'topic'],
  [`POST ${SUBSCRIPTION}/reject`]: [['subscribe'], 'topic'],
  [`PUT ${SUBSCRIPTION}/webhook`]: [['manage'], 'topic'],
  [`GET ${SUBSCRIPTION}/webhook`]: [['manage'], 'topic'],
  [`DELETE ${SUBSCRIPTION}/webhook`]: [['manage'], 'topic'],
  'GET /api/dead-letter-groups': [['subscribe'], 'tenant'],
  'GET /api/dead-letters': [['subscribe'], 'tenant'],
  'POST /api/dead-letters/redrive': [['manage'], 'tenant'],
  'POST /api/dead-letters/purge': [['manage'], 'tenant'],
  'GET /api/dead-letters/:id': [['subscribe'], 'tenant'],
  'DELETE /api/dead-letters/:id': [['manage'], 'tenant'],
  'GET /api/jobs/:id': [['manage'], 'tenant'],
  'DELETE /api/jobs/:id': [['manage'], 'tenant'],
  'GET /api/messages/:id': [['subscribe'], 'none'],
  'GET /api/tenants': [['operate'], 'none'],
  'POST /api/tenants': [['operate'], 'none'],
  'PATCH /api/tenants/:name': [['operate'], 'none'],
  'DELETE /api/tenants/:name': [['operate'], 'none'],
  'GET /api/keys': [['manage', 'operate'], 'none'],
  'POST /api/keys': [['manage', 'operate'], 'tenant'],
  'DELETE /api/keys/:id': [['manage', 'operate'], 'none'],
  'POST /api/keys/:id/rotate': [['manage', 'operate'], 'none'],
  // Of what is asked for without a word: to subscribe, to all topics.
  'POST /api/tokens': [['subscribe'], 'tenant'],
  'GET /api/session': [['anyone'], 'none'],
  'POST /api/session': [['publish', 'subscribe', 'manage', 'operate'], 'none'],
  'DELETE /api/session': [['publish', 'subscribe', 'manage', 'operate'], 'none'],
  'GET /api/audit': [['manage', 'operate'], 'tenant'],
  'GET /api/sessions': [['manage', 'operate'], 'tenant'],
  'DELETE /api/sessions/:id': [['manage', 'operate'], 'tenant'],
  'GET /api/stats': [['subscribe', 'operate'], 'tenant'],
  'GET /api/stream': [['subscribe', 'operate'], 'tenant'],
  'GET /api/nodes': [['operate'], 'none'],
  'GET /metrics': [['operate'], 'none'],
  'POST /api/nodes/:id/drain': [['operate'], 'none'],
  'POST /api/topics/:name/move': [['operate'], 'none'],
  'GET /api/openapi.json': [['anyone'], 'none'],
  'GET /api/asyncapi.json': [['anyone'], 'none'],
  'GET /api/docs': [['anyone'], 'none'],
  'GET /api/health': [['anyone'], 'none'],
  'GET /readyz': [['anyone'], 'none'],
  'POST /internal/forward': [['anyone'], 'none'],
  'GET /livez': [['anyone'], 'none'],
  'GET /ws': [['anyone'], 'none'],
  'GET /': [['anyone'], 'none'],
  'GET /assets/:file': [['anyone'], 'none'],
};

const DELIVERY = { topic: 'fuzz', sequence: 1 };
const FRAME_ROWS: Readonly<Record<string, readonly [...Row, frame: object]>> = {
  publish: [['publish'], 'topic', { topic: 'fuzz', payload: 1 }],
  subscribe: [['subscribe'], 'topic', { topic: 'fuzz' }],
  // What was not subscribed to is not there, whatever the topic.
  unsubscribe: [['subscribe'], 'none', { topic: 'fuzz' }],
  ack: [['subscribe'], 'none', DELIVERY],
  nack: [['subscribe'], 'none', DELIVERY],
  extend: [['subscribe'], 'none', DELIVERY],
  reject: [['subscribe'], 'none', DELIVERY],
  heartbeat: [['anyone'], 'none', {}],
  // Who came with a key has nothing to refresh: tokens.test.ts.
  refresh: [['anyone'], 'none', { token: 't' }],
  // It is not answered: the last one has nothing in it, which is.
  hello: [['anyone'], 'none', {}],
};

const CANARY = 'a canary of the default tenant';
const TENANT_KEY = 'the-default-tenants-own-key';
const ADMIN_KEY = 'the-operators-own-key';
const ALL: readonly Need[] = ['publish', 'subscribe', 'manage'];

const node = await startNode({
  ...{ ENABLE_AUTH: 'true', DEFAULT_API_KEY: TENANT_KEY, ADMIN_API_KEY: ADMIN_KEY, WORKERS: '2' },
  LOGINS_PER_MINUTE_MAX: '1000',
});
t.teardown(() => node.kill9());

async function ask(line: string, key: string | null, body?: object) {
  const [method = '', target = ''] = line.split(' ');
  const headers = {
    ...(key === null ? {} : { 'x-api-key': key }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const more = body === undefined ? {} : { body: JSON.stringify(body) };
  return request(`${node.url}${target}`, { method, headers, ...more });
}

async function makeKey(right: object): Promise<{ id: string; key: string }> {
  const { status, body } = await ask('POST /api/keys', ADMIN_KEY, right);
  if (status !== 201) throw new Error(JSON.stringify(body));
  return { id: String(body['id']), key: String(body['key']) };
}

interface Caller {
  /** Null: it shows none. */
  key: string | null;
  /** Null: nobody knows it. */
  scopes: readonly Need[] | null;
  topics: 'all' | 'others';
}

async function makeCallers(): Promise<Record<string, Caller>> {
  await ask('POST /api/tenants', ADMIN_KEY, { name: 'other' });
  const keyed = async (right: object): Promise<string> => (await makeKey(right)).key;
  const soon = new Date(Date.now() + 1_000).toISOString();
  const expired = await keyed({ scopes: ALL, expires_at: soon });
  const revoked = await makeKey({ scopes: ALL });
  await eventually(async () => (await ask('GET /api/topics', revoked.key)).status === 200);
  await ask(`DELETE /api/keys/${revoked.id}`, ADMIN_KEY);
  for (const key of [expired, revoked.key]) {
    await eventually(async () => (await ask('GET /api/topics', key)).status === 401);
  }
  const unknown = { scopes: null, topics: 'all' } as const;
  const known = { topics: 'all' } as const;
  return {
    none: { ...unknown, key: null },
    bad: { ...unknown, key: makeApiKey().text },
    malformed: { ...unknown, key: 'cdt_x' },
    expired: { ...unknown, key: expired },
    revoked: { ...unknown, key: revoked.key },
    other: { ...known, scopes: ALL, key: await keyed({ tenant: 'other', scopes: ALL }) },
    'wrong topic': {
      ...{ scopes: ALL, topics: 'others' },
      key: await keyed({ scopes: ALL, topics: ['elsewhere', 'fuzz.other.*', 'elsewhere.*'] }),
    },
    'read-only': { ...known, scopes: ['subscribe'], key: await keyed({ scopes: ['subscribe'] }) },
    'publish-only': { ...known, scopes: ['publish'], key: await keyed({ scopes: ['publish'] }) },
    manage: { ...known, scopes: ['manage'], key: await keyed({ scopes: ['manage'] }) },
    operator: { ...known, scopes: ['operate'], key: ADMIN_KEY },
    tenant: { ...known, scopes: ALL, key: TENANT_KEY },
  };
}

/** What has to come of it: 401, 403, or anything else. */
function outcomeFor({ scopes, topics }: Caller, [needs, reach]: Row): '401' | '403' | 'served' {
  if (needs.includes('anyone')) return 'served';
  if (scopes === null) return '401';
  if (!needs.some((need) => scopes.includes(need))) return '403';
  return topics === 'others' && reach !== 'none' ? '403' : 'served';
}

/** Status, with what was wrong with the key; a stream is not waited for. */
function served(
  line: string,
  key: string | null,
  body: object | undefined,
): Promise<{ status: number; code: unknown; text: string; challenge: unknown }> {
  const [method = '', target = ''] = line.split(' ');
  const headers = {
    ...(key === null ? {} : { 'x-api-key': key }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  return new Promise((resolve, reject) => {
    const call = http.request(`${node.url}${target}`, { method, headers, agent: false });
    call.on('error', reject);
    call.on('response', (answer) => {
      const { statusCode: status = 0 } = answer;
      const challenge = answer.headers['www-authenticate'];
      let text = '';
      const done = (): void => {
        const isProblem = String(answer.headers['content-type']).includes('problem+json');
        const code = isProblem && text !== '' ? (JSON.parse(text) as { code: string }).code : null;
        resolve({ status, code, text, challenge });
        call.destroy();
      };
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        if (answer.headers['content-type'] === 'text/event-stream') done();
      });
      answer.on('end', done);
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

await ask('POST /api/topics', TENANT_KEY, { name: 'fuzz' });
await ask('POST /api/publish', TENANT_KEY, { topic: 'fuzz', payload: CANARY });
const callers = await makeCallers();

t.test('every route has a row, every row a route', async (t) => {
  t.same(Object.keys(ROUTE_ROWS).sort(), ROUTES.map(nameOf).sort());
});

for (const [name, caller] of Object.entries(callers)) {
  t.test(`routes, ${name}`, async (t) => {
    for (const { method, path } of ROUTES) {
      const route = nameOf({ method, path });
      const row = ROUTE_ROWS[route] ?? [['operate'], 'none'];
      const expected = outcomeFor(caller, row);
      const line = `${method} ${targetOf(path)}`;
      const answer = await served(line, caller.key, BODIES[route]);
      const isRefused = answer.status === 401 || answer.status === 403;
      t.equal(isRefused ? String(answer.status) : 'served', expected, `${route} ${answer.text}`);
      if (expected === '401') {
        t.match(answer, { code: 'unauthorized', challenge: 'Bearer realm="conduit"' }, route);
      } else if (expected === '403') t.equal(answer.code, 'forbidden', route);
      if (caller.scopes === null || name === 'other' || expected !== 'served') {
        t.notMatch(answer.text, CANARY, route);
      }
      if (method !== 'GET' || isStream(path)) continue;
      const head = await served(`HEAD ${targetOf(path)}`, caller.key, undefined);
      t.equal(head.status, answer.status, `HEAD ${path}`);
    }
  });
}

t.test('health says its status alone to whoever shows no key that is good', async (t) => {
  for (const [name, { key, scopes }] of Object.entries(callers)) {
    const { body } = await ask('GET /api/health', key);
    t.equal(Object.keys(body).length === 1, scopes === null, name);
    t.equal(body['status'], 'ok');
  }
});

t.test('OPTIONS, other methods and paths that are not there ask for no key', async (t) => {
  t.equal((await ask('OPTIONS /api/topics', null)).status, 204);
  t.equal((await ask('PUT /api/topics', null)).status, 405);
  t.equal((await ask('GET /nowhere', null)).status, 404);
});

t.test('every frame has a row, every row a frame', async (t) => {
  t.same(Object.keys(FRAME_ROWS).sort(), [...framesOf('client').keys()].sort());
});

function connect(key: string | null): Promise<WebSocket | number> {
  const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
  return new Promise((resolve) => {
    const socket = new WebSocket(`${node.wsUrl}/ws`, { headers });
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
    socket.on('error', () => undefined);
    socket.on('open', () => resolve(socket));
  });
}

for (const [name, caller] of Object.entries(callers)) {
  t.test(`frames, ${name}`, async (t) => {
    const socket = await connect(caller.key);
    if (caller.scopes === null || typeof socket === 'number') {
      t.equal(socket, 401, 'before the upgrade');
      t.equal(caller.scopes, null);
      return;
    }
    for (const [type, [needs, reach, frame]] of Object.entries(FRAME_ROWS)) {
      const answer = await new Promise<Record<string, unknown>>((resolve) => {
        socket.on('message', (data: Buffer) => {
          const said = JSON.parse(data.toString('utf8')) as Record<string, unknown>;
          if (said['ref'] === type) resolve(said);
        });
        socket.send(JSON.stringify({ type, ...frame, ref: type }));
      });
      socket.removeAllListeners('message');
      const isRefused = answer['code'] === 'forbidden';
      const expected = outcomeFor(caller, [needs, reach]);
      t.equal(isRefused ? '403' : 'served', expected, `${type} ${JSON.stringify(answer)}`);
    }
    socket.close();
  });
}
