// Goal: GET and DELETE /api/sessions as operators and tenants see them: who is connected, on whichever
// thread, with what; a tenant sees and closes its own alone; what clients call themselves is bounded and
// harmless; and a session that is closed is told, and stands in the audit log.
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { EventStream } from '../support/clients/event-stream.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';

const ACCEPTORS = 2;
const node = await startKeyedNode({
  ...{ ACCEPTORS: String(ACCEPTORS), NODE_ID: 'seen', TRUSTED_PROXIES: '127.0.0.1/32' },
});
t.teardown(() => node.kill9());
const acme = await node.makeTenantKey('acme');

interface Seen extends Record<string, unknown> {
  id: string;
  client: string | null;
  subscriptions: Record<string, unknown>[];
}

interface Page {
  sessions: Seen[];
  next?: string;
}

async function page(query = '', key = ADMIN_KEY): Promise<Page> {
  const { status, body } = await node.ask(`GET /api/sessions${query}`, key);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body as unknown as Page;
}

/** The session whose client calls itself so. */
async function seen(client: string, key = ADMIN_KEY): Promise<Seen> {
  let found: Seen | undefined;
  await eventually(async () => {
    found = (await page('', key)).sessions.find((one) => one.client === client);
    return found !== undefined;
  });
  if (found === undefined) throw new Error(`${client} is not there`);
  return found;
}

function open(query: string, headers: Record<string, string> = {}): Promise<WebSocket | number> {
  const url = `${node.wsUrl}/ws${query}`;
  const all = { 'x-api-key': TENANT_KEY, ...headers };
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers: all });
    socket.on('open', () => resolve(socket));
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
  });
}

t.test('a session is shown with who it is, what it has, and how far behind that is', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'msgpack', acme.key);
  t.teardown(() => session.close());
  session.send({ type: 'hello', client: 'shop', version: '1.4' });
  const window = { subscription: 's', max_in_flight: 2, ack_wait_ms: 600_000 };
  await session.subscribe('shown', window);
  await session.subscribe('shown.plain', { ack: 'none' });
  for (let n = 0; n < 5; n++) {
    await node.ask('POST /api/publish', acme.key, { topic: 'shown', payload: n });
  }
  await eventually(() => session.messages.length === 2);
  await eventually(async () => (await seen('shop')).subscriptions[0]?.['in_flight'] === 2);
  t.match(await seen('shop'), {
    ...{ tenant: 'acme', key_id: acme.id, node: 'seen', format: 'msgpack', address: '127.0.0.1' },
    ...{ version: '1.4', in_flight: 2, lag: 5, buffer_bytes: Number, connected_at: String },
    subscriptions: [
      {
        topic: 'shown',
        subscription: 's',
        ack: 'explicit',
        in_flight: 2,
        max_in_flight: 2,
        lag: 5,
      },
      { topic: 'shown.plain', subscription: null, ack: 'none', max_in_flight: null, lag: 0 },
    ],
  });
  session.send({ type: 'ack', topic: 'shown', sequence: 1, ref: 'a' });
  await session.waitFor(({ ref }) => ref === 'a');
  await eventually(async () => (await seen('shop'))['lag'] === 4);
  const [listed] = (await page('?topic=shown.plain')).sessions;
  t.equal(listed?.client, 'shop', 'found by a topic of it');
  t.same((await page('?topic=shown.none')).sessions, []);
});

t.test('a stream of events is one, too', async (t) => {
  await node.ask('POST /api/topics', TENANT_KEY, { name: 'streamed' });
  const url = `${node.url}/api/topics/streamed/events?client=page&version=7`;
  const stream = await EventStream.open(url, '', TENANT_KEY);
  t.teardown(() => stream.close());
  const one = await seen('page');
  t.match(one, { format: 'sse', tenant: 'default', buffer_bytes: null, version: '7' });
  t.equal((await node.ask(`DELETE /api/sessions/${one.id}`, TENANT_KEY)).status, 204);
  await eventually(() => stream.ended === 'whole');
  t.match(stream.of('disconnect'), [{ data: { code: 1008, reconnect: false } }]);
});

t.test('what a client calls itself is bounded, and fit for one line', async (t) => {
  const named = await open(`?client=${encodeURIComponent('a\n\u202eb')}&version=%00`);
  if (typeof named === 'number') throw new Error(`refused: ${named}`);
  t.equal((await seen('a\\u{a}\\u{202e}b'))['version'], '\\u{0}');
  named.send(JSON.stringify({ type: 'hello', client: 'other name' }));
  t.equal((await seen('other name'))['version'], null, 'hello takes its place');
  named.terminate();
  for (const query of [`?client=${'x'.repeat(65)}`, `?client=c&version=${'x'.repeat(65)}`]) {
    t.equal(await open(query), 400, query);
  }
  const plain = await open('?whatever=1');
  if (typeof plain === 'number') throw new Error(`refused: ${plain}`);
  plain.terminate();
  const long = `/api/topics/streamed/events?client=${'x'.repeat(65)}`;
  const { status, body } = await node.ask(`GET ${long}`, TENANT_KEY);
  t.match({ status, body }, { status: 400, body: { code: 'invalid_query', field: 'client' } });
});

t.test('behind a proxy it is the address of the client', async (t) => {
  const forwarded = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7' };
  const socket = await open('?client=proxied', forwarded);
  if (typeof socket === 'number') throw new Error(`refused: ${socket}`);
  t.teardown(() => socket.terminate());
  t.equal((await seen('proxied'))['address'], '198.51.100.7');
});

t.test('sessions of all threads are paged, each once', async (t) => {
  const sessions: Subscriber[] = [];
  t.teardown(() => {
    for (const one of sessions) one.socket.terminate();
  });
  const threads = new Set<string>();
  // The kernel gives each connection to whichever thread it likes.
  while (threads.size < 2 || sessions.length < 12) {
    const session = await Subscriber.open(node.wsUrl, 'json', acme.key);
    sessions.push(session);
    session.send({ type: 'hello', client: `paged ${sessions.length}` });
    threads.add((await seen(`paged ${sessions.length}`)).id.split('-')[1] ?? '');
  }
  const found: string[] = [];
  let after = '';
  do {
    const part: Page = await page(`?tenant=acme&limit=5${after}`);
    t.ok(part.sessions.length <= 5);
    found.push(...part.sessions.map(({ id }) => id));
    after = part.next === undefined ? '' : `&after=${part.next}`;
  } while (after !== '');
  t.equal(found.length, sessions.length);
  t.equal(new Set(found).size, sessions.length);
  const wrong = await node.ask('GET /api/sessions?after=0-1-1', ADMIN_KEY);
  t.match(wrong, { status: 400, body: { code: 'invalid_query', field: 'after' } });
});

t.test('a page ends early where its sessions have very many subscriptions', async (t) => {
  const many = await node.makeTenantKey('many');
  const sessions: Subscriber[] = [];
  t.teardown(() => {
    for (const one of sessions) one.socket.terminate();
  });
  // Of 33 one thread has more than 4,000 subscriptions.
  for (let n = 0; n < 33 * ACCEPTORS; n++) {
    const session = await Subscriber.open(node.wsUrl, 'json', many.key);
    sessions.push(session);
    const topics = Array.from({ length: 128 }, (_, at) => `many.${at}`);
    const frames = topics.map((topic) => JSON.stringify({ type: 'subscribe', topic }));
    session.socket.send(frames.join('\u001e'));
  }
  for (const one of sessions) {
    await eventually(() => one.control.filter(({ type }) => type === 'subscribed').length === 128);
  }
  const first = await page('?tenant=many');
  t.ok(first.sessions.length < sessions.length, `${first.sessions.length}`);
  const found = new Set(first.sessions.map(({ id }) => id));
  for (let { next } = first; next !== undefined; ) {
    const part: Page = await page(`?tenant=many&after=${next}`);
    for (const { id, subscriptions } of part.sessions) {
      t.notOk(found.has(id));
      t.equal(subscriptions.length, 128);
      found.add(id);
    }
    next = part.next;
  }
  t.equal(found.size, sessions.length);
});

t.test('a tenant sees and closes its own alone', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json', acme.key);
  const other = await Subscriber.open(node.wsUrl, 'json', TENANT_KEY);
  t.teardown(() => other.close());
  session.send({ type: 'hello', client: 'of acme' });
  other.send({ type: 'hello', client: 'of default' });
  const [{ id }, others] = [await seen('of acme'), await seen('of default')];
  const own = await page('', acme.key);
  t.ok(own.sessions.every(({ tenant }) => tenant === 'acme'));
  t.ok(own.sessions.some((one) => one.id === id));
  const asked = await node.ask('GET /api/sessions?tenant=default', acme.key);
  t.match(asked, { status: 404, body: { code: 'tenant_not_found' } });
  const refused = await node.ask(`DELETE /api/sessions/${others.id}`, acme.key);
  t.match(refused, { status: 404, body: { code: 'session_not_found' } });
  const nowhere = id.replace(/\d+$/, '999999');
  const missing = await node.ask(`DELETE /api/sessions/${nowhere}`, acme.key);
  t.equal(missing.body['detail'], refused.body['detail'], 'not yours is as not there');
  t.equal(other.closed, null);

  t.equal((await node.ask(`DELETE /api/sessions/${id}`, acme.key)).status, 204);
  await eventually(() => session.closed !== null);
  t.match(session.closed, { code: 1008 });
  t.match(session.control.at(-1), { type: 'disconnect', code: 1008, reconnect: false });
  t.equal((await node.ask(`DELETE /api/sessions/${id}`, acme.key)).status, 404, 'it is over');
  for (const bad of ['none', `${id}0`, id.replace(/^./, 'z')]) {
    t.equal((await node.ask(`DELETE /api/sessions/${bad}`, ADMIN_KEY)).status, 404, bad);
  }
  const told = { action: 'session.disconnect', object: id, outcome: 'ok', actor: acme.id };
  let entry: unknown;
  await eventually(async () => {
    const { body } = await node.ask('GET /api/audit?order=desc', acme.key);
    const entries = body['entries'] as Record<string, unknown>[];
    entry = entries.find((one) => one['object'] === id && one['outcome'] === 'ok');
    return entry !== undefined;
  });
  t.match(entry, told);
});

t.test('it is for keys of the whole tenant that manage, or operate', async (t) => {
  const some = await node.makeKey({ scopes: ['manage'], topics: ['shown'] });
  const reader = await node.makeKey({ scopes: ['publish', 'subscribe'] });
  for (const { key } of [some, reader]) {
    t.equal((await node.ask('GET /api/sessions', key)).status, 403);
    t.equal((await node.ask('DELETE /api/sessions/x', key)).status, 403);
  }
  const manager = await node.makeKey({ scopes: ['manage'] });
  t.equal((await node.ask('GET /api/sessions', manager.key)).status, 200);
});

t.test('nothing of it surprises', async (t) => {
  t.same(node.surprises, []);
});
