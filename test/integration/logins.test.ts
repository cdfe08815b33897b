// Goal: a browser shows a key once, and a cookie from then on, which is good for what the key is good
// for, for pages of this node and no others, and no longer than the key; trying keys out is slow; no key
// is taken from a URL; and nothing of it is in what the node writes.
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { makeApiKey, makeLogin } from '../../src/core/api-key.js';
import { Browser } from '../support/browser/browser.js';
import { request } from '../support/clients/publisher.js';
import { surpriseIn } from '../support/documents/described-routes.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

const ALL = ['publish', 'subscribe', 'manage'];
const FOREIGN = 'http://evil.example';
const NAMED = 'https://dashboard.example';
const LOGINS_MAX = 3;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = {
  ...{ DATABASE_URL: postgres.url, LOG_LEVEL: 'trace', LOGINS_PER_MINUTE_MAX: '1000' },
  ...{ LOGINS_PER_KEY_MAX: String(LOGINS_MAX), TRUSTED_PROXIES: '127.0.0.1' },
};
// One that lets any page ask, and one that lets none but those that it names.
const node = await startKeyedNode(env);
t.teardown(() => node.kill9());
const named = await startKeyedNode({ ...env, CORS_ORIGIN: NAMED });
t.teardown(() => named.kill9());
await node.ask('POST /api/topics', TENANT_KEY, { name: 'shown' });
const own = node.url;
const shown: string[] = [];

async function loggedIn(key: string, at = node.url): Promise<Browser> {
  const browser = new Browser(at);
  const { status } = await browser.logIn(key);
  if (status !== 204) throw new Error(`the login came to ${status}`);
  shown.push(browser.cookie.split('=')[1] ?? '');
  return browser;
}

t.test('a key makes a cookie, and the cookie is good for what the key is', async (t) => {
  const { key } = await node.makeKey({ scopes: ['subscribe'] });
  const browser = await loggedIn(key);
  t.match(browser.set, /^conduit_session=cdl_[0-9a-z]+_[0-9a-z]+; Max-Age=431\d\d; /);
  t.match(browser.set, /; Path=\/; HttpOnly; SameSite=Strict$/);
  t.match(await browser.ask('GET /api/topics'), { status: 200 });
  t.match(await browser.ask('POST /api/topics', { origin: own }, { name: 'more' }), {
    ...{ status: 403, body: { code: 'forbidden' } },
  });
  const operator = await loggedIn(ADMIN_KEY);
  t.match(await operator.ask('GET /api/tenants'), { status: 200 });
  t.match(await operator.ask('GET /api/health'), { body: { node: String } }, 'it is known there');
  const tenant = await loggedIn(TENANT_KEY);
  const made = await tenant.ask('POST /api/topics', { origin: own }, { name: 'by.cookie' });
  t.equal(made.status, 201);
  const wins = await browser.ask('GET /api/tenants', { 'x-api-key': ADMIN_KEY });
  t.equal(wins.status, 200, 'a key that is shown counts, and not the cookie');
  const { body } = await node.ask('GET /api/keys', ADMIN_KEY);
  t.notMatch(JSON.stringify(body), /cdl_/, 'a login is no key');
});

t.test('a login makes no tokens, which would outlive it', async (t) => {
  const browser = await loggedIn(TENANT_KEY);
  const asked = { verbs: ['subscribe'] };
  const answer = await browser.ask('POST /api/tokens', { origin: own }, asked);
  t.match(answer, { status: 403, body: { code: 'forbidden', detail: /login/ } });
  t.equal(answer.body['token'], undefined);
  t.equal((await node.ask('POST /api/tokens', TENANT_KEY, asked)).status, 201, 'its key does');
});

t.test('by the cookie keys without an end are seen, rotated and revoked', async (t) => {
  const asked = { scopes: ['subscribe', 'manage'] };
  const manager = await node.makeKey({ scopes: ALL });
  for (const browser of [await loggedIn(ADMIN_KEY), await loggedIn(manager.key)]) {
    const made = await browser.ask('POST /api/keys', { origin: own }, asked);
    t.match(made, { status: 201, body: { expires_at: null } }, 'as by its key');
    const id = String(made.body['id']);
    t.match(JSON.stringify((await browser.ask('GET /api/keys')).body), id);
    const rotation = { overlap_s: 0 };
    const next = await browser.ask(`POST /api/keys/${id}/rotate`, { origin: own }, rotation);
    t.equal(next.status, 201);
    const gone = `DELETE /api/keys/${next.body['id']}`;
    t.equal((await browser.ask(gone, { origin: own })).status, 204);
    t.equal((await browser.ask(gone, { origin: own })).status, 404);
  }
});

t.test('Secure where the browser speaks TLS, to this node or to a proxy of its own', async (t) => {
  const browser = new Browser(node.url);
  await browser.logIn(TENANT_KEY, { 'x-forwarded-proto': 'https' });
  t.match(browser.set, /; Secure$/);
  const alone = await startKeyedNode();
  t.teardown(() => alone.kill9());
  const other = new Browser(alone.url);
  await other.logIn(TENANT_KEY, { 'x-forwarded-proto': 'https' });
  t.notMatch(other.set, /Secure/, 'nobody is believed who is no proxy');
  t.match(await other.ask('GET /api/topics'), { status: 200 }, 'without a database, too');
});

t.test('the cookie counts for pages of this node alone', async (t) => {
  const browser = await loggedIn(TENANT_KEY);
  const events = '/api/topics/shown/events';
  const { port } = node;
  for (const origin of [
    ...[FOREIGN, 'null', `http://127.0.0.1:${port + 1}`, `https://127.0.0.1:${port}`, NAMED],
    ...[`http://localhost:${port}`, `${own}/`, 'file://', `http://127.0.0.1.evil.example:${port}`],
  ]) {
    const asked: [line: string, body?: object][] = [
      ['POST /api/publish', { topic: 'shown', payload: 1 }],
      ['GET /api/topics'],
      ['DELETE /api/topics/shown'],
      ['DELETE /api/session'],
    ];
    for (const [line, body] of asked) {
      const answer = await browser.ask(line, { origin }, body);
      t.match(answer, { status: 401, body: { code: 'unauthorized' } }, `${line} ${origin}`);
      t.equal(answer.headers['set-cookie'], undefined);
    }
    const login = await browser.logIn(TENANT_KEY, { origin });
    t.match(login, { status: 403, body: { code: 'origin_refused', field: 'Origin' } }, origin);
    t.equal(login.headers['set-cookie'], undefined);
    t.equal(await browser.connect(origin), 401, origin);
    t.equal(await browser.streams(events, origin), 401, origin);
  }
  const session = await browser.connect(own);
  t.ok(session instanceof WebSocket, 'its own');
  if (session instanceof WebSocket) session.close();
  t.equal(await browser.streams(events, own), 200);
  const proxied = { origin: `https://127.0.0.1:${port}`, 'x-forwarded-proto': 'https' };
  t.equal((await browser.ask('GET /api/topics', proxied)).status, 200, 'behind TLS of a proxy');
  t.equal((await browser.ask('DELETE /api/session', { origin: own })).status, 204, 'it was there');
});

t.test('CORS_ORIGIN lets pages in by name', async (t) => {
  const browser = await loggedIn(TENANT_KEY, named.url);
  t.equal((await browser.ask('GET /api/topics', { origin: NAMED })).status, 200);
  const body = { topic: 'shown', payload: 1 };
  t.equal((await browser.ask('POST /api/publish', { origin: NAMED }, body)).status, 200);
  t.equal((await browser.ask('POST /api/publish', { origin: FOREIGN }, body)).status, 403);
  t.equal((await browser.ask('GET /api/topics', { origin: FOREIGN })).status, 401);
  t.equal(await browser.connect(FOREIGN), 403);
  const session = await browser.connect(NAMED);
  t.ok(session instanceof WebSocket);
  if (session instanceof WebSocket) session.close();
});

t.test('whoever logs out, or loses the key, has lost what the cookie opened', async (t) => {
  const { ask } = node;
  const ends: Record<string, (id: string, browser: Browser) => Promise<unknown>> = {
    'logged out': (_id, browser) => browser.ask('DELETE /api/session', { origin: own }),
    revoked: (id) => ask(`DELETE /api/keys/${id}`, ADMIN_KEY),
    rotated: (id) => ask(`POST /api/keys/${id}/rotate`, ADMIN_KEY, { overlap_s: 0 }),
    expired: async () => undefined,
  };
  for (const [how, end] of Object.entries(ends)) {
    const soon = new Date(Date.now() + 3_000).toISOString();
    const expires = how === 'expired' ? soon : null;
    const { id, key } = await node.makeKey({ scopes: ALL, expires_at: expires });
    const [browser, other] = [await loggedIn(key), await loggedIn(key)];
    const session = await browser.connect(own);
    if (!(session instanceof WebSocket)) throw new Error(`${how}: ${session}`);
    const closed = new Promise<number>((resolve) => session.once('close', resolve));
    await end(id, browser);
    t.equal(await closed, 4510, how);
    await eventually(async () => (await browser.ask('GET /api/topics')).status === 401);
    const { status } = await other.ask('GET /api/topics');
    t.equal(status, how === 'logged out' ? 200 : 401, `${how}: another login of the key`);
  }
});

t.test('a cookie is changed for another, and the old one goes on for a moment', async (t) => {
  const browser = await loggedIn(TENANT_KEY);
  const { cookie: before } = browser;
  t.equal((await browser.ask('POST /api/session', { origin: own })).status, 204);
  t.not(browser.cookie, before);
  shown.push(browser.cookie.split('=')[1] ?? '');
  t.equal((await browser.ask('GET /api/topics')).status, 200);
  const old = new Browser(node.url);
  old.cookie = before;
  t.equal((await old.ask('GET /api/topics')).status, 200);
  t.equal((await old.ask('POST /api/session', { origin: own })).status, 204, 'another tab');
  t.equal(old.set, '', 'which has what the first one got');
  t.equal((await browser.ask('DELETE /api/session', { origin: own })).status, 204);
  t.match(browser.set, /^conduit_session=; Max-Age=0; /);
  await eventually(async () => (await old.ask('GET /api/topics')).status === 401);
});

t.test('of one login too many the oldest ends', async (t) => {
  const { key } = await node.makeKey({ scopes: ALL });
  const browsers: Browser[] = [];
  for (let n = 0; n <= LOGINS_MAX; n++) browsers.push(await loggedIn(key));
  const [first, ...others] = browsers;
  await eventually(async () => (await first?.ask('GET /api/topics'))?.status === 401);
  for (const other of others) t.equal((await other.ask('GET /api/topics')).status, 200);
});

t.test('what is no login is none', async (t) => {
  const wrong = ['', 'x', makeLogin().text, TENANT_KEY, ADMIN_KEY, makeApiKey().text, '"x"', 'a=b'];
  const { key } = await node.makeKey({ scopes: ALL });
  for (const value of [...wrong, key, 'x'.repeat(3_000)]) {
    const browser = new Browser(node.url);
    browser.cookie = `conduit_session=${value}`;
    const answer = await browser.ask('GET /api/topics');
    t.match(answer, { status: 401, body: { code: 'unauthorized' } }, value.slice(0, 20));
  }
  const one = await loggedIn(key);
  const elsewhere = new Browser(node.url);
  elsewhere.cookie = one.cookie.replace('conduit_session', 'conduit_sessions');
  t.equal((await elsewhere.ask('GET /api/topics')).status, 401);
  const answer = await new Browser(node.url).logIn(makeApiKey().text);
  t.match(answer, { status: 401, body: { code: 'unauthorized' } });
  t.equal((await node.ask('DELETE /api/session', key)).status, 404, 'a key is no login');
});

t.test('a key in the URL is refused by name, and not used', async (t) => {
  const { key } = await node.makeKey({ scopes: ALL });
  for (const name of ['api_key', 'apikey', 'API-Key', 'x-api-key', 'key', 'authorization']) {
    for (const path of ['/api/topics', '/api/publish', '/api/topics/shown/events', '/ws']) {
      const method = path === '/api/publish' ? 'POST' : 'GET';
      const url = `${node.url}${path}?limit=1&${name}=${key}`;
      const upgrade = path === '/ws' ? upgradeHeaders() : {};
      const { status, body } = await request(url, { method, headers: upgrade });
      t.match({ status, body }, { status: 401, body: { code: 'unauthorized', field: name } });
      t.match(body['detail'], /not taken from the URL/);
    }
  }
  const used = await node.ask(`GET /api/topics?api_key=${key}`, key);
  t.match(used, { status: 400, body: { code: 'invalid_query', field: 'api_key' } });
});

function upgradeHeaders(): Record<string, string> {
  return {
    ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
}

t.test('trying keys out is slow, by the address of whoever tries', async (t) => {
  const slow = await startKeyedNode({ TRUSTED_PROXIES: '127.0.0.1' });
  t.teardown(() => slow.kill9());
  const browser = new Browser(slow.url);
  const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address });
  for (let n = 0; n < 20; n++) {
    const { status } = await browser.logIn('a guess', { ...from('192.0.2.1'), origin: FOREIGN });
    t.equal(status, 403, 'a page that is not ours takes no tries from whoever reads it');
  }
  const tries: number[] = [];
  for (let n = 0; n < 6; n++)
    tries.push((await browser.logIn('a guess', from('192.0.2.1'))).status);
  t.same(tries, [401, 401, 401, 401, 401, 429]);
  const refused = await browser.logIn(TENANT_KEY, from('192.0.2.1'));
  t.match(refused, { status: 429, body: { code: 'login_rate', detail: /LOGINS_PER_MINUTE_MAX/ } });
  t.equal(refused.headers['retry-after'], '60');
  t.equal(refused.headers['set-cookie'], undefined);
  const text = JSON.stringify(refused.body);
  const seen = { status: 429, type: 'application/problem+json', text };
  t.equal(surpriseIn('POST', '/api/session', seen), null);
  const written = await browser.logIn('a guess', from('192.0.2.2, 192.0.2.1'));
  t.equal(written.status, 429, 'what a client writes itself changes nothing');
  t.equal((await browser.logIn(TENANT_KEY, from('192.0.2.2'))).status, 204, 'from another');
  const v6 = ['2001:db8::1', '2001:db8::2'].map((address) => from(address));
  for (let n = 0; n < 5; n++) await browser.logIn('a guess', v6[n % 2]);
  t.equal((await browser.logIn('a guess', v6[0])).status, 429, 'one network is one address');
});

t.test('where no keys are asked for there is nothing to log in to', async (t) => {
  const open = await startNode({ WORKERS: '1' });
  t.teardown(() => open.kill9());
  for (const line of ['POST /api/session', 'DELETE /api/session']) {
    const answer = await new Browser(open.url).ask(line);
    t.match(answer, { status: 404, body: { code: 'not_found', detail: /ENABLE_AUTH is false/ } });
  }
});

t.test('whatever is answered tells browsers to run and frame nothing', async (t) => {
  const told = {
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': String,
    'cache-control': 'no-store',
  };
  for (const line of ['GET /', 'GET /livez', 'GET /nowhere', 'GET /api/topics', 'PUT /livez']) {
    t.match((await node.ask(line, TENANT_KEY)).headers, told, line);
    t.match((await node.ask(line, null)).headers, told, line);
  }
});

t.test('but for publishes, which no browser shows', async (t) => {
  const message = { topic: 'shown', payload: 1 };
  for (const [line, body] of [
    ['POST /api/publish', message],
    ['POST /api/publish/batch', { messages: [message] }],
  ] as const) {
    const { status, headers } = await node.ask(line, TENANT_KEY, body);
    t.equal(status, 200, line);
    for (const name of ['x-content-type-options', 'cache-control', 'permissions-policy']) {
      t.equal(headers[name], undefined, `${line}: ${name}`);
    }
    const refused = await node.ask(line, TENANT_KEY, {});
    t.equal(refused.headers['x-content-type-options'], 'nosniff', `${line}, refused`);
  }
});

t.test('nothing of it is in what the nodes wrote', async (t) => {
  t.ok(shown.length > 10);
  const written = `${node.output()}${named.output()}`;
  for (const login of shown) t.notOk(written.includes(login.split('_')[2] ?? login));
});
