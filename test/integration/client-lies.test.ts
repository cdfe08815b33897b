// Goal: what a server says that no node says makes the client neither throw nor spin nor believe it: what is
// new is passed over, what is wrong ends the connection or the publish, and nobody is waited for for ever.
import t, { type Test } from 'tap';
import type { WebSocket } from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { type ConduitClient, connect } from '../../src/client/client.js';
import { startLyingNode } from '../support/servers/lying-node.js';

const QUICK = { minDelayMs: 1, maxDelayMs: 20 };
const HOUR_MS = 3_600_000;
type Frame = Record<string, unknown>;

/** What no rejection and no exception may come of. */
const uncaught: unknown[] = [];
process.on('unhandledRejection', (reason) => uncaught.push(reason));
process.on('uncaughtException', (error) => uncaught.push(error));

function say(socket: WebSocket, ...frames: readonly unknown[]): void {
  for (const frame of frames) socket.send(JSON.stringify(frame));
}

/** A subscribe is confirmed; `then` says what follows. */
function confirming(then: (socket: WebSocket, frame: Frame) => void) {
  return (socket: WebSocket): void => {
    socket.on('message', (data) => {
      for (const text of String(data).split('\u001e')) {
        const frame = JSON.parse(text) as Frame;
        const { type, ref, topic } = frame;
        if (type === 'subscribe') {
          say(socket, { type: 'subscribed', topic, epoch: 'e', sequence: 0, ref });
        }
        then(socket, frame);
      }
    });
  };
}

const message = (sequence: number, more: Frame = {}): Frame => ({
  ...{ type: 'message', topic: 'a', message_id: `m${sequence}`, sequence, attempt: 1 },
  ...{ payload: sequence, published_at: '2026-01-01T00:00:00.000Z' },
  ...more,
});

/** Said after a subscribe is confirmed: the connection goes on, and the next message is given. */
const PASSED_OVER: Readonly<Record<string, unknown>> = {
  'a type that is new': { type: 'weather', ref: 1, topic: 'a', forecast: [] },
  'a published with a ref that nobody has': { type: 'published', ref: 999, message_id: 'm' },
  'an acked with a ref that nobody has': { type: 'acked', ref: 998, sequence: 5 },
  'a refreshed that nobody asked for': { type: 'refreshed', ref: 997 },
  'an error with a ref that nobody has': { type: 'error', ref: 996, code: 'busy', message: 'b' },
  'an error without a code': { type: 'error' },
  'a ref that is an object': { type: 'acked', ref: { a: 1 } },
  'a message of a topic that nobody has': message(1, { topic: 'b' }),
  'the end of a subscription that nobody has': { type: 'unsubscribed', topic: 'b', reason: 'x' },
  'a subscribed of a topic that nobody has': { type: 'subscribed', topic: 'b', ref: 995 },
  'a caught_up of nothing': { type: 'caught_up', topic: 'b', sequence: 'x' },
  'an expiring where there is no token': { type: 'expiring', expires_at: 'soon' },
  'a disconnect that is none': { type: 'disconnect' },
};

for (const [name, lie] of Object.entries(PASSED_OVER)) {
  t.test(`passed over: ${name}`, async (t) => {
    const node = await startLyingNode(t, {
      socket: confirming((socket, { type }) => {
        if (type === 'subscribe') say(socket, lie, message(1, { member: 'that is new' }));
      }),
    });
    const client = open(t, node.url);
    const seen: unknown[] = [];
    client.subscribe('a', { onMessage: ({ payload }) => void seen.push(payload) });
    await eventually(() => seen.length === 1);
    t.same(seen, [1]);
    t.equal(node.connections, 1);
    t.equal(client.state, 'open');
  });
}

/** In the place of a message: the connection ends, and another is tried, again and again but not at once. */
const NO_FRAMES: Readonly<Record<string, unknown>> = {
  'a message without an attempt': message(1, { attempt: 0 }),
  'a message without a topic': message(1, { topic: null }),
  'a message with a sequence that is text': message(1, { sequence: '1' }),
  'a message without an id': message(1, { message_id: 7 }),
  'a frame that is null': null,
  'a frame that is a list': [],
  'nothing but a number': 7,
};

for (const [name, lie] of Object.entries(NO_FRAMES)) {
  t.test(`ends the connection: ${name}`, async (t) => {
    const node = await startLyingNode(t, {
      socket: confirming((socket, { type }) => {
        if (type === 'subscribe') say(socket, lie);
      }),
    });
    const client = open(t, node.url);
    const because: string[] = [];
    client.on('reconnect', ({ error }) => because.push(error.message));
    const seen: unknown[] = [];
    client.subscribe('a', { onMessage: ({ payload }) => void seen.push(payload) });
    await eventually(() => node.connections > 2);
    t.match(because[0], /not a (frame|message) of the protocol/);
    t.same(seen, []);
  });
}

/** What a publish is told over the WebSocket, and over HTTP. */
const NO_ANSWERS: Readonly<Record<string, Frame>> = {
  'nothing of a message': {},
  'an id that is a number': { message_id: 7, sequence: 1 },
  'a deferred id that is text': { deferred_id: '7' },
};

for (const [name, lie] of Object.entries(NO_ANSWERS)) {
  t.test(`a publish is not stored because of ${name}`, async (t) => {
    const told = confirming((socket, { ref }) => say(socket, { type: 'published', ref, ...lie }));
    const node = await startLyingNode(t, { socket: told });
    const client = open(t, node.url);
    await client.ready();
    await t.rejects(client.publish('a', 1), { code: 'bad_answer' });
    const away = await startLyingNode(t, {
      ...{ socket: () => undefined, upgrades: 'refused' },
      http: (response) => response.end(JSON.stringify({ results: [lie] })),
    });
    await t.rejects(open(t, away.url).publish('a', 1), { code: 'bad_answer' });
  });
}

const HTTP_LIES: Readonly<Record<string, { status: number; body: string; code: string }>> = {
  'a page where an answer is due': { status: 200, body: '<h1>hello</h1>', code: 'bad_answer' },
  'a list of results that is none': { status: 200, body: '{"results":7}', code: 'bad_answer' },
  'an answer without results': { status: 200, body: '', code: 'bad_answer' },
  'a way to somebody else': { status: 302, body: '', code: 'bad_answer' },
  'an error that is none': { status: 400, body: '{"code":7}', code: 'bad_answer' },
  'a proxy whose node is away, for ever': { status: 502, body: 'bad', code: 'outcome_unknown' },
};

for (const [name, { status, body, code }] of Object.entries(HTTP_LIES)) {
  t.test(`HTTP: ${name}`, async (t) => {
    const node = await startLyingNode(t, {
      ...{ socket: () => undefined, upgrades: 'refused' },
      http: (response) => response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body),
    });
    const client = open(t, node.url);
    await t.rejects(client.publish('a', 1, { timeoutMs: 500 }), { code });
    t.equal(client.pending, 0);
  });
}

for (const asked of [1e15, Number.MAX_VALUE, -5, 'soon', null, {}]) {
  t.test(`retry_after_ms ${JSON.stringify(asked)}`, async (t) => {
    const said = { type: 'disconnect', code: 1012, reason: 'r', reconnect: true };
    const node = await startLyingNode(t, {
      socket: (socket) => {
        say(socket, { ...said, retry_after_ms: asked });
        socket.close(1012);
      },
    });
    const delays: number[] = [];
    const client = open(t, node.url);
    client.on('reconnect', ({ delayMs }) => delays.push(delayMs));
    await eventually(() => delays.length > 0);
    const [first = Number.NaN] = delays;
    if (typeof asked === 'number' && asked > 0) t.equal(first, HOUR_MS);
    else t.ok(first >= 0 && first <= QUICK.maxDelayMs, `${first}`);
  });
}

t.test('Retry-After that is beyond every timer', async (t) => {
  const problem = JSON.stringify({ code: 'busy', detail: 'later' });
  const node = await startLyingNode(t, {
    ...{ socket: () => undefined, upgrades: 'refused' },
    http: (response) => response.writeHead(503, { 'retry-after': '9'.repeat(30) }).end(problem),
  });
  const client = open(t, node.url);
  const { delayMs } = await new Promise<{ delayMs: number }>((resolve) => {
    client.on('reconnect', resolve);
  });
  t.equal(delayMs, HOUR_MS);
  await t.rejects(client.publish('a', 1, { timeoutMs: 500 }), { code: 'timeout' });
  t.ok(node.requests < 10, 'it does not spin');
});

for (const jumpMs of [HOUR_MS, -HOUR_MS]) {
  t.test(`a clock that jumps by ${jumpMs / HOUR_MS} h`, async (t) => {
    const frames: string[] = [];
    const node = await startLyingNode(t, {
      socket: confirming((socket, { type }) => {
        frames.push(String(type));
        if (type === 'heartbeat') say(socket, { type: 'heartbeat' });
      }),
    });
    const client = open(t, node.url);
    await client.ready();
    const publish = client.publish('a', 1, { timeoutMs: HOUR_MS });
    await eventually(() => frames.includes('publish'));
    const { now } = Date;
    t.teardown(() => {
      Date.now = now;
    });
    Date.now = () => now() + jumpMs;
    // Its dedupe key may be forgotten: a second try might be stored a second time.
    await t.rejects(publish, { code: 'outcome_unknown' });
    await eventually(() => frames.includes('heartbeat'));
    t.same(frames, ['publish', 'heartbeat'], 'it is not tried again; the node is asked at once');
    t.equal(node.connections, 1);
    t.equal(client.state, 'open');
  });
}

t.test('nothing of it was thrown where nobody catches', async (t) => {
  t.same(uncaught, []);
});

function open(t: Test, url: string): ConduitClient {
  const client = connect({ url, reconnect: QUICK });
  t.teardown(() => client.close());
  return client;
}
