// Goal: what the load generator says is so: it counts what the servers count, finds what is missing,
// twice or out of order, and says in one line why it could not run.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import {
  argumentsOf,
  buildLoadgen,
  type LoadOptions,
  PROGRAM,
  runLoad,
} from '../../native-bench/loadgen.js';
import type { PeerName } from '../../native-bench/peers/peers.js';
import { PEERS } from '../../native-bench/peers/peers.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { type CentrifugoLies, startLyingCentrifugo } from '../support/servers/lying-centrifugo.js';
import { type Lies, startLyingServer } from '../support/servers/lying-server.js';

const SHORT: LoadOptions = { warmup: 0.1, duration: 0.5 };
let node: TestNode;

t.before(async () => {
  await buildLoadgen(() => undefined);
  node = await startNode();
  t.teardown(() => node.stop());
});

const target = (): string => `127.0.0.1:${node.port}`;

/** How many messages a topic was given: its last sequence, whatever the memory log still keeps. */
async function countOf(topic: string, at = node): Promise<number> {
  const { body } = await request(`${at.url}/api/topics/${topic}`, {});
  return Number(body['sequence'] ?? 0);
}

const LOADS: Readonly<Record<string, LoadOptions>> = {
  'http-msgpack': { publish: 'http', publishers: 8, subscribers: 2 },
  'http-batches': { publish: 'http', publishers: 4, batch: 50, subscribers: 1 },
  'json-json': {
    publish: 'ws-json',
    publishers: 4,
    window: 16,
    subscribe: 'ws-json',
    subscribers: 2,
  },
  'msgpack-seed': {
    publish: 'ws-msgpack',
    publishers: 4,
    window: 16,
    subscribe: 'ws-seed',
    subscribers: 2,
  },
  cumulative: {
    publish: 'ws-msgpack',
    publishers: 1,
    window: 64,
    subscribers: 20,
    ack: 'cumulative',
  },
  single: { publish: 'ws-msgpack', publishers: 1, window: 4, subscribers: 10, ack: 'single' },
  'single-json': {
    publish: 'ws-msgpack',
    publishers: 1,
    window: 4,
    subscribe: 'ws-json',
    subscribers: 3,
    ack: 'single',
  },
  durable: { publish: 'http', publishers: 2, subscribers: 3, ack: 'cumulative', subscription: 'd' },
  'open-loop': { publish: 'http', publishers: 4, rate: 300, subscribers: 1 },
  threads: { publish: 'ws-msgpack', publishers: 4, window: 8, subscribers: 6, threads: 2 },
  large: { publish: 'http', publishers: 2, payload: 65_536, subscribers: 1 },
};

for (const [name, load] of Object.entries(LOADS)) {
  t.test(`${name}: everything is answered, arrives in order, and is counted`, async (t) => {
    const topic = `load.${name}`;
    const result = await runLoad(target(), { topic, ...SHORT, ...load }, { server: node.pid });
    t.same(result.problems, []);
    const { published, delivered } = result;
    t.ok(published.count > 0 && published.count <= (await countOf(topic)));
    t.ok(delivered.count > 0);
    t.equal(delivered.acked > 0, load.ack !== undefined);
    t.ok((published.latencyUs?.p50 ?? 0) > 0 && (delivered.latencyUs?.p50 ?? 0) > 0);
    t.equal(published.corrected, load.rate !== undefined);
    const inHistogram = published.histogram.reduce((sum, [, count]) => sum + count, 0);
    t.equal(inHistogram, published.count / (load.batch ?? 1));
    t.ok((result.cpuS['server'] ?? 0) > 0 && (result.cpuS['loadgen'] ?? 0) > 0);
    t.ok((result.rssBytes['server']?.end ?? 0) > 0);
  });
}

t.test('topics in turn, and a replay of what was sent', async (t) => {
  const several: LoadOptions = { topic: 'turns', topics: 20, publishers: 4, turn: true };
  const shared = await runLoad(target(), { ...several, messages: 400, warmup: 0, duration: 20 });
  t.same(shared.problems, []);
  // Each publisher has five of the topics, and sends when it is answered.
  const counts = await Promise.all([...Array(20).keys()].map((n) => countOf(`turns.${n}`)));
  t.equal(
    counts.reduce((sum, one) => sum + one),
    400,
  );
  for (const first of [0, 1, 2, 3]) {
    const own = [0, 4, 8, 12, 16].map((step) => counts[first + step] ?? 0);
    t.ok(Math.min(...own) > 0 && Math.max(...own) - Math.min(...own) <= 1, own.join());
  }
  const fill: LoadOptions = { topic: 'turn', topics: 20, publishers: 1, turn: true, messages: 400 };
  const filled = await runLoad(target(), { ...fill, warmup: 0, duration: 20 });
  t.same(filled.problems, []);
  t.equal(filled.published.count, 400);
  for (const n of [0, 7, 19]) t.equal(await countOf(`turn.${n}`), 20);
  const replay: LoadOptions = { topic: 'turn', topics: 20, subscribers: 2, from: 'earliest' };
  const read = await runLoad(target(), { ...replay, messages: 20, warmup: 0, duration: 20 });
  t.same(read.problems, []);
  t.equal(read.delivered.count, 800);
  t.ok((read.completeS ?? 0) >= (read.firstDeliveryS ?? 1));
  const tooMany = await runLoad(target(), { ...replay, messages: 21, warmup: 0, duration: 0.3 });
  t.match(tooMany.problems, [/--messages did not come/]);
});

t.test('every other publisher is at the second target', async (t) => {
  const second = await startNode();
  t.teardown(() => second.stop());
  const secondTarget = `127.0.0.1:${second.port}`;
  await request(`${second.url}/api/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'two.1' }),
  });
  const load: LoadOptions = { topic: 'two', topics: 2, publishers: 4, messages: 100, secondTarget };
  const result = await runLoad(target(), { ...load, warmup: 0, duration: 20 });
  t.same(result.problems, []);
  const at = (one: TestNode) => Promise.all([countOf('two.0', one), countOf('two.1', one)]);
  const [[here = 0, none], [nothing, there = 0]] = await Promise.all([at(node), at(second)]);
  t.same([none, nothing, here + there], [0, 0, 100]);
  t.ok(here > 0 && there > 0);
});

const CENTRIFUGO: LoadOptions = { publish: 'centrifugo', subscribe: 'centrifugo' };
const PEER_LOADS: readonly [PeerName, LoadOptions][] = [
  ['bare-uws', { publish: 'ws-raw', window: 8, subscribe: 'ws-raw', subscribers: 3 }],
  [
    'redis-pubsub',
    { publish: 'redis-pubsub', window: 8, subscribe: 'redis-pubsub', subscribers: 3 },
  ],
  ['redis-stream', { publish: 'redis-stream', window: 8 }],
  ['nats', { publish: 'nats', window: 8, subscribe: 'nats', subscribers: 3 }],
  ['jetstream', { publish: 'jetstream', window: 8 }],
  ['centrifugo', { ...CENTRIFUGO, publishers: 4, subscribers: 3 }],
  ['centrifugo-redis', { ...CENTRIFUGO, publishers: 1, window: 8, subscribers: 3 }],
];

for (const [name, load] of PEER_LOADS) {
  t.test(`${name}: the same with another server`, async (t) => {
    const peer = PEERS[name];
    const missing = await peer.missing();
    // The programs of others are no part of this project's set-up.
    if (missing !== null) return t.match(missing, /install|PATH/);
    const folder = mkdtempSync(path.join(tmpdir(), 'conduit-peer-'));
    const running = await peer.start({ folder, postgresUrl: null, postgresPid: null });
    t.teardown(async () => {
      await running.stop();
      rmSync(folder, { recursive: true });
    });
    const result = await runLoad(running.target ?? '', { ...SHORT, publishers: 1, ...load });
    t.same(result.problems, []);
    t.ok(result.published.count > 0);
    t.equal(result.delivered.count > 0, load.subscribers !== undefined);
  });
}

const LIES: readonly [string, Lies, LoadOptions, RegExp][] = [
  ['a gap', { sequences: [1, 2, 4] }, { subscribers: 1 }, /^1 gaps/],
  ['a message twice', { sequences: [1, 2, 2, 3] }, { subscribers: 1 }, /^1 messages came twice/],
  ['a message late', { sequences: [1, 3, 2] }, { subscribers: 1 }, /out of order/],
  ['errors', { publishStatuses: [200, 503] }, { publishers: 1 }, /publishes failed: 503/],
  ['no message', {}, { publishers: 1, subscribers: 1, drain: 0.2 }, /did not reach a subscriber/],
  ['its death', { diesAfter: 5 }, { publishers: 1 }, /a publisher lost 127\.0\.0\.1/],
];

for (const [what, lies, load, problem] of LIES) {
  t.test(`${what} makes the result invalid`, async (t) => {
    const server = await startLyingServer(lies);
    t.teardown(() => server.close());
    const { valid, problems } = await runLoad(server.target, { ...SHORT, ...load });
    t.equal(valid, false);
    t.ok(
      problems.some((one) => problem.test(one)),
      problems.join('; '),
    );
  });
}

t.test("Centrifugo's protocol: publishes with a key, joined pushes, pings", async (t) => {
  const server = await startLyingCentrifugo({});
  t.teardown(() => server.close());
  const load = { ...CENTRIFUGO, key: 'secret', publishers: 3, window: 2, subscribers: 2 };
  const result = await runLoad(server.target, { ...SHORT, ...load });
  t.same(result.problems, []);
  t.ok(result.published.count > 0 && result.delivered.count > 0);
  t.ok((result.delivered.latencyUs?.p50 ?? 0) > 0);
  t.same([...server.keys], ['secret']);
  t.ok(server.pongs() > 0);
});

const CENTRIFUGO_LIES: readonly [string, CentrifugoLies, RegExp][] = [
  ['a gap', { fifth: 'missing' }, /^1 gaps/],
  ['a message twice', { fifth: 'twice' }, /^1 messages came twice/],
  ['a message late', { fifth: 'late' }, /^1 messages came out of order/],
  ['a refusal', { refuses: true }, /publishes failed: \{"error":\{"code":107/],
];

for (const [what, lies, problem] of CENTRIFUGO_LIES) {
  t.test(`${what} of Centrifugo makes the result invalid`, async (t) => {
    const server = await startLyingCentrifugo(lies);
    t.teardown(() => server.close());
    // Only of one publisher's messages one can be late; of three, the fifth may be the first of its own.
    const publishers = lies.fifth === 'late' || lies.fifth === 'missing' ? 1 : 3;
    const load = { ...CENTRIFUGO, publishers, window: 4, subscribers: 1, drain: 0.2 };
    const { valid, problems } = await runLoad(server.target, { ...SHORT, ...load });
    t.equal(valid, false);
    t.ok(
      problems.some((one) => problem.test(one)),
      problems.join('; '),
    );
  });
}

/** The end of a run that could not be: its exit code and what it said. */
function refusal(args: readonly string[], shell = ''): Promise<{ code: unknown; line: string }> {
  const command = `${shell} exec "$0" "$@"`;
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command, PROGRAM, ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code, line: stdout + stderr });
    });
  });
}

t.test('what it cannot run is said in one line, with exit code 2', async (t) => {
  const keyed = await startLyingServer({ topicStatus: 401 });
  const refusing = await startLyingServer({ refusal: { code: 'topic_limit', message: 'no more' } });
  const forbidding = await startLyingCentrifugo({ forbids: true });
  t.teardown(() => Promise.all([keyed, refusing, forbidding].map((server) => server.close())));
  const to = (target: string, load: LoadOptions): string[] => argumentsOf(target, load, {});
  const cases: [string[], RegExp][] = [
    [to('127.0.0.1:1', { publishers: 1 }), /cannot reach 127\.0\.0\.1:1: Connection refused/],
    [to('127.0.0.1:1', { subscribe: 'nats', subscribers: 1 }), /cannot subscribe at .* refused/],
    [to(keyed.target, { publishers: 1 }), /the key was refused \(401\)/],
    [to(refusing.target, { subscribers: 1 }), /cannot subscribe: topic_limit: no more/],
    [
      to(forbidding.target, { ...CENTRIFUGO, subscribers: 1 }),
      /Centrifugo: \{"code":103,"message":"permission denied"\}/,
    ],
    [to(target(), {}), /--publishers or --subscribers/],
    [to(target(), { publishers: 1, window: 2 }), /--window of http is 1/],
    [
      to(target(), { publishers: 2, secondTarget: '127.0.0.1:1' }),
      /cannot publish to 127\.0\.0\.1:1: Connection refused/,
    ],
    [to('nowhere', { publishers: 1 }), /--target takes HOST:PORT, not "nowhere"/],
    [[...to(target(), {}), '--publishers', 'many'], /--publishers takes a number .* not "many"/],
    [[...to(target(), {}), '--speed', '9'], /unknown option --speed/],
    [[...to(target(), {}), '--ack'], /--ack needs a value/],
    [[...to(target(), {}), '--watch', 'server'], /--watch takes NAME=PID/],
  ];
  for (const [args, line] of cases) {
    const told = await refusal(args);
    t.equal(told.code, 2, args.join(' '));
    t.match(told.line, line);
    t.match(told.line, /^loadgen: [^\n]+\n$/, 'one line');
  }
  const few = await refusal(to(target(), { publishers: 100 }), 'ulimit -n 64;');
  t.equal(few.code, 2);
  t.match(few.line, /needs 164 file descriptors, the limit is 64/);
});
