// Goal: what is done to tenants, keys, topics, subscriptions and dead letters is in the audit log: by whom,
// to what, with which outcome, under the request's id; what was refused is, too. A tenant reads its own and
// no other's, no secret is in it, a restart keeps it, and an outage of the database loses none of it.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { apiKeyId, checkOf, makeApiKey } from '../../src/core/api-key.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import {
  ADMIN_KEY,
  type KeyedNode,
  startKeyedNode,
  TENANT_KEY,
} from '../support/nodes/keyed-node.js';
import { startWebhookServer } from '../support/servers/webhook-server.js';

interface Entry {
  id: number;
  tenant: string;
  actor: string;
  address: string;
  action: string;
  object: string;
  outcome: string;
  times: number;
  request_id: string;
}

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
t.teardown(() => admin.end());
const env = { DATABASE_URL: postgres.url, NODE_ID: 'audited' };
const MODES = { memory: {}, durable: env };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

async function entriesOf(node: KeyedNode, key: string, query = ''): Promise<Entry[]> {
  const { status, body } = await node.ask(`GET /api/audit${query}`, key);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body['entries'] as Entry[];
}

/** Waits for the entry of a request that was answered. */
async function entryOf(node: KeyedNode, requestId: unknown): Promise<Entry> {
  let found: Entry | undefined;
  await eventually(async () => {
    const newest = await entriesOf(node, ADMIN_KEY, '?order=desc');
    found = newest.find(({ request_id }) => request_id === requestId);
    return found !== undefined;
  });
  if (found === undefined) throw new Error(`no entry of ${requestId}`);
  return found;
}

/** What each does: line, key, body, and the entry that is to come of it. */
async function tell(node: KeyedNode): Promise<[string, Partial<Entry>, Entry][]> {
  const told: [string, Partial<Entry>, Entry][] = [];
  const acts = async (
    line: string,
    [key, body]: readonly [key: string, body?: object | undefined],
    expected: Partial<Entry>,
  ) => {
    const answer = await node.ask(line, key, body);
    told.push([line, expected, await entryOf(node, answer.headers['x-request-id'])]);
    return answer.body;
  };
  const ofAcme = { tenant: 'acme', actor: 'ADMIN_API_KEY', outcome: 'ok' };
  const ofDefault = { tenant: 'default', actor: 'DEFAULT_API_KEY', outcome: 'ok' };
  await acts('POST /api/tenants', [ADMIN_KEY, { name: 'acme' }], {
    ...{ ...ofAcme, action: 'tenant.create', object: 'acme' },
  });
  await acts('PATCH /api/tenants/acme', [ADMIN_KEY, { quotas: { topics: 9 } }], {
    ...{ ...ofAcme, action: 'tenant.change', object: 'acme' },
  });
  await acts('PATCH /api/tenants/nobody', [ADMIN_KEY, { quotas: { topics: 9 } }], {
    ...{ action: 'tenant.change', object: 'nobody', outcome: 'tenant_not_found' },
  });
  const right = { tenant: 'acme', scopes: ['manage', 'publish'] };
  const made = await acts('POST /api/keys', [ADMIN_KEY, right], {
    ...ofAcme,
    action: 'key.create',
  });
  const [id, key] = [String(made['id']), String(made['key'])];
  const own = { tenant: 'acme', actor: id, outcome: 'ok' };
  const topic = { ...own, object: 'orders.eu' };
  await acts('POST /api/topics', [key, { name: 'orders.eu' }], {
    ...topic,
    action: 'topic.create',
  });
  await acts('POST /api/topics', [key, { name: 'orders.eu' }], {
    ...{ ...topic, action: 'topic.create', outcome: 'topic_exists' },
  });
  await acts('PATCH /api/topics/orders.eu', [key, { retention: { hours: 1 } }], {
    ...{ ...topic, action: 'topic.change' },
  });
  await acts('DELETE /api/topics/orders.eu', [key], { ...topic, action: 'topic.delete' });
  const rotated = await acts(`POST /api/keys/${id}/rotate`, [key, {}], {
    ...{ ...own, action: 'key.rotate' },
  });
  const next = String(rotated['id']);
  told.push(['both ids', { object: `${id}/${next}` }, told.at(-1)?.[2] ?? ({} as Entry)]);
  await acts(`DELETE /api/keys/${next}`, [ADMIN_KEY], {
    ...{ ...ofAcme, action: 'key.delete', object: next },
  });
  const subscription = '/api/subscriptions/jobs/workers';
  const of = { ...ofDefault, object: 'jobs/workers' };
  for (const [line, action, body] of [
    [`PATCH ${subscription}`, 'change', { max_deliver: 3 }],
    [`POST ${subscription}/pause`, 'pause'],
    [`POST ${subscription}/resume`, 'resume'],
    [`POST ${subscription}/seek`, 'seek', { from: 'latest' }],
    [`DELETE ${subscription}`, 'delete'],
  ] as const) {
    await acts(line, [TENANT_KEY, body], { ...of, action: `subscription.${action}` });
  }
  const letters = '/api/dead-letters';
  await acts(`POST ${letters}/purge`, [TENANT_KEY, { topic: 'jobs', subscription: 'workers' }], {
    ...{ ...of, action: 'dead-letters.purge' },
  });
  await acts(`POST ${letters}/redrive`, [TENANT_KEY, { topic: 'jobs', subscription: 'workers' }], {
    ...{ ...of, action: 'dead-letters.redrive' },
  });
  await acts(`DELETE ${letters}/7`, [TENANT_KEY], {
    ...{ ...of, object: '7', action: 'dead-letters.delete', outcome: 'dead_letter_not_found' },
  });
  return told;
}

for (const [mode, more] of Object.entries(MODES)) {
  t.test(`what is done is told, ${mode}`, async (t) => {
    const node = await startKeyedNode(more);
    t.teardown(() => node.kill9());
    await node.ask('POST /api/topics', TENANT_KEY, { name: 'jobs' });
    const session = await Subscriber.open(node.wsUrl, 'json', TENANT_KEY);
    await session.subscribe('jobs', { subscription: 'workers' });
    session.close();
    for (const [line, expected, entry] of await tell(node)) {
      t.match(entry, { address: '127.0.0.1', times: 1, ...expected }, line);
      t.match(entry.request_id, UUID);
    }
    t.same(node.surprises, []);
    const all = await entriesOf(node, ADMIN_KEY);
    t.notMatch(JSON.stringify(all), /cdt_/, 'no key is in it');
    t.notMatch(JSON.stringify(all), ADMIN_KEY);
  });
}

t.test('what was refused is told, and often is told as often', async (t) => {
  const node = await startKeyedNode();
  t.teardown(() => node.kill9());
  const { id, key } = await node.makeKey({ scopes: ['subscribe'] });
  for (let n = 0; n < 50; n++) await node.ask('DELETE /api/topics/a', key);
  await node.ask('POST /api/publish', key, { topic: 'a', payload: 1 });
  const session = await Subscriber.open(node.wsUrl, 'json', key);
  session.send({ type: 'publish', topic: 'a', payload: 1, ref: 'p' });
  await session.waitFor(({ ref }) => ref === 'p');
  session.close();
  await node.ask('GET /api/topics', makeApiKey().text);
  const body = `cdt_${id}_${makeApiKey().text.slice(21, 53)}`;
  const guess = `${body}${checkOf(body)}`;
  t.equal(apiKeyId(guess), id, 'it is well formed, and another');
  await node.ask('GET /api/topics', guess);
  const mine = async (): Promise<Entry[]> =>
    (await entriesOf(node, TENANT_KEY)).filter(({ actor }) => actor === id);
  const sum = (entries: Entry[], action: string): number =>
    entries.filter((one) => one.action === action).reduce((all, { times }) => all + times, 0);
  await eventually(async () => sum(await mine(), 'topic.delete') === 50, 20_000);
  const entries = await mine();
  t.ok(entries.filter(({ action }) => action === 'topic.delete').length < 10, 'in few entries');
  const refused = { outcome: 'forbidden', address: '127.0.0.1', times: 1, tenant: 'default' };
  const told = (action: string, object: string): Entry | undefined =>
    entries.find((one) => one.action === action && one.object === object);
  t.match(told('topic.delete', 'a'), refused);
  t.match(told('request', 'POST /api/publish'), refused);
  t.match(told('frame', 'publish'), refused);
  t.match(told('request', 'GET /api/topics'), { ...refused, outcome: 'unauthorized' });
  t.equal(sum(entries, 'request'), 2, 'and a key that nobody has is nobody to tell of');
});

t.test('behind a proxy the address is the one that asked the proxy', async (t) => {
  const node = await startKeyedNode({ TRUSTED_PROXIES: '127.0.0.1' });
  t.teardown(() => node.kill9());
  const { id, key } = await node.makeKey({ scopes: ['subscribe'] });
  const body = `cdt_${id}_${makeApiKey().text.slice(21, 53)}`;
  const guess = `${body}${checkOf(body)}`;
  const from = { 'x-forwarded-for': '192.0.2.1, 198.51.100.7', 'content-type': 'application/json' };
  const asked: [line: string, shown: string, status: number][] = [
    ['DELETE /api/topics/done', TENANT_KEY, 404],
    ['DELETE /api/topics/refused', key, 403],
    ['POST /api/publish', key, 403],
    ['POST /api/publish', guess, 401],
  ];
  for (const [line, shown, status] of asked) {
    const [method = '', path = ''] = line.split(' ');
    const sent = method === 'POST' ? { body: '{"topic":"a","payload":1}' } : {};
    const headers = { ...from, 'x-api-key': shown };
    const answer = await request(`${node.url}${path}`, { method, headers, ...sent });
    t.equal(answer.status, status, line);
    t.match(await entryOf(node, answer.headers['x-request-id']), { address: '198.51.100.7' }, line);
  }
  const unsaid = await node.ask('DELETE /api/topics/done', TENANT_KEY);
  t.match(await entryOf(node, unsaid.headers['x-request-id']), { address: '127.0.0.1' });
});

t.test(
  'a topic that a subscribe makes is told of, once, whatever comes of the subscribe',
  async (t) => {
    const node = await startKeyedNode(env);
    t.teardown(() => node.kill9());
    const { id, key } = await node.makeKey({ scopes: ['subscribe'] });
    const session = await Subscriber.open(node.wsUrl, 'json', key);
    t.match(await session.subscribe('by.the.way'), { type: 'subscribed' });
    t.match(await session.subscribe('by.the.way', { subscription: 's' }), { type: 'subscribed' });
    const start = { from: 'sequence', sequence: 99 };
    t.match(await session.subscribe('by.a.bad.one', { start }), {
      type: 'error',
      code: 'bad_cursor',
    });
    session.close();
    let told: Entry[] = [];
    await eventually(async () => {
      told = (await entriesOf(node, TENANT_KEY)).filter(({ actor }) => actor === id);
      return told.length >= 2;
    });
    t.match(told, [
      { action: 'topic.create', object: 'by.the.way', outcome: 'ok', address: '127.0.0.1' },
      { action: 'topic.create', object: 'by.a.bad.one', outcome: 'ok', tenant: 'default' },
    ]);
    t.match(told[0]?.request_id, UUID);
  },
);

t.test('a tenant reads its own, the operator all; keys for some topics none', async (t) => {
  const node = await startKeyedNode();
  t.teardown(() => node.kill9());
  const acme = await node.makeTenantKey('acme');
  await node.ask('POST /api/topics', acme.key, { name: 'secret-plan' });
  await node.ask('POST /api/topics', TENANT_KEY, { name: 'ours' });
  await eventually(async () => (await entriesOf(node, ADMIN_KEY)).length >= 4);
  const objects = async (key: string, query = ''): Promise<string[]> =>
    (await entriesOf(node, key, query)).map(({ object }) => object);
  t.same(await objects(acme.key), ['acme', acme.id, 'secret-plan']);
  t.same(await objects(acme.key, '?tenant=acme'), ['acme', acme.id, 'secret-plan']);
  t.same(await objects(TENANT_KEY), ['ours']);
  t.same(await objects(ADMIN_KEY, '?tenant=acme&order=desc'), ['secret-plan', acme.id, 'acme']);
  const page = await node.ask('GET /api/audit?limit=1', acme.key);
  t.match(page.body, { entries: [{ object: 'acme' }], next: Number });
  t.same(await objects(acme.key, `?after=${page.body['next']}`), [acme.id, 'secret-plan']);
  t.match(await node.ask('GET /api/audit?tenant=default', acme.key), {
    ...{ status: 404, body: { code: 'tenant_not_found' } },
  });
  const some = await node.makeKey({ scopes: ['manage'], topics: ['ours'] });
  t.match(await node.ask('GET /api/audit', some.key), { status: 403 });
  t.same(node.surprises, []);
});

t.test(
  'a tenant that takes the name of one that was deleted does not read what that did',
  async (t) => {
    const node = await startKeyedNode(env);
    t.teardown(() => node.kill9());
    const first = await node.makeTenantKey('again');
    await node.ask('POST /api/topics', first.key, { name: 'of-the-first' });
    await node.ask('DELETE /api/topics/of-the-first', first.key);
    await eventually(async () => (await entriesOf(node, first.key)).length === 4);
    t.equal((await node.ask('DELETE /api/tenants/again', ADMIN_KEY)).status, 204);
    const second = await node.makeTenantKey('again');
    await eventually(async () => {
      const seen = (await entriesOf(node, second.key)).map(({ object }) => object);
      return seen.includes(second.id);
    });
    const seen = JSON.stringify(await entriesOf(node, second.key));
    t.notMatch(seen, 'of-the-first');
    t.notMatch(seen, first.id);
    t.match(JSON.stringify(await entriesOf(node, ADMIN_KEY, '?tenant=again')), 'of-the-first');
  },
);

t.test('a webhook that is disabled by its endpoint is told of, once, by nobody', async (t) => {
  for (const [mode, more] of Object.entries(MODES)) {
    const node = await startKeyedNode({ ...more, WEBHOOK_ALLOW: '127.0.0.1' });
    t.teardown(() => node.kill9());
    const server = await startWebhookServer(t, () => ({ status: 410 }));
    const acme = await node.makeTenantKey('hooked');
    await node.ask('POST /api/topics', acme.key, { name: 'gone' });
    const put = await node.ask('PUT /api/subscriptions/gone/hook/webhook', acme.key, {
      url: server.url,
    });
    t.equal(put.status, 200, mode);
    await node.ask('POST /api/publish', acme.key, { topic: 'gone', payload: 1 });
    const told = async (): Promise<Entry[]> =>
      (await entriesOf(node, acme.key)).filter(({ action }) => action.startsWith('webhook.'));
    await eventually(async () => (await told()).length === 2);
    t.match(
      await told(),
      [
        { action: 'webhook.set', object: 'gone/hook', actor: acme.id, outcome: 'ok' },
        { action: 'webhook.disable', object: 'gone/hook', actor: '', outcome: 'ok', times: 1 },
      ],
      mode,
    );
    t.same(
      (await entriesOf(node, TENANT_KEY)).filter(({ action }) => action.startsWith('webhook.')),
      [],
      'and another tenant does not read it',
    );
    const secret = String(put.body['secret']).slice('whsec_'.length);
    t.notMatch(JSON.stringify(await entriesOf(node, ADMIN_KEY)), secret);
    await node.stop();
  }
});

t.test('what was told outlives the node, and a drain tells what it has', async (t) => {
  const node = await startKeyedNode(env);
  t.teardown(() => node.kill9());
  const last = await node.ask('POST /api/topics', TENANT_KEY, { name: 'the-last-before-the-end' });
  t.equal(last.status, 201);
  await node.stop();
  const next = await startKeyedNode(env);
  t.teardown(() => next.kill9());
  const newest = await entriesOf(next, TENANT_KEY, '?order=desc&limit=1');
  t.match(newest, [{ object: 'the-last-before-the-end', outcome: 'ok' }]);
});

t.test(
  'while the log of it cannot be written, nothing waits, and it is written later',
  async (t) => {
    const node = await startKeyedNode(env);
    t.teardown(() => node.kill9());
    const before = Date.now();
    await admin.query('BEGIN; LOCK TABLE conduit.audit IN EXCLUSIVE MODE');
    const { status, headers } = await node.ask('POST /api/topics', TENANT_KEY, {
      name: 'meanwhile',
    });
    t.equal(status, 201);
    const written = "SELECT FROM conduit.audit WHERE object = 'meanwhile'";
    await new Promise((resolve) => setTimeout(resolve, 500));
    t.equal((await admin.query(written)).rowCount, 0);
    await admin.query('COMMIT');
    const committedMs = Date.now();
    const { id } = await entryOf(node, headers['x-request-id']);
    const { rows } = await admin.query<{ ms: string }>(
      'SELECT extract(epoch FROM at) * 1000 AS ms FROM conduit.audit WHERE id = $1',
      [id],
    );
    const atMs = Number(rows[0]?.ms);
    t.ok(atMs >= before - 5_000 && atMs < committedMs, 'at the time when it was done');
  },
);
