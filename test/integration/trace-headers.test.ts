// Goal: without any SDK a message carries the trace it was published in, whatever way it comes in and goes
// out; it survives a restart, a redelivery and a dead letter; what is not valid is no error; and a retry
// under a dedupe key is the same message, though it is another part of a trace. One node on PostgreSQL,
// black box.
import http from 'node:http';
import { Packr } from 'msgpackr';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { EventStream } from '../support/clients/event-stream.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';

t.setTimeout(600_000);
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
/** Of the same trace, by the span. */
const part = (n: number): string => `00-${TRACE}-00f067aa0ba9${1000 + n}-01`;
const JSON_TYPE = { 'content-type': 'application/json' };
/** One that is kept would be of the node before the restart. */
const agent = new http.Agent({ keepAlive: false });
const packr = new Packr({ useRecords: false });

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const ENV = { DATABASE_URL: postgres.url, WORKERS: '1' };
let node = await startNode(ENV);
t.teardown(() => node.kill9());

const post = (
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const text = Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const all = { ...JSON_TYPE, ...headers };
  return request(`${node.url}${path}`, {
    method: 'POST',
    headers: all,
    body: text as string,
    agent,
  });
};
/** Until it is served: a node that has just begun may be busy. */
const get = async (path: string): Promise<Answer> => {
  let answer: Answer | null = null;
  await eventually(async () => {
    answer = await request(`${node.url}${path}`, { agent });
    return answer.status === 200;
  });
  if (answer === null) throw new Error(path);
  return answer;
};
const headersOf = (frame: Frame | Record<string, unknown> | undefined): Record<string, string> =>
  (frame?.['headers'] ?? {}) as Record<string, string>;
async function sql(text: string, values: unknown[]): Promise<void> {
  const client = new pg.Client(postgres.url);
  await client.connect();
  try {
    await client.query(text, values);
  } finally {
    await client.end();
  }
}

// No assertion: one that is in no test ends the file.
for (const name of ['in', 'out', 'resumed', 'pulled', 'dead', 'invalid', 'again'])
  await post('/api/topics', { name });

t.test('every way in', async (t) => {
  const topic = 'in';
  const session = await Subscriber.open(node.wsUrl);
  await session.subscribe(topic, { ack: 'none' });
  const header = (n: number) => ({ traceparent: part(n), tracestate: `n=${n}` });
  const bare = { topic, payload: 1 };
  await post('/api/publish', bare, header(1));
  await post('/api/publish', { ...bare, headers: { x: '1' } }, header(2));
  await post('/api/publish', { ...bare, headers: header(3) }, header(99));
  const packed = packr.pack({ topic, payload: 1, headers: header(4) });
  await post('/api/publish', packed, { 'content-type': 'application/msgpack' });
  const messages = [bare, { ...bare, headers: header(6) }];
  await post('/api/publish/batch', { messages }, header(5));
  session.send({ type: 'publish', ...bare, headers: header(7), ref: 1 });
  await session.waitFor(({ ref }) => ref === 1);
  const event = { specversion: '1.0', id: '1', source: '/s', type: 't', data: 1 };
  const events = `/api/topics/${topic}/events`;
  const structured = { 'content-type': 'application/cloudevents+json' };
  await post(events, { ...event, traceparent: part(8) }, structured);
  await post(events, { ...event, id: '2' }, { ...structured, ...header(9) });
  await sql('SELECT conduit.publish($1, $2, headers => $3)', [topic, '1', header(10)]);
  await eventually(() => session.messages.length === 10);
  const came = session.messages.map((one) => {
    const { traceparent = headersOf(one)['ce-traceparent'] ?? '' } = headersOf(one);
    return Number(traceparent.slice(48, 52)) - 1000;
  });
  t.same(came, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  t.same(headersOf(session.messages[1]), { x: '1', ...header(2) });
  session.socket.close();
});

t.test('every way out, after a restart too', async (t) => {
  const topic = 'out';
  await post('/api/publish', { topic, payload: 1 }, { traceparent: part(1) });
  await node.stop();
  node = await startNode({ ...ENV, PORT: String(node.port) });
  for (const format of ['seed', 'json', 'msgpack'] as const) {
    const session = await Subscriber.open(node.wsUrl, format);
    await session.subscribe(topic, { start: { from: 'earliest' }, ack: 'none' });
    await eventually(() => session.messages.length === 1);
    t.equal(headersOf(session.messages[0])['traceparent'], part(1), format);
    session.socket.close();
  }
  const stream = `${node.url}/api/topics/${topic}/events?from=earliest`;
  const [plain, event] = [
    await EventStream.open(stream),
    await EventStream.open(`${stream}&format=cloudevents`),
  ];
  const messageOf = ({ events }: EventStream) =>
    events.map(({ data }) => data).find((data) => 'payload' in data || 'specversion' in data);
  await eventually(() => messageOf(plain) !== undefined && messageOf(event) !== undefined);
  t.equal(headersOf(messageOf(plain))['traceparent'], part(1));
  t.equal(messageOf(event)?.['traceparent'], part(1), 'the extension of CloudEvents');
  plain.close();
  event.close();
  const { body } = await get(`/api/topics/${topic}/messages`);
  t.equal(headersOf((body['messages'] as Frame[])[0])['traceparent'], part(1));
});

t.test('after a resume, and in a pull', async (t) => {
  const topic = 'resumed';
  const place = { subscription: 's', ack: 'explicit', start: { from: 'earliest' } };
  const before = await Subscriber.open(node.wsUrl);
  const { epoch } = await before.subscribe(topic, { ack: 'none' });
  const named = await before.subscribe('pulled', place);
  t.equal(named.type, 'subscribed');
  for (const n of [1, 2]) {
    await post('/api/publish', { topic, payload: n }, { traceparent: part(n) });
  }
  await eventually(() => before.messages.length === 2);
  before.socket.terminate();
  const after = await Subscriber.open(node.wsUrl);
  await after.subscribe(topic, { ack: 'none', start: { from: 'sequence', sequence: 2, epoch } });
  await eventually(() => after.messages.length === 1);
  t.equal(headersOf(after.messages[0])['traceparent'], part(2), 'of the message that it was given');
  after.socket.close();
  await post('/api/publish', { topic: 'pulled', payload: 3 }, { traceparent: part(3) });
  const { body } = await post('/api/subscriptions/pulled/s/pull', { wait_ms: 20_000 });
  const [message] = body['messages'] as Frame[];
  t.equal(headersOf(message)['traceparent'], part(3));
});

t.test('a redelivery and a dead letter', async (t) => {
  const topic = 'dead';
  const session = await Subscriber.open(node.wsUrl);
  await session.subscribe(topic, { subscription: 's', ack: 'explicit', max_deliver: 2 });
  await post('/api/publish', { topic, payload: 1 }, { traceparent: part(1) });
  for (const attempt of [1, 2]) {
    await eventually(() => session.messages.length === attempt);
    t.equal(headersOf(session.messages[attempt - 1])['traceparent'], part(1));
    session.send({ type: 'nack', topic, subscription: 's', sequence: 1, delay_ms: 0 });
  }
  const letters = async () => {
    const { body } = await get(`/api/dead-letters?topic=${topic}`);
    return body['dead_letters'] as Frame[];
  };
  await eventually(async () => (await letters()).length === 1);
  t.equal(headersOf((await letters())[0])['traceparent'], part(1));
  session.socket.close();
});

t.test("what is not valid is no error, and nobody's", async (t) => {
  const topic = 'invalid';
  const bad = { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, tracestate: 'a=1' };
  t.equal((await post('/api/publish', { topic, payload: 1 }, bad)).status, 200);
  t.equal((await post('/api/publish', { topic, payload: 2 }, { tracestate: 'a=1' })).status, 200);
  const long = { traceparent: part(1), tracestate: `a=${'x'.repeat(600)}` };
  t.equal((await post('/api/publish', { topic, payload: 3 }, long)).status, 200);
  const full = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`h${n}`, 'x']));
  const last = { topic, payload: 4, headers: full };
  t.equal((await post('/api/publish', last, { traceparent: part(1) })).status, 200);
  const { body } = await get(`/api/topics/${topic}/messages`);
  const all = (body['messages'] as Frame[]).sort(
    (a, b) => Number(a['payload']) - Number(b['payload']),
  );
  t.same(all.map(headersOf), [{}, {}, { traceparent: part(1) }, full]);
});

t.test('a retry is the same message, by HTTP, deferred, as an event, and from SQL', async (t) => {
  const topic = 'again';
  const order = { topic, payload: { a: 1 }, headers: { x: '1' } };
  const retried = async (more: object, status: number) => {
    for (const n of [1, 2]) {
      const answer = await post('/api/publish', { ...order, ...more }, { traceparent: part(n) });
      t.equal(answer.status, status, JSON.stringify(answer.body));
      t.equal(answer.body['duplicate'] ?? false, n === 2);
    }
    const none = await post('/api/publish', { ...order, ...more });
    t.match(none, { status, body: { duplicate: true } }, 'nor does one without a trace differ');
    const other = { ...order, ...more, headers: { x: '2' } };
    t.equal((await post('/api/publish', other, { traceparent: part(3) })).status, 422);
  };
  await retried({ dedupe_key: 'now' }, 200);
  await retried({ dedupe_key: 'later', delay_ms: 3_600_000 }, 202);
  const large = 'x'.repeat(20_000);
  await retried({ dedupe_key: 'large', payload: large, delay_ms: 3_600_000 }, 202);
  const event = { specversion: '1.0', id: '1', source: '/s', type: 't', data: 1 };
  const type = { 'content-type': 'application/cloudevents+json' };
  for (const n of [1, 2]) {
    const of = { ...event, traceparent: part(n), tracestate: `n=${n}` };
    const answer = await post(`/api/topics/${topic}/events`, of, type);
    t.match(answer, { status: 200, body: n === 2 ? { duplicate: true } : {} });
  }
  const call = "SELECT conduit.publish($1, '1', headers => $2, dedupe_key => 'sql')";
  for (const n of [1, 2, 3]) await sql(call, [topic, { x: '1', traceparent: part(n) }]);
  await t.rejects(sql(call, [topic, { x: '2', traceparent: part(1) }]), { code: '23505' });
});
