// Goal: short-lived tokens that nodes make, as pages and those who ask for them see them: what a token gives,
// no more than its key has; how it is shown; that a session is told before its token runs out, goes on with
// another, and is closed; that a token which nobody made is refused like a wrong key; that no token is in
// any answer but the one that shows it, nor in anything that the node writes.
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { EventStream } from '../support/clients/event-stream.js';
import { type Format, Subscriber } from '../support/clients/subscriber.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

const ALL = ['publish', 'subscribe', 'manage'];
const READS = { topics: ['orders.*'] };

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
// Everything is logged, so that a token that is written anywhere is found.
const env = { DATABASE_URL: postgres.url, LOG_LEVEL: 'trace', TOKEN_TTL_S_MAX: '100' };
const node = await startKeyedNode(env);
t.teardown(() => node.kill9());
const made: string[] = [];

async function tokenOf(key: string, asked: object = READS): Promise<string> {
  const token = await node.makeToken(key, asked);
  made.push(token);
  return token;
}

async function publish(topic: string, payload: unknown): Promise<void> {
  await node.ask('POST /api/topics', TENANT_KEY, { name: topic });
  const { status } = await node.ask('POST /api/publish', TENANT_KEY, { topic, payload });
  if (status !== 200) throw new Error(`${topic}: ${status}`);
}

/** Unix ms. */
function endOf(frame: Record<string, unknown>): number {
  return Date.parse(String(frame['expires_at']));
}

/** Close code and the last frame before it. */
async function closedAs(t: Test, session: Subscriber, code: number): Promise<void> {
  await eventually(() => session.closed !== null);
  t.equal(session.closed?.code, code);
  t.match(session.control.at(-1), { type: 'disconnect', code, reconnect: false });
}

t.test('a token is made of a key, and gives what it says and no more', async (t) => {
  const { ask } = node;
  const { key } = await node.makeKey({ scopes: ALL });
  const asked = {
    topics: ['orders.*', 'news'],
    verbs: ['subscribe'],
    subject: 'user-1',
    ttl_s: 60,
  };
  const from = Date.now();
  const answer = await ask('POST /api/tokens', key, asked);
  const { ttl_s: ttlS, ...shown } = asked;
  t.match(answer, { status: 201, body: { ...shown, tenant: 'default', token: /^cdtt_/ } });
  const endMs = Date.parse(String(answer.body['expires_at']));
  t.ok(endMs >= from + ttlS * 1_000 && endMs <= Date.now() + ttlS * 1_000);
  const token = String(answer.body['token']);
  made.push(token);
  await publish('orders.created', 1);
  await publish('invoices', 1);
  t.equal((await ask('GET /api/topics/orders.created/messages', token)).status, 200);
  t.match(await ask('GET /api/topics/invoices/messages', token), { body: { code: 'forbidden' } });
  const publishing = { topic: 'orders.created', payload: 2 };
  t.match(await ask('POST /api/publish', token, publishing), { body: { code: 'forbidden' } });
  const others = {
    'POST /api/keys': { scopes: ['subscribe'], topics: ['orders.*'] },
    'POST /api/tokens': READS,
    'POST /api/topics': { name: 'orders.other' },
  };
  for (const [line, body] of Object.entries(others)) {
    t.match(await ask(line, token, body), { status: 403, body: { code: 'forbidden' } }, line);
  }
  const writes = await tokenOf(key, { topics: ['orders.*'], verbs: ['publish'] });
  t.equal((await ask('POST /api/publish', writes, publishing)).status, 200);
  t.equal((await ask('GET /api/topics/orders.created', writes)).status, 403);
  t.same(node.surprises, []);
});

t.test('what it may be asked for is said by the field', async (t) => {
  const { ask } = node;
  const { key } = await node.makeKey({ scopes: ['subscribe'], topics: ['orders.*', 'a'] });
  const wrong: [object, string][] = [
    [{ verbs: [] }, 'verbs'],
    [{ verbs: ['manage'] }, 'verbs'],
    [{ topics: [] }, 'topics'],
    [{ topics: ['*'] }, 'topics'],
    [{ ttl_s: 0 }, 'ttl_s'],
    [{ ttl_s: 101 }, 'ttl_s'],
    [{ ttl_s: 1.5 }, 'ttl_s'],
    [{ subject: '' }, 'subject'],
    [{ subject: 'x'.repeat(256) }, 'subject'],
    [{ tenant: 'default' }, 'tenant'],
    [{ topics: Array.from({ length: 40 }, (_, n) => `orders.${'x'.repeat(50)}${n}`) }, 'topics'],
  ];
  for (const [body, field] of wrong) {
    const answer = await ask('POST /api/tokens', key, body);
    const seen = JSON.stringify(body).slice(0, 60);
    t.match(answer, { status: 400, body: { code: 'invalid_field', field } }, seen);
  }
  t.match((await ask('POST /api/tokens', key, { ttl_s: 101 })).body['detail'], 'TOKEN_TTL_S_MAX');
  const more: [object, string][] = [
    [{ topics: ['a'], verbs: ['publish'] }, 'verbs'],
    [{ topics: ['orders'] }, 'topics'],
    [{ topics: ['a.*'] }, 'topics'],
    [{}, 'topics'],
  ];
  for (const [body, field] of more) {
    const answer = await ask('POST /api/tokens', key, body);
    t.match(answer, { status: 403, body: { code: 'forbidden', field } }, JSON.stringify(body));
  }
  t.match(await ask('POST /api/tokens', ADMIN_KEY, READS), { status: 403 });
  const soon = new Date(Date.now() + 30_000).toISOString();
  const short = await node.makeKey({ scopes: ['subscribe'], expires_at: soon });
  const { body } = await ask('POST /api/tokens', short.key, { ...READS, ttl_s: 90 });
  made.push(String(body['token']));
  t.equal(body['expires_at'], soon, 'none lives longer than its key');
  t.same(node.surprises, []);
});

t.test('a page shows it as a subprotocol, others in a header; never in a URL', async (t) => {
  const token = await tokenOf(TENANT_KEY);
  await publish('orders.shown', 1);
  const page = await Subscriber.open(node.wsUrl, 'json', token);
  t.equal(page.socket.protocol, 'conduit.json.v1', 'it is not said again');
  t.match(await page.subscribe('orders.shown'), { type: 'subscribed' });
  t.match(await page.subscribe('invoices'), { type: 'error', code: 'forbidden' });
  const stream = await EventStream.open(`${node.url}/api/topics/orders.shown/events`, '', token);
  t.equal(stream.status, 200);
  await publish('orders.shown', 2);
  await eventually(() => page.messages.length === 1 && stream.of('message').length === 1);
  page.close();
  stream.close();
  const refusals: [path: string, protocols: string[]][] = [
    [`/ws?token=${token}`, ['conduit.json.v1']],
    [`/ws?access_token=${token}`, []],
    ['/ws', ['conduit.json.v1', `conduit.token.${TENANT_KEY}`]],
    ['/ws', ['conduit.json.v1', 'conduit.token.']],
    ['/ws', ['conduit.json.v1', `conduit.token.x${token}`]],
  ];
  for (const [path, protocols] of refusals) {
    const socket = new WebSocket(`${node.wsUrl}${path}`, protocols);
    socket.on('error', () => undefined);
    const status = await new Promise((resolve) => {
      socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
      socket.on('open', () => resolve(101));
    });
    t.equal(status, 401, protocols.join().slice(0, 40));
  }
  t.equal((await node.ask(`GET /api/topics/orders.shown?token=${token}`, null)).status, 401);
});

t.test('whoever has it is told 30 s before it runs out, and closed when it has', async (t) => {
  const longToken = await tokenOf(TENANT_KEY, { ...READS, ttl_s: 33 });
  const long = await Subscriber.open(node.wsUrl, 'json', longToken);
  let toldAtMs = 0;
  long.onControl = () => {
    toldAtMs ||= Date.now();
  };
  const token = await tokenOf(TENANT_KEY, { ...READS, ttl_s: 5 });
  await publish('orders.ends', 1);
  const session = await Subscriber.open(node.wsUrl, 'msgpack', token);
  const stream = await EventStream.open(`${node.url}/api/topics/orders.ends/events`, '', token);
  const told = await session.waitFor(({ type }) => type === 'expiring');
  t.match(told, { expires_at: /^\d{4}-.*Z$/ });
  await eventually(() => stream.of('expiring').length === 1);
  t.equal(session.closed, null);
  await closedAs(t, session, 4510);
  t.ok(Date.now() >= endOf(told), 'not before');
  await eventually(() => stream.ended !== 'no');
  t.match(stream.of('disconnect'), [{ data: { code: 4510, reconnect: false } }]);
  t.equal((await node.ask('GET /api/topics/orders.ends', token)).status, 401);
  const later = await long.waitFor(({ type }) => type === 'expiring');
  t.ok(toldAtMs >= endOf(later) - 30_000, 'one with more time is told later');
  t.equal(long.control.length, 1, 'once');
  t.equal(long.closed, null);
  long.close();
});

async function goesOn(t: Test, format: Format): Promise<void> {
  const asked = { topics: [`${format}.*`, 'news'], subject: 'user-1', ttl_s: 6 };
  const session = await Subscriber.open(node.wsUrl, format, await tokenOf(TENANT_KEY, asked));
  await session.subscribe(`${format}.a`);
  await session.subscribe('news');
  const first = await session.waitFor(({ type }) => type === 'expiring');
  const less = { topics: ['news'], subject: 'user-1', ttl_s: 90 };
  session.send({ type: 'refresh', token: await tokenOf(TENANT_KEY, less), ref: 'r' });
  const answer = await session.waitFor(({ ref }) => ref === 'r');
  t.match(answer, { type: 'refreshed', expires_at: /Z$/ }, format);
  const ended = (): unknown[] =>
    session.control
      .filter(({ type }) => type === 'unsubscribed')
      .map(({ topic, subscription, reason }) => `${topic} ${subscription} ${reason}`);
  await eventually(() => ended().length === 1);
  t.same(ended(), [`${format}.a undefined forbidden`], format);
  t.match(await session.subscribe(`${format}.b`), { type: 'error', code: 'forbidden' });
  await eventually(() => Date.now() > endOf(first) + 1_000);
  await publish(`${format}.a`, 1);
  await publish('news', format);
  await eventually(() => session.messages.some(({ payload }) => payload === format));
  t.same([...session.sequences.keys()], ['news'], 'nothing of what has ended');
  t.equal(session.closed, null);
  session.close();
}

t.test('a session goes on with another token, in each format', async (t) => {
  await Promise.all((['seed', 'json', 'msgpack'] as const).map((format) => goesOn(t, format)));
});

t.test('a token names no durable subscription, so it takes none over', async (t) => {
  const kept = { subscription: 'kept' };
  const service = await Subscriber.open(node.wsUrl, 'json', TENANT_KEY);
  t.match(await service.subscribe('orders.kept', kept), { type: 'subscribed' });
  const page = await Subscriber.open(node.wsUrl, 'json', await tokenOf(TENANT_KEY));
  for (const more of [kept, { ...kept, exclusive: true }, { subscription: 'new' }]) {
    const answer = await page.subscribe('orders.kept', more);
    const refused = { type: 'error', code: 'forbidden', message: /durable/ };
    t.match(answer, refused, JSON.stringify(more));
  }
  t.match(await page.subscribe('orders.kept'), { type: 'subscribed' }, 'an ephemeral one it has');
  await publish('orders.kept', 1);
  await eventually(() => service.messages.length === 1 && page.messages.length === 1);
  t.same(
    service.control.filter(({ type }) => type === 'unsubscribed'),
    [],
    'nobody took it over',
  );
  t.equal((await node.ask('GET /api/subscriptions/orders.kept/new', TENANT_KEY)).status, 404);
  page.close();
  service.close();
});

t.test('a refresh that is refused changes nothing, until the old token runs out', async (t) => {
  const { key } = await node.makeTenantKey('acme');
  const asked = { ...READS, subject: 'user-1', ttl_s: 8 };
  const session = await Subscriber.open(node.wsUrl, 'json', await tokenOf(TENANT_KEY, asked));
  await session.subscribe('orders.r');
  const good = await tokenOf(TENANT_KEY, asked);
  const refused: [string, string, string][] = [
    ['of another tenant', await tokenOf(key, asked), 'forbidden'],
    [
      'for another subject',
      await tokenOf(TENANT_KEY, { ...asked, subject: 'user-2' }),
      'forbidden',
    ],
    ['for nobody in particular', await tokenOf(TENANT_KEY, READS), 'forbidden'],
    ['an API key', TENANT_KEY, 'unauthorized'],
    ['nothing', '', 'unauthorized'],
    ['another seal', `${good.slice(0, -5)}AAAAA`, 'unauthorized'],
  ];
  for (const [how, token, code] of refused) {
    session.send({ type: 'refresh', token, ref: how });
    const answer = await session.waitFor(({ ref }) => ref === how);
    t.match(answer, { type: 'error', code }, how);
    t.notMatch(JSON.stringify(answer), token.slice(-20) || 'cdtt_', how);
  }
  await publish('orders.r', 'still');
  await eventually(() => session.messages.length === 1);
  await closedAs(t, session, 4510);
  const keyed = await Subscriber.open(node.wsUrl, 'json', TENANT_KEY);
  keyed.send({ type: 'refresh', token: good, ref: 1 });
  t.match(await keyed.waitFor(({ ref }) => ref === 1), { type: 'error', code: 'invalid_field' });
  keyed.close();
});

t.test('without the verb subscribe nothing is left; what is being opened ends, too', async (t) => {
  const both = { topics: ['orders.*'], verbs: ['publish', 'subscribe'], ttl_s: 90 };
  const session = await Subscriber.open(node.wsUrl, 'json', await tokenOf(TENANT_KEY, both));
  const next = await tokenOf(TENANT_KEY, { topics: ['orders.*'], verbs: ['publish'], ttl_s: 90 });
  await session.subscribe('orders.v');
  session.send({ type: 'subscribe', topic: 'orders.w', ref: 'w' });
  session.send({ type: 'refresh', token: next, ref: 'r' });
  await eventually(
    () => session.control.filter(({ type }) => type === 'unsubscribed').length === 2,
  );
  session.send({ type: 'publish', topic: 'orders.v', payload: 1, ref: 'p' });
  t.match(await session.waitFor(({ ref }) => ref === 'p'), { type: 'published' });
  session.send({ type: 'publish', topic: 'orders.w', payload: 1, ref: 'q' });
  t.match(await session.waitFor(({ ref }) => ref === 'q'), { type: 'published' });
  t.same(session.messages, []);
  session.close();
});

t.test('whatever it came of, a token ends with its key', async (t) => {
  const { ask } = node;
  const ends: Record<string, (id: string) => Promise<unknown>> = {
    revoked: (id) => ask(`DELETE /api/keys/${id}`, ADMIN_KEY),
    rotated: (id) => ask(`POST /api/keys/${id}/rotate`, ADMIN_KEY, { overlap_s: 0 }),
  };
  for (const [how, end] of Object.entries(ends)) {
    const { id, key } = await node.makeKey({ scopes: ALL });
    const token = await tokenOf(key);
    const session = await Subscriber.open(node.wsUrl, 'json', token);
    const stream = await EventStream.open(`${node.url}/api/topics/orders.shown/events`, '', token);
    t.equal((await ask('GET /api/topics/orders.shown', token)).status, 200);
    await end(id);
    await eventually(() => session.closed !== null && stream.ended !== 'no');
    t.equal(session.closed?.code, 4510, how);
    t.equal((await ask('GET /api/topics/orders.shown', token)).status, 401, how);
  }
});

t.test('a flood of refreshes is held to what frames are held to', async (t) => {
  const token = await tokenOf(TENANT_KEY);
  const session = await Subscriber.open(node.wsUrl, 'json', token);
  for (let n = 0; n < 1_500; n++) session.send({ type: 'refresh', token });
  await eventually(() => session.closed !== null);
  t.equal(session.closed?.code, 4029);
});

t.test('without ENABLE_AUTH there are none', async (t) => {
  const open = await startNode();
  t.teardown(() => open.kill9());
  const answer = await fetch(`${open.url}/api/tokens`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' },
  });
  t.equal(answer.status, 404);
  t.match(await answer.json(), { code: 'not_found' });
  const session = await Subscriber.open(open.wsUrl, 'json');
  session.send({ type: 'refresh', token: 'cdtt_x', ref: 1 });
  t.match(await session.waitFor(({ ref }) => ref === 1), { code: 'invalid_field' });
  session.close();
});

t.test('no token is in what is written, or answered but once', async (t) => {
  t.ok(made.length > 20);
  t.same(node.surprises, []);
  const written = [node.output(), ...node.answers].join('\n');
  t.ok(written.length > 2_000);
  for (const token of made) {
    const [claims = '', seal = ''] = token.slice('cdtt_'.length).split('.');
    for (const part of [claims, seal]) t.notOk(written.includes(part));
  }
});
