// Goal: tenants and API keys over HTTP, WebSocket and streams of events, as those see it who have them:
// what a key gives, to whom, until when; that one tenant finds nothing of another; that no key is in any
// answer but the one that shows it, nor in anything that the node writes; and that a restart keeps them.
import http from 'node:http';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { makeApiKey } from '../../src/core/api-key.js';
import { EventStream } from '../support/clients/event-stream.js';
import { openRaw } from '../support/clients/raw-http.js';
import { Subscriber } from '../support/clients/subscriber.js';
import {
  ADMIN_KEY,
  type KeyedNode,
  type MadeKey,
  startKeyedNode,
  TENANT_KEY,
} from '../support/nodes/keyed-node.js';

const ALL = ['publish', 'subscribe', 'manage'];
const HOUR_MS = 3_600_000;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
// Everything is logged, so that a key that is written anywhere is found.
const env = { DATABASE_URL: postgres.url, LOG_LEVEL: 'trace', NODE_ID: 'keyed' };
const node = await startKeyedNode(env);
t.teardown(() => node.kill9());
const made: MadeKey[] = [];

async function makeKey(right: object, by = ADMIN_KEY): Promise<MadeKey> {
  const key = await node.makeKey(right, by);
  made.push(key);
  return key;
}

async function tenantKey(tenant: string): Promise<MadeKey> {
  const key = await node.makeTenantKey(tenant);
  made.push(key);
  return key;
}

function publishBody(topic: string, payload: unknown): object {
  return { topic, payload };
}

t.test('a key is made, used, listed, rotated and revoked', async (t) => {
  const { ask } = node;
  t.match(await ask('POST /api/tenants', ADMIN_KEY, { name: 'acme' }), {
    ...{ status: 201, body: { name: 'acme', created_at: String } },
  });
  t.match(await ask('POST /api/tenants', ADMIN_KEY, { name: 'acme' }), { status: 409 });
  const right = { tenant: 'acme', scopes: ['manage', 'publish'], topics: ['a', 'b.*'] };
  const answer = await ask('POST /api/keys', ADMIN_KEY, right);
  const { id, key } = answer.body as unknown as MadeKey;
  made.push({ id, key });
  const shown = { ...right, scopes: ['publish', 'manage'], id, expires_at: null };
  t.match(answer, { status: 201, body: { ...shown, last_used_at: null } });
  t.equal((await ask('POST /api/topics', key, { name: 'b.c' })).status, 201);
  t.equal((await ask('POST /api/publish', key, publishBody('b.c', 1))).status, 200);
  await eventually(async () => {
    const { body } = await ask('GET /api/keys?tenant=acme', ADMIN_KEY);
    const [listed] = body['keys'] as { last_used_at: string | null }[];
    return listed?.last_used_at !== null;
  });
  const listed = (await ask('GET /api/keys', key)).body['keys'] as object[];
  t.match(listed, [shown]);
  t.notOk(JSON.stringify(listed).includes('"key"'));
  const rotated = await ask(`POST /api/keys/${id}/rotate`, key, { overlap_s: 600 });
  const next = rotated.body as unknown as MadeKey;
  made.push(next);
  t.match(rotated, { status: 201, body: { ...shown, id: next.id } });
  for (const one of [key, next.key]) {
    t.equal((await ask('POST /api/publish', one, publishBody('b.c', 1))).status, 200, 'both go on');
  }
  t.equal((await ask(`DELETE /api/keys/${id}`, next.key)).status, 204, 'the old one is over early');
  t.equal((await ask(`DELETE /api/keys/${id}`, next.key)).status, 404);
  await eventually(async () => (await ask('GET /api/keys', key)).status === 401);
  t.match(await ask('DELETE /api/tenants/acme', ADMIN_KEY), { body: { code: 'tenant_in_use' } });
  t.equal((await ask('DELETE /api/topics/b.c', next.key)).status, 204);
  t.equal((await ask('DELETE /api/tenants/acme', ADMIN_KEY)).status, 204);
  await eventually(async () => (await ask('GET /api/keys', next.key)).status === 401);
  t.equal((await ask('DELETE /api/tenants/acme', ADMIN_KEY)).status, 404);
  t.match(await ask('DELETE /api/tenants/default', ADMIN_KEY), { status: 409 });
  t.same(node.surprises, []);
});

t.test('what a new key may be is said by the field', async (t) => {
  const past = new Date(Date.now() - HOUR_MS).toISOString();
  const wrong: [object, string][] = [
    [{}, 'scopes'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['all'] }, 'scopes'],
    [{ scopes: ALL, topics: [] }, 'topics'],
    [{ scopes: ALL, topics: ['*'] }, 'topics'],
    [{ scopes: ALL, topics: ['a.*.b'] }, 'topics'],
    [{ scopes: ALL, expires_at: 'soon' }, 'expires_at'],
    [{ scopes: ALL, expires_at: past }, 'expires_at'],
    [{ scopes: ALL, tenant: 'a b' }, 'tenant'],
    [{ scopes: ALL, key: 'mine' }, 'key'],
  ];
  for (const [body, field] of wrong) {
    const answer = await node.ask('POST /api/keys', ADMIN_KEY, body);
    t.match(answer, { status: 400, body: { code: 'invalid_field', field } }, JSON.stringify(body));
  }
  const nowhere = await node.ask('POST /api/keys', ADMIN_KEY, { scopes: ALL, tenant: 'nowhere' });
  t.match(nowhere, { status: 404, body: { code: 'tenant_not_found', field: 'tenant' } });
  for (const name of ['', 'a.b', '~1', 'a/b', 'x'.repeat(65), 'ä']) {
    t.equal((await node.ask('POST /api/tenants', ADMIN_KEY, { name })).status, 400, name);
  }
  t.same(node.surprises, []);
});

t.test('nobody gives, sees or ends more than he has', async (t) => {
  const { ask } = node;
  const whole = await makeKey({ scopes: ALL });
  const end = new Date(Date.now() + HOUR_MS).toISOString();
  const bound = { scopes: ['publish', 'manage'], topics: ['orders.*'], expires_at: end };
  const { id, key } = await makeKey(bound, whole.key);
  const more = [
    { ...bound, scopes: ['subscribe'] },
    { ...bound, scopes: ['operate'] },
    { ...bound, topics: ['orders'] },
    { ...bound, topics: null },
    { ...bound, expires_at: null },
    { ...bound, expires_at: new Date(Date.now() + 2 * HOUR_MS).toISOString() },
  ];
  for (const right of more) {
    const answer = await ask('POST /api/keys', key, right);
    t.match(answer, { status: 403, body: { code: 'forbidden' } }, JSON.stringify(right));
  }
  const other = { ...bound, tenant: 'other' };
  t.match(await ask('POST /api/keys', key, other), { status: 404 }, 'there or not');
  const less = await makeKey({ ...bound, topics: ['orders.eu'] }, key);
  const { body } = await ask('GET /api/keys', key);
  const seen = (body['keys'] as { id: string }[]).map((one) => one.id).sort();
  t.same(seen, [id, less.id].sort(), 'not the one that made it');
  const paged: unknown[] = [];
  for (let after: unknown = ''; after !== undefined; after = paged.at(-1)) {
    const page = (await ask(`GET /api/keys?limit=1&after=${after}`, key)).body;
    paged.push(...(page['keys'] as { id: string }[]).map((one) => one.id));
    t.equal(page['next'], (page['keys'] as object[]).length === 1 ? paged.at(-1) : undefined);
    if (page['next'] === undefined) break;
  }
  t.same(paged, seen, 'nor does a page end at one that it does not show');
  for (const line of [`DELETE /api/keys/${whole.id}`, `POST /api/keys/${whole.id}/rotate`]) {
    const answer = await ask(line, key, line.startsWith('POST') ? {} : undefined);
    t.match(answer, { status: 404, body: { code: 'key_not_found' } }, line);
  }
  t.equal((await ask('GET /api/topics', whole.key)).status, 200, 'it is still good');
  const rotated = await ask(`POST /api/keys/${whole.id}/rotate`, whole.key, { overlap_s: 600 });
  const next = rotated.body as unknown as MadeKey;
  made.push(next);
  await eventually(async () => {
    const answer = await ask('POST /api/keys', whole.key, { scopes: ['publish'] });
    if (answer.status === 201) made.push(answer.body as unknown as MadeKey);
    return answer.status === 403;
  });
  const again = await ask(`POST /api/keys/${next.id}/rotate`, whole.key, {});
  t.equal(again.status, 404, 'one that was rotated does not get at the next one');
  t.equal((await ask(`DELETE /api/keys/${less.id}`, key)).status, 204);
  t.equal((await ask(`DELETE /api/keys/${id}`, key)).status, 204, 'itself');
});

t.test('a key without a manager of its own topics', async (t) => {
  const { key } = await makeKey({ scopes: ALL, topics: ['logs.*', 'audit'] });
  const { ask } = node;
  for (const name of ['logs.a', 'audit']) {
    t.equal((await ask('POST /api/topics', key, { name })).status, 201, name);
  }
  t.equal((await ask('GET /api/topics?prefix=logs.', key)).status, 200);
  t.match(await ask('GET /api/topics', key), { status: 403, body: { field: 'prefix' } });
  t.match(await ask('GET /api/topics/logs', key), { status: 403, body: { field: 'topic' } });
  t.equal((await ask('GET /api/dead-letters?topic=logs.a', key)).status, 200);
  t.match(await ask('GET /api/dead-letters', key), {
    status: 403,
    body: { detail: /name a topic/ },
  });
  t.match(await ask('GET /api/dead-letters?topic=other', key), { status: 403 });
  const inside = await ask('POST /api/publish', key, publishBody('logs.a', 1));
  const id = String(inside.body['message_id']);
  t.equal((await ask(`GET /api/messages/${id}`, key)).status, 200);
  const { key: narrow } = await makeKey({ scopes: ['subscribe'], topics: ['audit'] });
  t.match(await ask(`GET /api/messages/${id}`, narrow), { body: { code: 'message_not_found' } });
  const later = { ...publishBody('logs.a', 'later'), delay_ms: HOUR_MS };
  const waiting = Number((await ask('POST /api/publish', key, later)).body['deferred_id']);
  const { key: elsewhere } = await makeKey({ scopes: ['publish'], topics: ['audit'] });
  const cancel = `DELETE /api/deferred/${waiting}`;
  t.match(await ask(cancel, elsewhere), { status: 404, body: { code: 'deferred_not_found' } });
  t.equal((await ask(cancel, key)).status, 204, 'what it may publish it may cancel');
  t.equal((await ask(cancel, key)).status, 404);
  const batch = { messages: [publishBody('logs.a', 2), publishBody('other', 2)] };
  const { body } = await ask('POST /api/publish/batch', key, batch);
  t.match(body['results'], [{ topic: 'logs.a' }, { error: { code: 'forbidden', field: 'topic' } }]);
  const session = await Subscriber.open(node.wsUrl, 'msgpack', key);
  t.match(await session.subscribe('audit'), { type: 'subscribed' });
  t.match(await session.subscribe('audits'), { type: 'error', code: 'forbidden' });
  session.close();
});

t.test('two tenants with the same names find nothing of one another', async (t) => {
  const [a, b] = [await tenantKey('tenant-a'), await tenantKey('tenant-b')];
  const { ask } = node;
  const [onA, onB] = await Promise.all(
    [a, b].map(({ key }) => Subscriber.open(node.wsUrl, 'json', key)),
  );
  if (onA === undefined || onB === undefined) throw new Error('two sessions');
  for (const session of [onA, onB]) {
    t.match(await session.subscribe('shared', { subscription: 's' }), { type: 'subscribed' });
  }
  const eventsOfA = await EventStream.open(`${node.url}/api/topics/shared/events`, '', a.key);
  const sent = await ask('POST /api/publish', a.key, publishBody('shared', 'of a'));
  onA.send({ type: 'publish', topic: 'shared', payload: 'of a, too' });
  const own = await ask('POST /api/publish', b.key, publishBody('shared', 'of b'));
  t.equal(own.body['sequence'], 1, 'a topic of its own');
  await eventually(() => onA.messages.length === 2 && onB.messages.length === 1);
  await eventually(() => eventsOfA.of('message').length === 2);
  t.same(
    onB.messages.map(({ payload }) => payload),
    ['of b'],
  );
  const id = String(sent.body['message_id']);
  t.equal((await ask(`GET /api/messages/${id}`, a.key)).status, 200);
  t.equal((await ask(`GET /api/messages/${id}`, b.key)).status, 404);
  onB.send({ type: 'ack', message_id: id, ref: 'of another' });
  t.match(await onB.waitFor(({ ref }) => ref === 'of another'), { code: 'unknown_delivery' });
  for (const path of ['/api/topics', '/api/subscriptions', '/api/topics/shared/messages']) {
    const { body } = await ask(`GET ${path}`, b.key);
    t.notMatch(JSON.stringify(body), /of a|"message_count":2|"sequence":2|"lag":2/, path);
  }
  const { body: figures } = await ask('GET /api/stats', b.key);
  t.match(figures, { total_messages: 1, active_topics: 1, active_subscribers: 1 });
  t.equal(figures['sessions'], undefined, 'sessions are of all tenants');
  t.ok(Number((await ask('GET /api/stats', ADMIN_KEY)).body['sessions']) >= 3);
  t.equal((await ask('DELETE /api/topics/shared', b.key)).status, 204);
  await onB.waitFor(({ type }) => type === 'unsubscribed');
  t.equal((await ask('GET /api/topics/shared', a.key)).body['message_count'], 2);
  onA.close();
  onB.close();
  eventsOfA.close();
});

t.test('sessions and streams end with their key, those of others do not', async (t) => {
  const { ask } = node;
  const soon = new Date(Date.now() + 2_000).toISOString();
  const other = await makeKey({ scopes: ALL });
  const otherSession = await Subscriber.open(node.wsUrl, 'json', other.key);
  await otherSession.subscribe('ends');
  const ends: Record<string, (key: MadeKey) => Promise<unknown>> = {
    revoked: ({ id }) => ask(`DELETE /api/keys/${id}`, ADMIN_KEY),
    rotated: ({ id }) => ask(`POST /api/keys/${id}/rotate`, ADMIN_KEY, { overlap_s: 0 }),
    expired: async () => undefined,
  };
  for (const [how, end] of Object.entries(ends)) {
    const key = await makeKey({ scopes: ALL, expires_at: how === 'expired' ? soon : null });
    const session = await Subscriber.open(node.wsUrl, 'json', key.key);
    await session.subscribe('ends');
    const stream = await EventStream.open(`${node.url}/api/topics/ends/events`, '', key.key);
    await end(key);
    await eventually(() => session.closed !== null && stream.ended !== 'no');
    t.equal(session.closed?.code, 4510, how);
    t.match(session.control.at(-1), { type: 'disconnect', code: 4510, reconnect: false }, how);
    t.match(stream.of('disconnect'), [{ data: { code: 4510, reconnect: false } }], how);
    t.equal(
      (await EventStream.open(`${node.url}/api/topics/ends/events`, '', key.key)).status,
      401,
    );
  }
  t.equal(otherSession.closed, null);
  otherSession.close();
});

/** Status and body without the request's id, of bytes that no client library would send. */
async function sent(headers: string): Promise<string> {
  const connection = openRaw(node.port);
  connection.socket.write(
    `GET /api/topics HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`,
    'latin1',
  );
  await eventually(() => /\r\n\r\n.*[}\]]/s.test(connection.text()) || connection.isClosed());
  connection.socket.destroy();
  const body = connection.text().split('\r\n\r\n')[1] ?? '';
  return `${connection.statuses()[0]} ${body.replace(/"request_id":"[^"]*"/, '')}`;
}

t.test('whatever is wrong with a key, the answer is the same', async (t) => {
  const { key } = await makeKey({ scopes: ALL });
  const wrong = await sent('');
  t.match(wrong, /^401 .*"code":"unauthorized"/);
  const [, id = ''] = key.split('_');
  const forged = makeApiKey().text.replace(/_[^_]*_/, `_${id}_`);
  const hostile = [
    'X-API-Key: \r\n',
    'X-API-Key: x\r\n',
    `X-API-Key: ${key.toUpperCase()}\r\n`,
    `X-API-Key: ${key}x\r\n`,
    `X-API-Key: ${key.slice(0, -1)}\r\n`,
    `X-API-Key: ${key} ${key}\r\n`,
    `X-API-Key: ${key},${key}\r\n`,
    `X-API-Key: "${key}"\r\n`,
    `X-API-Key: Bearer ${key}\r\n`,
    `X-API-Key: ${makeApiKey().text}\r\n`,
    `X-API-Key: ${forged}\r\n`,
    `X-API-Key: ${'k'.repeat(3_000)}\r\n`,
    'X-API-Key: \xff\xfe\x80\r\n',
    `X-API-Key: cdt_${'\u0430'.repeat(8)}\r\n`,
    `X-API-Key: bad\r\nX-API-Key: ${key}\r\n`,
    `X-API-Key: bad\r\nAuthorization: Bearer ${key}\r\n`,
    `Authorization: ${key}\r\n`,
    'Authorization: Bearer\r\n',
    'Authorization: Bearer \r\n',
    `Authorization: Bearer  ${key}\r\n`,
    `Authorization: Basic ${Buffer.from(`x:${key}`).toString('base64')}\r\n`,
    `Authorization: Bearer bad\r\nAuthorization: Bearer ${key}\r\n`,
    `Cookie: key=${key}\r\n`,
    `X-Tenant: default\r\nX-Internal-Secret: ${key}\r\n`,
  ];
  for (const headers of hostile) t.equal(await sent(headers), wrong, headers.slice(0, 60));
  for (const name of ['key', 'api_key', 'token', 'access_token', 'X-API-Key']) {
    t.match(await node.ask(`GET /api/topics?${name}=${key}`, null), { status: 401 }, name);
  }
  const upgrades: [path: string, protocols: string[]][] = [
    [`/ws?token=${key}`, []],
    [`/ws?key=${key}`, []],
    ['/ws', [`conduit.token.${key}`]],
  ];
  for (const [path, protocols] of upgrades) {
    const socket = new WebSocket(`${node.wsUrl}${path}`, protocols);
    socket.on('error', () => undefined);
    const status = await new Promise((resolve) => {
      socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
      socket.on('open', () => resolve(101));
    });
    t.equal(status, 401, `${path.slice(0, 10)} ${protocols.length}`);
  }
  const taken = [
    `X-API-Key: ${key}\r\n`,
    `x-api-key:    ${key}   \r\n`,
    `Authorization: bearer ${key}\r\n`,
    `X-API-Key: ${key}\r\nX-API-Key: bad\r\n`,
    `X-API-Key: ${key}\r\nAuthorization: Basic eDp5\r\n`,
  ];
  for (const headers of taken) t.match(await sent(headers), /^200 /, headers.slice(0, 60));
});

t.test('a first-seen key comes with any body, many requests at once among them', async (t) => {
  const { ask } = node;
  const agent = new http.Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const send = (key: string, body: string, how: 'length' | 'chunks'): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'x-api-key': key };
      const length = how === 'length' ? { 'content-length': Buffer.byteLength(body) } : {};
      const call = http.request(`${node.url}/api/publish`, {
        ...{ agent, method: 'POST', headers: { ...headers, ...length } },
      });
      call.on('error', reject);
      call.on('response', (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      });
      for (let at = 0; at < body.length; at += 50_000) call.write(body.slice(at, at + 50_000));
      call.end();
    });
  await ask('POST /api/topics', TENANT_KEY, { name: 'large' });
  const large = JSON.stringify(publishBody('large', 'x'.repeat(200_000)));
  const tooLarge = JSON.stringify(publishBody('large', 'x'.repeat(400_000)));
  for (const how of ['length', 'chunks'] as const) {
    t.equal(await send((await makeKey({ scopes: ALL })).key, large, how), 200, how);
    t.equal(await send((await makeKey({ scopes: ['manage'] })).key, large, how), 403, how);
    const outcome = send((await makeKey({ scopes: ALL })).key, tooLarge, how);
    t.ok([413, 'cut'].includes(await outcome.catch(() => 'cut')), `${how}, too large`);
  }
  const { key } = await makeKey({ scopes: ALL });
  const statuses = await Promise.all(Array.from({ length: 40 }, () => send(key, large, 'length')));
  t.same([...new Set(statuses)], [200]);
  t.match((await ask('GET /api/topics/large', TENANT_KEY)).body, { message_count: 42 });
});

t.test('no key is in what is written, or answered but once', async (t) => {
  t.ok(made.length > 20);
  t.same(node.surprises, []);
  const written = [node.output(), ...node.answers].join('\n');
  t.ok(written.length > 10_000);
  for (const secret of [TENANT_KEY, ADMIN_KEY, ...made.map(({ key }) => key.split('_')[2] ?? '')]) {
    t.ok(secret.length > 16);
    t.notOk(written.includes(secret));
  }
});

t.test('a restart keeps keys; without ADMIN_API_KEY there is no operator', async (t) => {
  const kept = await makeKey({ scopes: ALL });
  const operator = await makeKey({ scopes: ['operate'] });
  t.equal((await node.ask('GET /api/tenants', operator.key)).status, 200);
  t.equal(await node.stop(), 0);
  const again: KeyedNode = await startKeyedNode({
    ...env,
    ADMIN_API_KEY: undefined,
    LOG_FORMAT: 'pretty',
  });
  t.teardown(() => again.kill9());
  t.equal((await again.ask('GET /api/topics', kept.key)).status, 200);
  t.match(await again.ask('GET /api/tenants', operator.key), { status: 403 });
  t.match(await again.ask('GET /api/tenants', ADMIN_KEY), { status: 401 });
  t.match(again.output(), /API keys +asked of everybody; no operator: ADMIN_API_KEY is unset/);
  t.notMatch(again.output(), /IN MEMORY|HOST:/);
});

t.test('in memory keys are of the process, and the start says so', async (t) => {
  const memory = await startKeyedNode({ ACCEPTORS: '2', LOG_FORMAT: 'pretty' });
  await eventually(() => memory.output().includes('Try:'));
  t.teardown(() => memory.kill9());
  t.match(memory.output(), /API keys +asked of everybody; kept IN MEMORY\n/);
  const { id, key } = await memory.makeTenantKey('acme');
  const sessions = await Promise.all(
    Array.from({ length: 6 }, () => Subscriber.open(memory.wsUrl, 'json', key)),
  );
  for (const session of sessions) await session.subscribe('a');
  t.match(await memory.ask('DELETE /api/tenants/acme', ADMIN_KEY), { status: 409 });
  await memory.ask(`DELETE /api/keys/${id}`, ADMIN_KEY);
  await eventually(() => sessions.every(({ closed }) => closed?.code === 4510));
  t.match(await memory.ask('GET /api/topics', key), { status: 401 });
});
