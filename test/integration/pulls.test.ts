// Goal: whoever cannot hold a socket pulls: each message goes to one puller, or to a session of the same
// subscription, at most as many as were asked for; what is not acknowledged in time comes again, counted, and
// what never reached its client comes again uncounted. Black box, in memory and on PostgreSQL.
import http from 'node:http';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import type { Answer } from '../support/clients/publisher.js';
import { sendRaw } from '../support/clients/raw-http.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ask, postJson, publish } from '../support/nodes/node-pair.js';

interface Pulled {
  token: string;
  sequence: number;
  attempt: number;
}

const messagesOf = ({ body }: Answer): Pulled[] => body['messages'] as Pulled[];
const placesOf = (answer: Answer): [number, number][] =>
  messagesOf(answer).map(({ sequence, attempt }) => [sequence, attempt]);
const tokensOf = (answer: Answer): string[] => messagesOf(answer).map(({ token }) => token);
const pathOf = (topic: string, what: string): string => `/api/subscriptions/${topic}/s/${what}`;
const pull = (node: TestNode, topic: string, body: object = {}): Promise<Answer> =>
  postJson(node, pathOf(topic, 'pull'), body);
const settle = (node: TestNode, topic: string, what: string, body: object): Promise<Answer> =>
  postJson(node, pathOf(topic, what), body);
/** Begun, and what ends it: its client goes. */
const pullAndGo = (node: TestNode, topic: string, body: object): (() => void) => {
  const headers = { 'content-type': 'application/json' };
  const call = http.request(`${node.url}${pathOf(topic, 'pull')}`, { method: 'POST', headers });
  call.on('error', () => undefined);
  call.end(JSON.stringify(body));
  return () => call.destroy();
};
/** A topic with a subscription that is at its beginning, and so many messages. */
const fill = async (node: TestNode, topic: string, count: number, settings: object = {}) => {
  await postJson(node, '/api/topics', { name: topic });
  t.equal((await pull(node, topic, settings)).status, 200);
  const messages = Array.from({ length: count }, (_, n) => ({ topic, payload: n + 1 }));
  if (count > 0) t.equal((await postJson(node, '/api/publish/batch', { messages })).status, 200);
};
const standing = async (node: TestNode, topic: string) =>
  (await ask(node, `/api/subscriptions/${topic}/s`)).body;

const LIMITS = {
  ...{ PULLS_PER_SUBSCRIPTION_MAX: '2', PULLS_PER_TENANT_MAX: '3', PULL_BYTES_MAX: '65536' },
  ...{ PULL_IDLE_S: '1', WORKERS: '2' },
  // An answer that no socket takes at once.
  ...{ PAYLOAD_BYTES_MAX: '8388608', PUBLISH_BODY_BYTES_MAX: '12582912' },
};
const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const nodes: { mode: string; node: TestNode }[] = [];
for (const [mode, env] of [
  ['in memory', {}],
  ['durable', { DATABASE_URL: postgres.url }],
] as const) {
  const node = await startNode({ ...env, ...LIMITS });
  t.teardown(() => node.kill9());
  nodes.push({ mode, node });
}
const KEPT = { ack_wait_ms: 60_000 };

for (const { mode, node } of nodes) {
  t.test(`${mode}: as many as were asked for, in order, and no more before they are`, async (t) => {
    await fill(node, 'p.order', 150, KEPT);
    const first = await pull(node, 'p.order', { max: 70 });
    t.same(
      placesOf(first),
      Array.from({ length: 70 }, (_, n) => [n + 1, 1]),
    );
    t.match(messagesOf(first)[0], { type: 'message', topic: 'p.order', payload: 1 });
    t.match(await standing(node, 'p.order'), { in_flight: 70, delivered: 70, sessions: 1 });
    const second = await pull(node, 'p.order', { max: 1_000 });
    t.equal(messagesOf(second).length, 80);
    const startedMs = performance.now();
    t.same(messagesOf(await pull(node, 'p.order')), [], 'there is nothing more');
    t.ok(performance.now() - startedMs < 4_000, 'which is known at once');
    const acked = await settle(node, 'p.order', 'ack', { tokens: tokensOf(first) });
    t.same(acked.body, { settled: 70, unknown: [] });
    t.match(await standing(node, 'p.order'), { ack_floor: 70, in_flight: 80 });
    const tokens = [...tokensOf(first).slice(0, 1), ...tokensOf(second).slice(0, 1)];
    const again = await settle(node, 'p.order', 'ack', { tokens });
    t.same(again.body, { settled: 1, unknown: tokens.slice(0, 1) }, 'settled before');
  });

  t.test(`${mode}: one who waits is answered with what comes`, async (t) => {
    await fill(node, 'p.wait', 0, KEPT);
    const startedMs = performance.now();
    const waiting = pull(node, 'p.wait', { wait_ms: 30_000 });
    await eventually(async () => (await standing(node, 'p.wait'))['sessions'] === 1);
    await publish(node, { topic: 'p.wait', payload: 1 });
    t.same(placesOf(await waiting), [[1, 1]]);
    t.ok(performance.now() - startedMs < 20_000);
    t.same(messagesOf(await pull(node, 'p.wait', { wait_ms: 50 })), [], 'its wait is over');
  });

  t.test(
    `${mode}: a puller that vanishes gives back, counted, until the dead letter`,
    async (t) => {
      await fill(node, 'p.gone', 1, { ack_wait_ms: 100, max_deliver: 2 });
      const [first] = messagesOf(await pull(node, 'p.gone'));
      const again = await pull(node, 'p.gone', { wait_ms: 10_000 });
      t.same(placesOf(again), [[1, 2]]);
      const late = { tokens: [first?.token] };
      t.match(
        (await settle(node, 'p.gone', 'nack', late)).body,
        { settled: 0 },
        'not its any more',
      );
      await eventually(async () => {
        const { body } = await ask(node, '/api/dead-letters?topic=p.gone');
        return (body['dead_letters'] as unknown[]).length === 1;
      });
    },
  );

  t.test(`${mode}: nack, extend, reject, and a late ack`, async (t) => {
    await fill(node, 'p.say', 4, { ack_wait_ms: 300 });
    const tokens = tokensOf(await pull(node, 'p.say'));
    const said = [
      settle(node, 'p.say', 'nack', { tokens: tokens.slice(0, 1), delay_ms: 0, reason: 'no' }),
      settle(node, 'p.say', 'extend', { tokens: tokens.slice(1, 2), ms: 60_000 }),
      settle(node, 'p.say', 'reject', { tokens: tokens.slice(2, 3), reason: 'never' }),
    ];
    for (const one of await Promise.all(said)) t.same(one.body, { settled: 1, unknown: [] });
    const seen: [number, number][] = [];
    await eventually(async () => {
      seen.push(...placesOf(await pull(node, 'p.say', { wait_ms: 200 })));
      return seen.some(([sequence]) => sequence === 4) && seen.some(([sequence]) => sequence === 1);
    });
    t.ok(
      seen.every(([sequence, attempt]) => attempt > 1 && sequence !== 2 && sequence !== 3),
      JSON.stringify(seen),
    );
    const late = await settle(node, 'p.say', 'ack', { tokens: tokens.slice(3) });
    t.match(late.body, { settled: 1 }, 'of an attempt before the one under way');
    const { body } = await ask(node, '/api/dead-letters?topic=p.say');
    t.match(body, { dead_letters: [{ sequence: 3, reason: 'rejected', last_error: 'never' }] });
  });

  t.test(`${mode}: what never reached its client comes again uncounted`, async (t) => {
    await fill(node, 'p.cut', 0, KEPT);
    const leave = pullAndGo(node, 'p.cut', { wait_ms: 30_000 });
    await eventually(async () => (await standing(node, 'p.cut'))['sessions'] === 1);
    leave();
    await publish(node, { topic: 'p.cut', payload: 1 });
    t.same(placesOf(await pull(node, 'p.cut', { wait_ms: 5_000 })), [[1, 1]], 'it had left');
    // More than the socket takes at once, of which nothing is read.
    const payload = 'x'.repeat(8_000_000);
    await publish(node, { topic: 'p.cut', payload });
    const headers = { 'content-type': 'application/json' };
    const call = http.request(`${node.url}${pathOf('p.cut', 'pull')}`, { method: 'POST', headers });
    call.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      call.on('socket', (socket) => socket.setTimeout(0));
      call.on('response', (response) => {
        response.pause();
        resolve();
      });
      call.end(JSON.stringify({ wait_ms: 5_000 }));
    });
    call.destroy();
    t.same(placesOf(await pull(node, 'p.cut', { wait_ms: 20_000 })), [[2, 1]], 'it read half');
  });

  t.test(`${mode}: pipelined pulls are not answered, and have taken nothing`, async (t) => {
    await fill(node, 'p.pipe', 3, KEPT);
    const body = '{"max":1}';
    const head = `POST ${pathOf('p.pipe', 'pull')} HTTP/1.1\r\nHost: a\r\n`;
    const lines = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const one = `${head}${lines}${body}`;
    t.same((await sendRaw(node.port, `${one}${one}`)).statuses(), []);
    const places: [number, number][] = [];
    await eventually(async () => {
      places.push(...placesOf(await pull(node, 'p.pipe', { wait_ms: 500 })));
      return places.length === 3;
    });
    t.same(
      places.sort(),
      [1, 2, 3].map((sequence) => [sequence, 1]),
    );
  });

  t.test(
    `${mode}: a group of pullers and sessions; who does not ask holds nothing up`,
    async (t) => {
      await fill(node, 'p.group', 0, KEPT);
      const session = await Subscriber.open(node.wsUrl, 'json');
      await session.subscribe('p.group', { subscription: 's' });
      for (let n = 1; n <= 20; n++) await publish(node, { topic: 'p.group', payload: n });
      await eventually(() => session.messages.length === 20);
      session.close();
      const answer = await pull(node, 'p.group', { max: 7, wait_ms: 5_000 });
      t.equal(messagesOf(answer).length, 7, 'what it left comes to the one who asks');
      t.match(await standing(node, 'p.group'), { in_flight: 20 });
    },
  );

  t.test(`${mode}: by key, the next of a key once the one before it is settled`, async (t) => {
    await fill(node, 'p.keys', 0, { ...KEPT, ordering: 'key' });
    for (const key of ['a', 'a', 'b']) await publish(node, { topic: 'p.keys', key, payload: 1 });
    const first = await pull(node, 'p.keys', { wait_ms: 5_000 });
    t.same(placesOf(first), [
      [1, 1],
      [3, 1],
    ]);
    await settle(node, 'p.keys', 'ack', { tokens: tokensOf(first) });
    t.same(placesOf(await pull(node, 'p.keys', { wait_ms: 5_000 })), [[2, 1]]);
  });

  t.test(`${mode}: bounds are named`, async (t) => {
    await fill(node, 'p.bounds', 0, KEPT);
    const refusals = [
      [{ max: 1_001 }, { code: 'invalid_field', field: 'max', detail: /PULL_MESSAGES_MAX/ }],
      [{ max: 0 }, { code: 'invalid_field', field: 'max' }],
      [{ wait_ms: 60_001 }, { code: 'invalid_field', detail: /PULL_WAIT_MS_MAX/ }],
      [{ start: { from: 'x' } }, { code: 'bad_cursor' }],
      [{ most: 1 }, { code: 'invalid_field', field: 'most' }],
    ] as const;
    for (const [body, problem] of refusals) {
      t.match((await pull(node, 'p.bounds', body)).body, { status: 400, ...problem });
    }
    for (const tokens of [[], ['x'], [1], ['1.1'], ['0.1.e'], ['1.1.E'], '1.1.e', null]) {
      const answer = await settle(node, 'p.bounds', 'ack', { tokens });
      t.match(answer.body, { status: 400, code: 'invalid_field', field: 'tokens' });
    }
    const unknown = await settle(node, 'p.bounds', 'ack', { tokens: ['1.1.e', '9.1.e'] });
    t.match(unknown.body, { settled: 0, unknown: ['1.1.e', '9.1.e'] });
    t.match(await pull(node, 'p.none'), { status: 404, body: { code: 'topic_not_found' } });
    const never = await settle(node, 'p.none', 'ack', { tokens: ['1.1.e'] });
    t.match(never, { status: 404, body: { code: 'topic_not_found' } });
    await postJson(node, '/api/topics', { name: 'p.other' });
    const unmade = await settle(node, 'p.other', 'ack', { tokens: ['1.1.e'] });
    t.match(unmade, { status: 404, body: { code: 'subscription_not_found' } });

    const leave = [1, 2].map(() => pullAndGo(node, 'p.bounds', { wait_ms: 30_000 }));
    await eventually(async () => (await pull(node, 'p.bounds')).status === 429);
    const full = await pull(node, 'p.bounds');
    t.match(full, { status: 429, body: { code: 'pull_limit', detail: /PULLS_PER_SUBSCRIPTION/ } });
    t.ok(full.headers['retry-after']);
    leave.push(pullAndGo(node, 'p.other', { wait_ms: 30_000 }));
    await eventually(async () => (await pull(node, 'p.keys')).status === 429);
    t.match((await pull(node, 'p.keys')).body, { detail: /PULLS_PER_TENANT_MAX/ });
    for (const end of leave) end();
    await eventually(async () => (await pull(node, 'p.bounds')).status === 200);

    const payload = 'x'.repeat(40_000);
    for (let n = 0; n < 3; n++) await publish(node, { topic: 'p.bounds', payload });
    const sizes: number[] = [];
    for (let n = 0; n < 3; n++) {
      sizes.push(messagesOf(await pull(node, 'p.bounds', { wait_ms: 5_000 })).length);
    }
    t.same(sizes, [1, 1, 1], 'PULL_BYTES_MAX');
  });

  t.test(
    `${mode}: it is refused what somebody has for himself, and told what is gone`,
    async (t) => {
      await postJson(node, '/api/topics', { name: 'p.ends' });
      const session = await Subscriber.open(node.wsUrl, 'json');
      await session.subscribe('p.ends', { subscription: 's', exclusive: true });
      const refused = await pull(node, 'p.ends');
      t.match(refused, { status: 409, body: { code: 'subscription_in_use' } });
      session.close();
      await eventually(async () => (await pull(node, 'p.ends')).status === 200);
      const ofSubscription = pull(node, 'p.ends', { wait_ms: 30_000 });
      await eventually(async () => (await standing(node, 'p.ends'))['sessions'] === 1);
      const deleted = await fetch(`${node.url}/api/subscriptions/p.ends/s`, { method: 'DELETE' });
      t.equal(deleted.status, 204);
      t.match(await ofSubscription, { status: 404, body: { code: 'subscription_not_found' } });
      const ofTopic = pull(node, 'p.ends', { wait_ms: 30_000 });
      await eventually(async () => (await standing(node, 'p.ends'))['sessions'] === 1);
      await fetch(`${node.url}/api/topics/p.ends`, { method: 'DELETE' });
      t.match(await ofTopic, { status: 404, body: { code: 'topic_not_found' } });
    },
  );

  t.test(`${mode}: the session of pulls ends once nobody pulls and nothing is held`, async (t) => {
    await fill(node, 'p.idle', 1, KEPT);
    const held = await pull(node, 'p.idle');
    const { body } = await ask(node, '/api/sessions?topic=p.idle');
    t.match(body, { sessions: [{ format: 'pull', subscriptions: [{ subscription: 's' }] }] });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await eventually(async () => (await standing(node, 'p.idle'))['sessions'] === 1);
    t.match(await settle(node, 'p.idle', 'ack', { tokens: tokensOf(held) }), { status: 200 });
    await eventually(async () => (await standing(node, 'p.idle'))['sessions'] === 0);
  });

  t.test(`${mode}: a drain answers those who wait at once`, async (t) => {
    await fill(node, 'p.drain', 0, KEPT);
    const waiting = pull(node, 'p.drain', { wait_ms: 60_000 });
    await eventually(async () => (await standing(node, 'p.drain'))['sessions'] === 1);
    const startedMs = performance.now();
    const stopped = node.stop();
    t.match(await waiting, { status: 200, body: { messages: [] } });
    t.ok(performance.now() - startedMs < 10_000);
    t.equal(await stopped, 0);
  });
}
