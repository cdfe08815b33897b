// Goal: a tenant finds nothing of another: no byte, no count, no id. Method: one story that asks each route
// and sends each frame is told twice, on a node where nobody else is, and on one where another tenant has
// topics, subscriptions, keys, dead letters, jobs and deferred messages of the same names, and is busy with
// them; what it is answered is the same. What the other has is asked for, too: the answer is that to what
// nobody has.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { EventStream } from '../support/clients/event-stream.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ROUTES } from '../support/documents/described-routes.js';
import { framesOf } from '../support/documents/protocol-document.js';
import { nameOf } from '../support/documents/route-requests.js';
import { type KeyedNode, startKeyedNode } from '../support/nodes/keyed-node.js';
import {
  type Left,
  leave,
  memberOf,
  OF_SESSION,
  ONE,
  TenantStory,
  tellAll,
} from '../support/tenants/tenant-story.js';

const CANARY = 'a canary of globex';

type Ask = readonly [line: string, body?: object];

/** What asks for something that `x` has, by route; each parameter of a path, and each id in a body. */
const ASKS: Readonly<Record<string, (x: Left) => Ask[]>> = {
  'POST /api/publish': ({ topic }) => [['POST /api/publish', { topic, payload: 1 }]],
  'POST /api/publish/batch': ({ topic }) => [
    ['POST /api/publish/batch', { messages: [{ topic, payload: 1 }] }],
  ],
  'GET /api/deferred': ({ topic }) => [[`GET /api/deferred?topic=${topic}`]],
  'DELETE /api/deferred/:id': (x) => [[`DELETE /api/deferred/${x.deferredId}`]],
  'GET /api/topics': ({ topic }) => [
    [`GET /api/topics?prefix=${topic}`],
    [`GET /api/topics?prefix=${topic}&with=lag`],
  ],
  'GET /api/topics/:name': ({ topic }) => [[`GET /api/topics/${topic}`]],
  'PATCH /api/topics/:name': ({ topic }) => [
    [`PATCH /api/topics/${topic}`, { retention: { hours: 1 } }],
  ],
  'DELETE /api/topics/:name': ({ topic }) => [[`DELETE /api/topics/${topic}`]],
  'GET /api/topics/:name/messages': ({ topic }) => [[`GET /api/topics/${topic}/messages`]],
  'GET /api/topics/:name/position': ({ topic }) => [[`GET /api/topics/${topic}/position`]],
  'POST /api/topics/:name/events': ({ topic }) => [
    [
      `POST /api/topics/${topic}/events`,
      { ...{ id: '1', source: '/s', type: 't', specversion: '1.0' }, data: 1 },
    ],
  ],
  'GET /api/subscriptions': ({ topic }) => [[`GET /api/subscriptions?topic=${topic}`]],
  ...ofSubscription('GET', ''),
  ...ofSubscription('PATCH', '', { max_deliver: 2 }),
  ...ofSubscription('DELETE', ''),
  ...ofSubscription('POST', '/seek', { from: 'latest' }),
  ...ofSubscription('POST', '/pause'),
  ...ofSubscription('POST', '/resume'),
  ...ofSubscription('POST', '/pull', {}),
  ...ofSubscription('POST', '/ack', { tokens: ['1.1.e'] }),
  ...ofSubscription('POST', '/nack', { tokens: ['1.1.e'] }),
  ...ofSubscription('POST', '/extend', { tokens: ['1.1.e'] }),
  ...ofSubscription('POST', '/reject', { tokens: ['1.1.e'] }),
  ...ofSubscription('PUT', '/webhook', { url: 'https://hooks.invalid/', concurrency: 1 }),
  ...ofSubscription('GET', '/webhook'),
  ...ofSubscription('DELETE', '/webhook'),
  'GET /api/dead-letter-groups': (x) => [
    [`GET /api/dead-letter-groups?topic=${x.topic}`],
    [`GET /api/dead-letter-groups?subscription=${x.subscription}`],
  ],
  'GET /api/dead-letters': (x) => [
    [`GET /api/dead-letters?topic=${x.topic}`],
    [`GET /api/dead-letters?subscription=${x.subscription}`],
    [`GET /api/dead-letters?topic=${x.topic}&subscription=${x.subscription}`],
  ],
  'POST /api/dead-letters/redrive': (x) => [
    ['POST /api/dead-letters/redrive', { ids: [Number(x.letterId)] }],
    ['POST /api/dead-letters/redrive', { topic: x.topic, subscription: x.subscription }],
    ['POST /api/dead-letters/redrive', { topic: ONE, subscription: x.subscription }],
  ],
  'POST /api/dead-letters/purge': (x) => [
    ['POST /api/dead-letters/purge', { ids: [Number(x.letterId)] }],
    ['POST /api/dead-letters/purge', { topic: x.topic }],
    ['POST /api/dead-letters/purge', { topic: ONE, subscription: x.subscription }],
  ],
  'GET /api/dead-letters/:id': (x) => [[`GET /api/dead-letters/${x.letterId}`]],
  'DELETE /api/dead-letters/:id': (x) => [[`DELETE /api/dead-letters/${x.letterId}`]],
  'GET /api/jobs/:id': (x) => [[`GET /api/jobs/${x.jobId}`]],
  'DELETE /api/jobs/:id': (x) => [[`DELETE /api/jobs/${x.jobId}`]],
  'GET /api/messages/:id': (x) => [[`GET /api/messages/${x.messageId}`]],
  'PATCH /api/tenants/:name': (x) => [
    [`PATCH /api/tenants/${x.tenant}`, { quotas: { messages_per_s: 1 } }],
  ],
  'DELETE /api/tenants/:name': (x) => [[`DELETE /api/tenants/${x.tenant}`]],
  'GET /api/keys': (x) => [[`GET /api/keys?tenant=${x.tenant}`]],
  'POST /api/keys': (x) => [['POST /api/keys', { tenant: x.tenant, scopes: ['publish'] }]],
  'DELETE /api/keys/:id': (x) => [[`DELETE /api/keys/${x.keyId}`]],
  'DELETE /api/sessions/:id': (x) => [[`DELETE /api/sessions/${x.sessionId}`]],
  // What is of the operator, and of everybody.
  'POST /api/nodes/:id/drain': () => [['POST /api/nodes/somewhere/drain']],
  'POST /api/topics/:name/move': (x) => [
    [`POST /api/topics/${x.topic}/move`, { database: 1, tenant: x.tenant }],
  ],
  'GET /assets/:file': () => [['GET /assets/absent.js']],
  'POST /api/keys/:id/rotate': (x) => [[`POST /api/keys/${x.keyId}/rotate`, {}]],
};

/** An answer without an end: it is asked for beside these. */
const STREAM = 'GET /api/topics/:name/events';

function ofSubscription(
  method: string,
  rest: string,
  body?: object,
): Record<string, (x: Left) => Ask[]> {
  const asks = (x: Left): Ask[] =>
    [x.topic, ONE].map((topic) => {
      const line = `${method} /api/subscriptions/${topic}/${x.subscription}${rest}`;
      return body === undefined ? [line] : [line, body];
    });
  return { [`${method} /api/subscriptions/:topic/:name${rest}`]: asks };
}

/** What nobody has. */
const ABSENT: Left = {
  ...{ tenant: 'absentee', topic: 'missing.only', subscription: 'nowhere' },
  ...{ deferredId: '999999999', letterId: '999999999', keyId: '0123456789abcdef' },
  ...{ messageId: '00000000-0000-7000-8000-000000000000', jobId: randomUUID() },
  sessionId: '000000000000-0-1-1',
};

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const VARYING = /^(date|content-length|ratelimit.*)$/;

/** Names of its own, which an answer may repeat, as what they are. */
function unnamed(told: object, of: Left): object {
  let text = JSON.stringify(told);
  for (const [member, value] of Object.entries(of)) {
    if (/\D/.test(value)) text = text.replaceAll(value, `<${member}>`);
  }
  return JSON.parse(text.replace(UUID, '<uuid>').replace(/"epoch":"\w+"/g, '"epoch":""')) as object;
}

function comparable({ status, body, headers }: Answer): object {
  const steady = Object.entries(headers).filter(([name]) => !VARYING.test(name));
  return { status, body, headers: Object.fromEntries(steady) };
}

async function compareAsks(t: Test, { node, key }: TenantStory, theirs: Left): Promise<void> {
  const ask = async ([line, body]: Ask, of: Left): Promise<object> => {
    const [method = '', target = ''] = line.split(' ');
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const headers = { 'x-api-key': key, ...json };
    const more = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await request(`${node.url}${target}`, { method, headers, ...more });
    return unnamed(comparable(answer), of);
  };
  for (const [route, asks] of Object.entries(ASKS)) {
    const [of, none] = [asks(theirs), asks(ABSENT)];
    for (const [n, theirAsk] of of.entries()) {
      const answer = await ask(theirAsk, theirs);
      t.same(answer, await ask(none[n] ?? theirAsk, ABSENT), `${route} ${n}`);
      t.notMatch(JSON.stringify(answer), CANARY, route);
    }
  }
  const opened = async (topic: string): Promise<number> => {
    const stream = await EventStream.open(`${node.url}/api/topics/${topic}/events`, '', key);
    stream.close();
    return stream.status;
  };
  t.equal(await opened(theirs.topic), await opened(ABSENT.topic), STREAM);
}

/** Frames that name a delivery or a position of the other's. */
async function compareFrames(t: Test, { node, key }: TenantStory, theirs: Left): Promise<void> {
  const session = await Subscriber.open(node.wsUrl, 'json', key);
  await session.subscribe(ONE, { ack_wait_ms: 60_000 });
  const answer = async (frame: object, of: Left): Promise<object> => {
    const ref = randomUUID();
    session.send({ ...frame, ref });
    return unnamed(await session.waitFor((one) => one['ref'] === ref), of);
  };
  const frames = (x: Left): object[] => [
    ...['ack', 'nack', 'extend', 'reject'].flatMap((type) => [
      { type, message_id: x.messageId },
      { type, topic: x.topic, sequence: 1 },
      { type, topic: ONE, sequence: 1, subscription: x.subscription },
    ]),
    { type: 'unsubscribe', topic: x.topic },
    { type: 'unsubscribe', topic: ONE, subscription: x.subscription },
    { type: 'publish', topic: x.topic, payload: 1 },
    { type: 'subscribe', topic: x.topic },
    { type: 'subscribe', topic: ONE, subscription: x.subscription },
  ];
  for (const [n, frame] of frames(theirs).entries()) {
    const none = frames(ABSENT)[n] ?? {};
    t.same(await answer(frame, theirs), await answer(none, ABSENT), JSON.stringify(none));
  }
  session.close();
}

/** The other tenant is busy until it is stopped; it goes on with what it has. */
function busy(story: TenantStory, session: Subscriber): () => Promise<void> {
  let isStopped = false;
  session.onMessage = ({ topic, sequence }) => {
    if (topic === ONE) session.send({ type: 'ack', topic, sequence });
  };
  const work = async (): Promise<void> => {
    while (!isStopped) {
      const message = { payload: { word: story.word }, key: story.word };
      for (const topic of [ONE, OF_SESSION]) {
        await story.ask('POST /api/publish', { ...message, topic });
      }
      for (const line of ['GET /api/dead-letters', 'GET /api/stats']) await story.ask(line);
    }
  };
  const done = work();
  return () => {
    isStopped = true;
    return done;
  };
}

async function keyOf(node: KeyedNode, tenant: string): Promise<string> {
  return (await node.makeTenantKey(tenant)).key;
}

async function tellAlone(env: Record<string, string>): Promise<TenantStory> {
  const node = await startKeyedNode(env);
  t.teardown(() => node.kill9());
  const story = new TenantStory(node, await keyOf(node, 'acme'), 'of acme');
  await tellAll(story);
  return story;
}

async function compare(t: Test, env: Record<string, string>, alone: TenantStory): Promise<void> {
  const node = await startKeyedNode(env);
  t.teardown(() => node.kill9());
  const other = new TenantStory(node, await keyOf(node, 'globex'), CANARY);
  const left = await leave(other, 'globex');
  const session = await other.open();
  const theirs = { ...left, sessionId: memberOf(await other.ask('GET /api/sessions'), 'id') };
  await session.subscribe(ONE, { ack_wait_ms: 60_000 });
  await session.subscribe(OF_SESSION, { ack: 'none' });
  const stop = busy(other, session);
  const story = new TenantStory(node, await keyOf(node, 'acme'), 'of acme');
  await tellAll(story, async () => {
    await compareAsks(t, story, theirs);
    await compareFrames(t, story, theirs);
    await story.ask(`DELETE /api/topics/${ABSENT.topic}`);
    await story.ask(`DELETE /api/topics/${theirs.topic}`);
  });
  await stop();
  t.equal(session.closed, null);
  session.close();

  t.equal(story.lines.length, alone.lines.length);
  for (const [n, line] of story.lines.entries()) t.equal(line, alone.lines[n]);
  const heard = story.heard.join('\n');
  t.notMatch(heard, CANARY);
  for (const id of [theirs.messageId, theirs.jobId, theirs.keyId, theirs.topic, theirs.sessionId]) {
    t.notOk(heard.includes(id), id);
  }
  await isWhole(t, other, theirs);
  t.same(node.surprises, []);
}

/** Whatever was asked for, nothing of the other's was changed. */
async function isWhole(t: Test, other: TenantStory, theirs: Left): Promise<void> {
  const there = [
    [`GET /api/topics/${ONE}`, '"retention":{"hours":null'],
    [`GET /api/topics/${theirs.topic}`, '"sequence":3,'],
    [`GET /api/subscriptions/${theirs.topic}/theirs`, '"paused":false'],
    [`GET /api/subscriptions/${ONE}/s`, '"paused":false'],
    [`GET /api/dead-letters/${theirs.letterId}`, '"redriven_count":0'],
    [`GET /api/jobs/${theirs.jobId}`, '"total":1'],
    [`GET /api/messages/${theirs.messageId}`, CANARY],
    ['GET /api/deferred', `"id":${theirs.deferredId},`],
    ['GET /api/keys', theirs.keyId],
  ] as const;
  for (const [line, part] of there) {
    const answer = await other.ask(line);
    t.ok(answer.startsWith('200 ') && answer.includes(part), `${line} ${answer}`);
  }
}

t.test('every route that names something asks for what is not its', async (t) => {
  const named = ROUTES.filter(({ path }) => path.includes(':')).map(nameOf);
  const asked = [...Object.keys(ASKS), STREAM];
  t.same(
    named.filter((route) => !asked.includes(route)),
    [],
  );
});

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
await admin.query('CREATE DATABASE alone');
await admin.query('CREATE DATABASE beside');
await admin.end();

const databaseOf = (name: string) => ({
  DATABASE_URL: postgres.url.replace(/\/postgres$/, `/${name}`),
});
// In memory ids are numbers of each worker's own: with two, their order would be that of what others did.
const IN_MEMORY = { WORKERS: '1' };
const MODES = {
  memory: { alone: IN_MEMORY, beside: IN_MEMORY },
  durable: { alone: databaseOf('alone'), beside: databaseOf('beside') },
};

for (const [mode, { alone, beside }] of Object.entries(MODES)) {
  t.test(`${mode}: a tenant beside another is answered as if it were alone`, async (t) => {
    const story = await tellAlone(alone);
    t.same([...story.routes].sort(), ROUTES.map(nameOf).sort(), 'every route is in the story');
    t.same([...story.frames].sort(), [...framesOf('client').keys()].sort(), 'and every frame');
    await compare(t, beside, story);
  });
}
