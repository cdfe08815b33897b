// Goal: the client stands what servers, clocks, callbacks and its user do to it: a server that lies, keys and
// tokens that do not work, acknowledgements that come too late. It never throws where nobody can catch.
import t, { type Test } from 'tap';
import type { WebSocket } from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { type ConduitClient, type ConnectOptions, connect } from '../../src/client/client.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';
import { type LyingNode, startLyingNode } from '../support/servers/lying-node.js';

const startLiar = (t: Test, socket: (opened: WebSocket) => void): Promise<LyingNode> =>
  startLyingNode(t, { socket });

const QUICK = { minDelayMs: 1, maxDelayMs: 20 };

function open(t: Test, options: ConnectOptions): { client: ConduitClient; reasons: string[] } {
  const client = connect({ reconnect: QUICK, ...options });
  t.teardown(() => client.close());
  const reasons: string[] = [];
  client.on('reconnect', ({ error }) => reasons.push(error.message));
  return { client, reasons };
}

const LIES: Readonly<Record<string, { sends: string | Buffer; because: RegExp }>> = {
  'no JSON': { sends: 'hello', because: /not a message of the protocol/ },
  'no frame': { sends: '[1]\u001e2', because: /not a frame of the protocol: \[1\]/ },
  'a frame without a type': { sends: '{"type":7}', because: /not a frame of the protocol/ },
  'a message without a place': {
    sends: '{"type":"message","topic":"a","message_id":"m","attempt":1,"sequence":1e99}',
    because: /not a frame of the protocol/,
  },
  'a binary message': { sends: Buffer.of(1), because: /a binary message/ },
  'a huge message': {
    sends: JSON.stringify({ type: 'x'.repeat(5_000) }),
    because: /100[69]|bytes/,
  },
};

for (const [name, { sends, because }] of Object.entries(LIES)) {
  t.test(`a server that lies: ${name}`, async (t) => {
    const liar = await startLiar(t, (socket) => socket.send(sends));
    const { client, reasons } = open(t, { url: liar.url, maxMessageBytes: 4_096 });
    await eventually(() => liar.connections > 2);
    t.match(reasons[0], because);
    await client.close();
  });
}

t.test('a server that gives more than the window ends the connection', async (t) => {
  const liar = await startLiar(t, (socket) => {
    socket.on('message', (data) => {
      const { ref } = JSON.parse(String(data)) as { ref: number };
      const place = { topic: 'a', epoch: 'e', sequence: 0, ref };
      socket.send(JSON.stringify({ type: 'subscribed', ...place }));
      for (let sequence = 1; sequence <= 100; sequence++) {
        const frame = { type: 'message', topic: 'a', message_id: 'm', attempt: 1, sequence };
        socket.send(JSON.stringify({ ...frame, payload: 1, published_at: '' }));
      }
    });
  });
  const { client, reasons } = open(t, { url: liar.url });
  const subscription = client.subscribe('a', { maxInFlight: 10 });
  await eventually(() => liar.connections > 3);
  t.match(reasons[0], /not a frame of the protocol/);
  t.ok(subscription.stats().unread <= 21, 'what waits for the reader is bounded');
});

t.test('a server that closes at once, for ever: delays grow, and tries may end', async (t) => {
  const liar = await startLiar(t, (socket) => socket.close(1012));
  const delays: number[] = [];
  const client = connect({ url: liar.url, reconnect: { ...QUICK, maxAttempts: 4 } });
  client.on('reconnect', ({ attempt }) => delays.push(attempt));
  await eventually(() => client.state === 'closed');
  await t.rejects(client.ready(), { code: 'gave_up' });
  t.same(delays, [1, 2, 3, 4]);
  t.equal(liar.connections, 5);
});

t.test('what the node says before it closes is obeyed', async (t) => {
  const said = {
    type: 'disconnect',
    code: 1012,
    reason: 'r',
    reconnect: true,
    retry_after_ms: 321,
  };
  const patient = await startLiar(t, (socket) => {
    socket.send(JSON.stringify(said));
    socket.close(1012);
  });
  const client = connect({ url: patient.url, reconnect: QUICK });
  t.teardown(() => client.close());
  const delays: number[] = [];
  client.on('reconnect', ({ delayMs }) => delays.push(delayMs));
  await eventually(() => delays.length === 2);
  t.same(delays, [321, 321]);
  for (const code of [4501, 4503, 4510]) {
    const final = await startLiar(t, (socket) => socket.close(code));
    const closed = connect({ url: final.url, reconnect: QUICK });
    const subscription = closed.subscribe('a');
    await eventually(() => closed.state === 'closed');
    t.equal(final.connections, 1, `${code}: it does not come back`);
    await t.rejects(subscription.ready());
    t.throws(() => closed.subscribe('a'));
  }
});

t.test('a node that goes silent is given up, and a later one is asked', async (t) => {
  const silent = await startLiar(t, () => undefined);
  const { client, reasons } = open(t, { url: silent.url, heartbeatMs: 50 });
  await eventually(() => silent.connections > 1);
  t.match(reasons[0], /does not answer/);
  await client.close();
});

t.test('a callback that throws, gives nothing or never answers is asked again', async (t) => {
  const node = await startNode({});
  t.teardown(() => node.kill9());
  let asked = 0;
  const token = async (): Promise<string> => {
    asked++;
    if (asked === 1) throw new Error('no token today');
    if (asked === 2) return await new Promise<never>(() => undefined);
    if (asked === 3) return '';
    return 'cdtt_x.y';
  };
  const { client, reasons } = open(t, { url: node.url, token, credentialsTimeoutMs: 50 });
  await client.ready();
  t.match(reasons[0], /no token today/);
  t.match(reasons[1], /no answer in 50 ms/);
  t.match(reasons[2], /no text/);
});

t.test('keys and tokens of a node that asks for them', async (t) => {
  const key = 'a-key-of-the-default-tenant-1234567890';
  const node = await startNode({
    ENABLE_AUTH: 'true',
    DEFAULT_API_KEY: key,
    TOKEN_TTL_S_MAX: '5',
  });
  t.teardown(() => node.kill9());
  const wrong = connect({ url: node.url, apiKey: 'wrong', reconnect: QUICK });
  await eventually(() => wrong.state === 'closed');
  await t.rejects(wrong.ready(), { code: 'unauthorized' });
  const { client: service } = open(t, { url: node.url, apiKey: () => key });
  await service.ready();
  let made = 0;
  const token = async (): Promise<string> => {
    made++;
    const answer = await service.request('POST', '/api/tokens', { body: {} });
    return (answer as { token: string }).token;
  };
  const { client: page, reasons } = open(t, { url: node.url, token });
  const seen: unknown[] = [];
  await page.subscribe('a', { onMessage: ({ payload }) => void seen.push(payload) }).ready();
  await eventually(() => made > 3);
  await service.publish('a', 1);
  await eventually(() => seen.length === 1);
  t.same(reasons, [], 'the session went on with other tokens');
  await t.rejects(page.publish('a', 1), { code: 'forbidden' });
  const named = page.subscribe('a', { subscription: 'durable' });
  await t.rejects(named.ready(), { code: 'forbidden' });
});

t.test('an acknowledgement after a disconnect, and a loop that is broken', async (t) => {
  const node = await startNode({});
  t.teardown(() => node.kill9());
  const proxy = await startCutProxy(node.port);
  t.teardown(() => proxy.close());
  const url = `http://127.0.0.1:${proxy.port}`;
  const { client } = open(t, { url });
  const options = { subscription: 'b', ack: 'manual', ackWaitMs: 500, maxDeliver: 100 } as const;
  const subscription = client.subscribe<number>('a', options);
  await subscription.ready();
  await client.publish('a', 1);
  const loop = subscription[Symbol.asyncIterator]();
  const first = (await loop.next()).value;
  proxy.door = 'closed';
  proxy.cut();
  await eventually(() => client.state === 'reconnecting');
  first.ack();
  first.nack();
  first.extend();
  proxy.door = 'open';
  await client.ready();
  await client.publish('a', 2);
  t.equal((await loop.next()).value.payload, 2, 'its reader does not see the first again');
  const lag = async (): Promise<number> => {
    const standing = await client.request('GET', '/api/subscriptions/a/b');
    return (standing as { lag: number }).lag;
  };
  await eventually(async () => (await lag()) === 1);
  const broken = (async () => {
    for await (const _message of { [Symbol.asyncIterator]: () => loop }) throw new Error('broken');
  })();
  await client.publish('a', 3);
  await t.rejects(broken, /broken/);
  t.equal(subscription.state, 'closed');
  first.ack();
  const again: number[] = [];
  for await (const { payload } of client.subscribe<number>('a', { subscription: 'b' })) {
    again.push(payload);
    if (again.length === 2) break;
  }
  t.same(again.sort(), [2, 3], 'what was not acknowledged comes again');
});
