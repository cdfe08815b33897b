// Goal: whatever is beyond a limit is refused with a code of its own, and the words name the limit as the
// operator sets it: over HTTP and on a WebSocket. Each limit is set low here, so that what is set counts.
import t from 'tap';
import WebSocket from 'ws';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const LIMITS = {
  PAYLOAD_BYTES_MAX: '200',
  PUBLISH_BODY_BYTES_MAX: '2048',
  BATCH_BODY_BYTES_MAX: '4096',
  BATCH_ITEMS_MAX: '2',
  FRAME_BYTES_MAX: '1024',
  TOPIC_NAME_BYTES_MAX: '16',
  KEY_BYTES_MAX: '4',
  DEDUPE_KEY_BYTES_MAX: '8',
  HEADER_PAIRS_MAX: '2',
  HEADER_BYTES_MAX: '64',
  DEPTH_MAX: '5',
  PAGE_ITEMS_MAX: '3',
  DELAY_MS_MAX: '1000',
  SUBSCRIPTIONS_PER_SESSION_MAX: '2',
  TOPICS_PER_TENANT_MAX: '3',
  DURABLES_PER_TOPIC_MAX: '1',
  SESSIONS_MAX: '2',
} as const;

const node = await startNode({ WORKERS: '1', ...LIMITS });
t.teardown(() => node.kill9());
const JSON_TYPE = { 'content-type': 'application/json' };

async function post(path: string, body: unknown) {
  const text = JSON.stringify(body);
  return request(`${node.url}${path}`, { method: 'POST', headers: JSON_TYPE, body: text });
}

await post('/api/topics', { name: 'a' });
const publish = (more: object): object => ({ topic: 'a', payload: 1, ...more });
const long = 'x'.repeat(20);
const deep = [[[[[[1]]]]]];
const pairs = { a: '1', b: '2', c: '3' };

/** What a publish may not have, over HTTP and as a frame. */
const PUBLISHES: readonly [limit: keyof typeof LIMITS, code: string, publish: object][] = [
  ['PAYLOAD_BYTES_MAX', 'payload_too_large', publish({ payload: 'x'.repeat(300) })],
  ['TOPIC_NAME_BYTES_MAX', 'topic_too_long', publish({ topic: long })],
  ['KEY_BYTES_MAX', 'invalid_field', publish({ key: long })],
  ['DEDUPE_KEY_BYTES_MAX', 'dedupe_key_invalid', publish({ dedupe_key: long })],
  ['HEADER_PAIRS_MAX', 'invalid_field', publish({ headers: pairs })],
  ['HEADER_BYTES_MAX', 'invalid_field', publish({ headers: { a: 'x'.repeat(70) } })],
  ['DEPTH_MAX', 'too_deep', publish({ payload: deep })],
  ['DELAY_MS_MAX', 'invalid_field', publish({ delay_ms: 1_001 })],
];

for (const [limit, code, message] of PUBLISHES) {
  t.test(`${limit}, of a publish`, async (t) => {
    const { status, body } = await post('/api/publish', message);
    t.ok(status === 400 || status === 413, String(status));
    t.match(body, { code, detail: new RegExp(limit) });
    const session = await Subscriber.open(node.wsUrl, 'json');
    session.send({ type: 'publish', ref: limit, ...message });
    const told = await session.waitFor(({ type }) => type === 'error');
    t.match(told, { code, message: new RegExp(limit) });
    session.close();
  });
}

const BODIES: readonly [keyof typeof LIMITS, code: string, path: string, body: unknown][] = [
  [
    'PUBLISH_BODY_BYTES_MAX',
    'body_too_large',
    '/api/publish',
    publish({ more: 'x'.repeat(3_000) }),
  ],
  [
    ...(['BATCH_BODY_BYTES_MAX', 'body_too_large', '/api/publish/batch'] as const),
    { messages: [publish({ more: 'x'.repeat(5_000) })] },
  ],
  [
    ...(['BATCH_ITEMS_MAX', 'batch_too_large', '/api/publish/batch'] as const),
    { messages: [publish({}), publish({}), publish({})] },
  ],
  ['FRAME_BYTES_MAX', 'body_too_large', '/api/topics', { name: 'a', more: 'x'.repeat(2_000) }],
  ['DEPTH_MAX', 'too_deep', '/api/topics', { name: 'a', more: deep }],
  ['TOPIC_NAME_BYTES_MAX', 'topic_too_long', '/api/topics', { name: long }],
];

for (const [limit, code, path, body] of BODIES) {
  t.test(`${limit}, of a body of ${path}`, async (t) => {
    t.match((await post(path, body)).body, { code, detail: new RegExp(limit) });
  });
}

t.test('PAGE_ITEMS_MAX', async (t) => {
  for (const path of ['/api/topics', '/api/topics/a/messages', '/api/deferred']) {
    const { body } = await request(`${node.url}${path}?limit=4`, {});
    t.match(body, { code: 'invalid_query', field: 'limit', detail: /PAGE_ITEMS_MAX/ }, path);
  }
});

t.test('of one session, one topic, one tenant, one node', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json');
  session.send({ type: 'heartbeat', ref: 'x'.repeat(200), more: 'x'.repeat(2_000) });
  const large = await session.waitFor(({ type }) => type === 'error');
  t.match(large, { code: 'frame_too_large', message: /FRAME_BYTES_MAX/ });
  t.match(await session.subscribe('a', { subscription: 's1' }), { type: 'subscribed' });
  const durable = await session.subscribe('a', { subscription: 's2' });
  t.match(durable, { code: 'subscription_limit', message: /DURABLES_PER_TOPIC_MAX/ });
  t.match(await session.subscribe('b'), { type: 'subscribed' });
  const many = await session.subscribe('c');
  t.match(many, { code: 'subscription_limit', message: /SUBSCRIPTIONS_PER_SESSION_MAX/ });
  t.equal((await post('/api/topics', { name: 'c' })).status, 201);
  const topics = await post('/api/topics', { name: 'd' });
  t.match(topics, { status: 429, body: { code: 'topic_limit', detail: /TOPICS_PER_TENANT_MAX/ } });
  const other = await Subscriber.open(node.wsUrl, 'json');
  const full = await new Promise<string>((resolve) => {
    const socket = new WebSocket(`${node.wsUrl}/ws`);
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, answer) => {
      answer.once('data', (bytes: Buffer) => resolve(`${answer.statusCode} ${bytes.toString()}`));
    });
  });
  t.match(full, /^503 .*"detail":"SESSIONS_MAX is reached".*"code":"session_limit"/);
  for (const one of [session, other]) one.close();
});
