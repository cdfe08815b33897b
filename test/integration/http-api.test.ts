// Goal: every HTTP endpoint does what the protocol says, seen from outside, durable and in memory.
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { ANYONE } from '../../src/core/principal.js';
import { TopicPlacement } from '../../src/thread/placement.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const JSON_TYPE = { 'content-type': 'application/json' };

interface Api {
  mode: string;
  node: TestNode;
  send: (method: string, path: string, body?: unknown) => Promise<Answer>;
}

const checks: [string, (t: Test, api: Api) => Promise<void>][] = [];
const check = (name: string, run: (t: Test, api: Api) => Promise<void>): void => {
  checks.push([name, run]);
};

const postgres = await startPostgres();
t.teardown(() => postgres.stop());

check('topics are created once, listed by pages, patched and deleted', async (t, { send }) => {
  const created = await send('POST', '/api/topics', { name: 'api.one' });
  t.equal(created.status, 201);
  t.match(created.body, { name: 'api.one', subscriber_count: 0, message_count: 0 });
  t.match(created.body.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const again = await send('POST', '/api/topics', { name: 'api.one' });
  t.equal(again.status, 409);
  t.equal(again.body.code, 'topic_exists');
  const race = await Promise.all(
    Array.from({ length: 50 }, () => send('POST', '/api/topics', { name: 'api.race' })),
  );
  t.equal(race.filter((answer) => answer.status === 201).length, 1);
  t.equal(race.filter((answer) => answer.status === 409).length, 49);
  for (let i = 0; i < 25; i++) await send('POST', '/api/topics', { name: `list.${100 + i}` });
  const names: string[] = [];
  let after = '';
  do {
    const page = await send('GET', `/api/topics?limit=10&prefix=list.&after=${after}`);
    const topics = page.body.topics as { name: string }[];
    names.push(...topics.map((topic) => topic.name));
    after = String(page.body.next ?? '');
  } while (after !== '');
  t.same(
    names,
    Array.from({ length: 25 }, (_, i) => `list.${100 + i}`),
  );
  const patched = await send('PATCH', '/api/topics/api.one', { retention: { messages: 5 } });
  t.equal(patched.status, 200);
  t.match(patched.body.retention, { messages: 5, hours: null, bytes: null });
  t.equal((await send('PATCH', '/api/topics/api.one', { retention: { hours: 0 } })).status, 400);
  t.equal((await send('PATCH', '/api/topics/api.none', { retention: {} })).status, 404);
  t.equal((await send('DELETE', '/api/topics/api.one')).status, 204);
  t.equal((await send('DELETE', '/api/topics/api.one')).status, 404);
  t.equal((await send('GET', '/api/topics/api.one')).status, 404);
  t.equal((await send('POST', '/api/topics', {})).body.code, 'topic_required');
  t.equal((await send('POST', '/api/topics', { name: '' })).status, 400);
});

check('a page of topics says what waits in each', async (t, { node, send }) => {
  for (const name of ['waits.a', 'waits.b']) await send('POST', '/api/topics', { name });
  const session = await Subscriber.open(node.wsUrl, 'json');
  t.teardown(() => session.close());
  await session.subscribe('waits.a', { subscription: 's', ack_wait_ms: 60_000 });
  for (let n = 0; n < 4; n++) await send('POST', '/api/publish', { topic: 'waits.a', payload: n });
  await eventually(() => session.messages.length === 4);
  session.send({ type: 'ack', topic: 'waits.a', sequence: 1 });
  session.send({ type: 'reject', topic: 'waits.a', sequence: 2, reason: 'no' });
  const page = async (): Promise<Record<string, unknown>[]> =>
    (await send('GET', '/api/topics?prefix=waits.&with=lag')).body['topics'] as [];
  await eventually(async () => (await page())[0]?.['dead_letters'] === 1);
  const worker = (name: string): number => new TopicPlacement(2).workerOf(ANYONE.keyOf(name));
  t.match(await page(), [
    { name: 'waits.a', lag: 2, dead_letters: 1, worker: worker('waits.a') },
    { name: 'waits.b', lag: null, dead_letters: 0, worker: worker('waits.b') },
  ]);
  const plain = await send('GET', '/api/topics?prefix=waits.');
  t.notMatch(JSON.stringify(plain.body), /lag|dead_letters|worker/, 'whoever does not ask');
  t.match(await send('GET', '/api/topics?with=all'), { status: 400, body: { field: 'with' } });
});

check(
  'a batch answers each message in its place, and keeps the order of each topic',
  async (t, { node, send }) => {
    await send('POST', '/api/topics', { name: 'batch.a' });
    await send('POST', '/api/topics', { name: 'batch.b' });
    const messages = [
      { topic: 'batch.a', payload: 1 },
      { topic: 'batch.none', payload: 1 },
      { topic: 'batch.b', payload: 2 },
      { topic: 'batch.a' },
      { topic: 'batch.a', payload: 3 },
    ];
    const answer = await send('POST', '/api/publish/batch', { messages });
    t.equal(answer.status, 200);
    const results = answer.body.results as Record<string, unknown>[];
    t.match(results[0], { topic: 'batch.a', sequence: 1 });
    t.match(results[1], { error: { code: 'topic_not_found', retryable: false } });
    t.match(results[2], { topic: 'batch.b', sequence: 1 });
    t.match(results[3], { error: { code: 'payload_required', field: 'payload' } });
    t.match(results[4], { topic: 'batch.a', sequence: 2 });
    const lines = messages.map((message) => JSON.stringify(message)).join('\n');
    const ndjson = await request(`${node.url}/api/publish/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines,
    });
    t.equal((ndjson.body.results as unknown[]).length, 5);
    const tooMany = { messages: Array.from({ length: 1_001 }, () => messages[0]) };
    const refused = await send('POST', '/api/publish/batch', tooMany);
    t.equal(refused.status, 413);
    t.equal(refused.body.code, 'batch_too_large');
    const full = { messages: Array.from({ length: 1_000 }, () => messages[0]) };
    const stored = await send('POST', '/api/publish/batch', full);
    const sequences = (stored.body.results as { sequence: number }[]).map((r) => r.sequence);
    t.same(
      sequences,
      Array.from({ length: 1_000 }, (_, i) => (sequences[0] ?? 0) + i),
    );
    const none = await send('POST', '/api/publish/batch', {
      messages: [messages[1], messages[1]],
    });
    t.equal(none.status, 404, "when nothing was stored the status is the common error's");
  },
);

check(
  'a dedupe key stores once, and another body under it is refused',
  async (t, { node, send }) => {
    await send('POST', '/api/topics', { name: 'dedupe' });
    const publish = (payload: unknown, key: string) =>
      request(`${node.url}/api/publish`, {
        method: 'POST',
        headers: { ...JSON_TYPE, 'idempotency-key': key },
        body: JSON.stringify({ topic: 'dedupe', payload }),
      });
    const first = await publish({ a: 1 }, '"k1"');
    const second = await publish({ a: 1 }, 'k1');
    t.equal(second.status, 200);
    t.equal(second.body.duplicate, true);
    t.equal(second.body.message_id, first.body.message_id);
    t.equal((await publish({ a: 2 }, 'k1')).body.code, 'dedupe_mismatch');
    const many = await Promise.all(Array.from({ length: 20 }, () => publish({ b: 1 }, 'k2')));
    t.equal(new Set(many.map((answer) => answer.body.message_id)).size, 1);
    t.equal(many.filter((answer) => answer.body.duplicate !== true).length, 1);
  },
);

check(
  'deferred messages are listed, cancelled, and released at their time',
  async (t, { send }) => {
    await send('POST', '/api/topics', { name: 'later' });
    const later = { topic: 'later', payload: 'never', delay_ms: 60_000 };
    const deferred = await send('POST', '/api/publish', later);
    t.equal(deferred.status, 202);
    t.match(deferred.body, { topic: 'later', deliver_at: String });
    const listed = await send('GET', '/api/deferred?topic=later');
    t.equal((listed.body.deferred as unknown[]).length, 1);
    const path = `/api/deferred/${String(deferred.body.deferred_id)}`;
    t.equal((await send('DELETE', path)).status, 204);
    t.equal((await send('DELETE', path)).status, 404);
    t.equal((await send('DELETE', '/api/deferred/abc')).status, 404);
    const soon = await send('POST', '/api/publish', {
      topic: 'later',
      payload: 'soon',
      delay_ms: 200,
    });
    await eventually(async () => {
      const position = await send('GET', '/api/topics/later/position');
      return position.body.sequence === 1;
    });
    const released = await send('DELETE', `/api/deferred/${String(soon.body.deferred_id)}`);
    t.equal(released.status, 409);
    t.equal(released.body.code, 'deferred_released');
  },
);

check('messages are sought by time and filtered, step by step', async (t, { send }) => {
  await send('POST', '/api/topics', { name: 'sought' });
  const messages = Array.from({ length: 1_000 }, (_, n) => ({
    ...{ topic: 'sought', payload: { n, big: n % 100 === 0 }, key: n % 2 === 0 ? 'even' : 'odd' },
    ...(n === 7 ? { headers: { trace: 'x' } } : {}),
  }));
  await send('POST', '/api/publish/batch', { messages });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const last = await send('POST', '/api/publish', { topic: 'sought', payload: 'last' });
  const read = async (query: string) => {
    const target = `/api/topics/sought/messages?${query}`;
    const { body, status } = await send('GET', target);
    const found = (body.messages ?? []) as { sequence: number }[];
    const { scanned, matched, next, detail } = body;
    const sequences = found.map(({ sequence }) => sequence);
    return { status, sequences, scanned, matched, next, detail };
  };
  const filter = (text: string): string => `filter=${encodeURIComponent(text)}`;
  const at = String(last.body.published_at);
  t.same((await read(`from_time=${at}`)).sequences, [1_001]);
  t.same((await read(`from_time=${at}&order=desc&limit=2`)).sequences, [1_001, 1_000]);
  t.same((await read('from_time=2099-01-01T00:00:00Z')).sequences, []);
  t.equal((await read('from_time=2001-01-01T00:00:00Z&limit=1')).next, 2);
  t.same((await read('from_time=2001-01-01T00:00:00Z&order=desc')).sequences, []);
  t.match(await read(`${filter('payload.big && key == "even"')}`), {
    ...{ scanned: 1_001, matched: 10, next: undefined },
    sequences: Array.from({ length: 10 }, (_, n) => n * 100 + 1),
  });
  const first = await read(`${filter('payload.big')}&limit=3&order=desc`);
  t.match(first, { sequences: [901, 801, 701], scanned: 301, matched: 3, next: 700 });
  const more = await read(`${filter('payload.big')}&limit=3&order=desc&from_sequence=700`);
  t.match(more, { sequences: [601, 501, 401], scanned: 300 });
  t.match(await read(filter('headers.trace == "x"')), { sequences: [8], next: undefined });
  t.match(await read(filter('payload == "last"')), { sequences: [1_001], scanned: 1_001 });
  t.match(await read(`${filter('payload.n > 990')}&from_time=${at}&order=desc`), {
    ...{ matched: 9, scanned: 1_001 },
  });
  t.match(await read(filter('payload.n >')), { status: 400, detail: /at character 12/ });
});

check('browsing pages both ways', async (t, { send }) => {
  await send('POST', '/api/topics', { name: 'browse' });
  for (let n = 1; n <= 7; n++) await send('POST', '/api/publish', { topic: 'browse', payload: n });
  const up = await send('GET', '/api/topics/browse/messages?limit=3&from_sequence=2');
  const sequences = (page: typeof up) =>
    (page.body.messages as { sequence: number }[]).map((message) => message.sequence);
  t.same(sequences(up), [2, 3, 4]);
  t.equal(up.body.next, 5);
  const down = await send('GET', '/api/topics/browse/messages?limit=3&order=desc');
  t.same(sequences(down), [7, 6, 5]);
  t.equal(down.body.next, 4);
  const last = await send('GET', '/api/topics/browse/messages?from_sequence=7');
  t.same(sequences(last), [7]);
  t.equal(last.body.next, undefined);
  t.equal((await send('GET', '/api/topics/none/messages')).status, 404);
  const position = await send('GET', '/api/topics/browse/position');
  t.match(position.body, { sequence: 7, first_sequence: 1, epoch: /^[0-9a-z]{1,32}$/ });
});

check('stats, health and probes', async (t, { mode, send }) => {
  const stats = await send('GET', '/api/stats');
  t.match(stats.body, {
    messages_per_sec: Number,
    total_messages: Number,
    active_subscribers: 0,
    active_topics: Number,
    uptime_seconds: Number,
  });
  t.ok(Number(stats.body.messages_per_sec) > 0);
  const health = await send('GET', '/api/health');
  t.equal(health.body.status, 'ok');
  t.equal(health.body.durability, mode);
  t.equal((await send('GET', '/livez')).status, 200);
  t.equal((await send('GET', '/readyz')).status, 200);
});

for (const [mode, env] of [
  ['memory', { WORKERS: '2' }],
  ['durable', { DATABASE_URL: postgres.url, WORKERS: '2' }],
] as const) {
  t.test(mode, async (t) => {
    const node = await startNode(env);
    t.teardown(() => node.kill9());
    const send: Api['send'] = (method, path, body) =>
      request(`${node.url}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: JSON_TYPE }),
      });
    for (const [name, run] of checks) await t.test(name, (t) => run(t, { mode, node, send }));
  });
}
