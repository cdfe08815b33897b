// Goal: a deferred publish is accepted once per dedupe key, whatever way it comes: HTTP, batch, WebSocket or
// SQL, at this node or another, before a crash or after it. In memory and durable.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';

const HOUR_MS = 3_600_000;
const postgres = await startPostgres();
const MODES: Record<string, Record<string, string>> = {
  'in memory': { WORKERS: '2' },
  durable: { DATABASE_URL: postgres.url },
};
// All of them first: tests that have ended end the file while a node starts.
const nodes: { mode: string; node: TestNode }[] = [];
for (const [mode, env] of Object.entries(MODES)) nodes.push({ mode, node: await startNode(env) });
const other = await startNode({ DATABASE_URL: postgres.url, NODE_ID: 'other' });
t.teardown(async () => {
  await Promise.all([...nodes.map(({ node }) => node.kill9()), other.kill9()]);
  await postgres.stop();
});

const ask = (node: TestNode, method: string, path: string, body?: unknown): Promise<Answer> =>
  request(`${node.url}${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const publish = (node: TestNode, body: unknown): Promise<Answer> =>
  ask(node, 'POST', '/api/publish', body);

async function payloadsOf(node: TestNode, topic: string): Promise<unknown[]> {
  const { body } = await ask(node, 'GET', `/api/topics/${topic}/messages`);
  return (body['messages'] as Frame[]).map(({ payload }) => payload);
}

for (const { mode, node } of nodes) {
  t.test(`${mode}: a repeat is answered with the first id, and cancelled as one`, async (t) => {
    const topic = 'defer.cancel';
    await ask(node, 'POST', '/api/topics', { name: topic });
    const order = { topic, payload: { order: 1, of: 'a' }, dedupe_key: 'o1', delay_ms: HOUR_MS };
    const first = await publish(node, order);
    t.equal(first.status, 202);
    t.same(Object.keys(first.body).sort(), ['deferred_id', 'deliver_at', 'topic']);
    const { payload: _, ...rest } = order;
    for (const repeat of [
      order,
      { ...rest, payload: { of: 'a', order: 1 } },
      { ...order, delay_ms: 1 },
      { topic, payload: order.payload, dedupe_key: 'o1' },
    ]) {
      const answer = await publish(node, repeat);
      t.equal(answer.status, 202);
      t.same(answer.body, { ...first.body, duplicate: true });
    }
    const wrong = await publish(node, { ...order, payload: 'B', delay_ms: 900 });
    t.match(wrong, { status: 422, body: { code: 'dedupe_mismatch', field: 'dedupe_key' } });
    const now = await publish(node, { topic, payload: 'B', dedupe_key: 'o1' });
    t.match(now, { status: 422, body: { code: 'dedupe_mismatch' } });
    const path = `/api/deferred/${String(first.body['deferred_id'])}`;
    t.equal((await ask(node, 'DELETE', path)).status, 204);
    const again = await publish(node, { ...order, payload: 'B' });
    t.equal(again.status, 202, 'the key of a cancelled one is free');
    t.not(again.body['deferred_id'], first.body['deferred_id']);
    t.same(await payloadsOf(node, topic), []);
  });

  t.test(`${mode}: after the release a repeat is told where the message is`, async (t) => {
    const topic = 'defer.released';
    await ask(node, 'POST', '/api/topics', { name: topic });
    const order = { topic, payload: 'A', dedupe_key: 'o2', delay_ms: 50 };
    const first = await publish(node, order);
    await eventually(async () => (await payloadsOf(node, topic)).length === 1);
    const repeat = await publish(node, order);
    t.match(repeat, { status: 202, body: { ...first.body, sequence: 1, duplicate: true } });
    t.match(repeat.body, { message_id: /^[0-9a-f-]{36}$/, published_at: /Z$/ });
    const now = await publish(node, { topic, payload: 'A', dedupe_key: 'o2' });
    t.match(now, { status: 200, body: { sequence: 1, duplicate: true } });
    t.equal(now.body['message_id'], repeat.body['message_id']);
    t.equal((await publish(node, { ...order, payload: 'B' })).status, 422);
    const path = `/api/deferred/${String(first.body['deferred_id'])}`;
    t.match(await ask(node, 'DELETE', path), { status: 409, body: { code: 'deferred_released' } });
    const atOnce = await publish(node, { topic, payload: 'C', dedupe_key: 'o3' });
    const later = await publish(node, { topic, payload: 'C', dedupe_key: 'o3', delay_ms: 50 });
    t.match(later, { status: 200, body: { sequence: 2, duplicate: true } });
    t.equal(later.body['message_id'], atOnce.body['message_id']);
    t.same(await payloadsOf(node, topic), ['A', 'C']);
  });

  t.test(`${mode}: batches and sessions share the keys`, async (t) => {
    const topic = 'defer.ways';
    await ask(node, 'POST', '/api/topics', { name: topic });
    const order = { topic, payload: 1, dedupe_key: 'w', delay_ms: HOUR_MS };
    const batch = { messages: [order, order, { ...order, payload: 2 }] };
    const { body } = await ask(node, 'POST', '/api/publish/batch', batch);
    const [first, second, third] = body['results'] as Frame[];
    t.match(second, { deferred_id: first?.['deferred_id'], duplicate: true });
    t.equal(first?.['duplicate'], undefined);
    t.match(third, { error: { code: 'dedupe_mismatch', retryable: false } });
    for (const format of ['json', 'msgpack'] as const) {
      const session = await Subscriber.open(node.wsUrl, format);
      session.send({ type: 'publish', ...order, ref: 'same' });
      const same = await session.waitFor(({ ref }) => ref === 'same');
      const { deferred_id, deliver_at } = first as Frame;
      t.match(same, { type: 'published', deferred_id, deliver_at, duplicate: true });
      session.send({ type: 'publish', ...order, payload: 3, ref: 'other' });
      const wrong = await session.waitFor(({ ref }) => ref === 'other');
      t.match(wrong, { type: 'error', code: 'dedupe_mismatch' });
      session.close();
    }
    const listed = await ask(node, 'GET', `/api/deferred?topic=${topic}`);
    t.equal((listed.body['deferred'] as unknown[]).length, 1);
  });
}

t.test('durable: at another node, from SQL, and after a crash', async (t) => {
  const topic = 'defer.nodes';
  const first = await startNode({ DATABASE_URL: postgres.url, NODE_ID: 'first' });
  const second = other;
  await ask(first, 'POST', '/api/topics', { name: topic });
  const order = { topic, payload: { a: 1 }, dedupe_key: 'n', delay_ms: HOUR_MS };
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, n) => publish(n % 2 === 0 ? first : second, order)),
  );
  t.ok(
    all.every(({ status }) => status === 202),
    JSON.stringify(all.map(({ body }) => body['code'])),
  );
  const ids = new Set(all.map(({ body }) => body['deferred_id']));
  t.equal(ids.size, 1);
  t.equal(all.filter(({ body }) => body['duplicate'] === undefined).length, 1);
  await first.kill9();
  const late = await publish(second, order);
  t.match(late.body, { deferred_id: [...ids][0], duplicate: true });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const sql = `SELECT conduit.publish($1, '{"a": 1}', dedupe_key => 'n')::float8 AS id`;
  const { rows } = await client.query<{ id: number }>(sql, [topic]);
  t.equal(rows[0]?.id, [...ids][0]);
  await client.end();
});
