// Goal: whatever somebody publishes in Redis on a channel of a topic, subscribers get the messages of the log
// and nothing else, once and in order; what was dropped is counted by why, and told in a line.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { ENVELOPE_BYTES_MAX, Envelopes } from '../../src/backplane/envelopes.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { logRow } from '../support/log/log-rows.js';
import { backplaneOf, publish, SECRET, startPair } from '../support/nodes/node-pair.js';

const { redis, a, b } = await startPair(t);
const onB = await Subscriber.open(b.wsUrl, 'json');
t.teardown(() => onB.close());
const { epoch } = await onB.subscribe('target', { ack: 'none' });
const channel = `conduit:${epoch}`;

/** As another node would make them. */
const node = (more: { cluster?: string; secret?: string | null } = {}): Envelopes =>
  new Envelopes({ cluster: 'conduit', origin: 'stranger', secret: SECRET, ...more });
const forged = (sequence: number) => logRow(sequence, Buffer.from('"forged"'));
const headOf = (): number => onB.sequences.get('target')?.at(-1) ?? 0;
const one = (envelopes: Buffer[]): Buffer => envelopes[0] ?? Buffer.alloc(0);

/** What Redis brings on the channel, as any client hears it. */
const heard: Buffer[] = [];
const ear = redis.client.duplicate();
t.teardown(() => ear.disconnect());
ear.on('messageBuffer', (_channel: Buffer, message: Buffer) => heard.push(message));
await ear.subscribe(channel);

async function publishOne(payload: unknown): Promise<void> {
  const next = onB.messages.length + 1;
  await publish(a, { topic: 'target', payload });
  await eventually(() => onB.messages.length === next);
}

const CASES: [fault: string, make: () => Buffer][] = [
  ['version', () => Buffer.from('hello, is this the right channel?'.repeat(3))],
  ['mac', () => Buffer.alloc(200, 1)],
  ['garbage', () => Buffer.from([1])],
  ['garbage', () => Buffer.alloc(0)],
  ['version', () => Buffer.alloc(200, 9)],
  ['oversized', () => Buffer.alloc(ENVELOPE_BYTES_MAX + 1, 1)],
  ['mac', () => one(node({ secret: 'x'.repeat(32) }).ofRows(`${epoch}`, [forged(headOf() + 1)]))],
  ['mac', () => one(node({ secret: null }).ofRows(`${epoch}`, [forged(headOf() + 1)]))],
  ['cluster', () => one(node({ cluster: 'other' }).ofRows(`${epoch}`, [forged(headOf() + 1)]))],
  ['epoch', () => one(node().ofRows('11otherlog', [forged(headOf() + 1)]))],
  ['far_ahead', () => one(node().ofRows(`${epoch}`, [forged(headOf() + 1_000_000)]))],
  ['far_ahead', () => node().ofRange(`${epoch}`, 2 ** 52, 2 ** 53 - 1)],
  ['stale', () => one(node().ofRows(`${epoch}`, [forged(1)]))],
];

t.test('each is dropped, counted by why, and the next message comes', async (t) => {
  await publishOne('before');
  for (const [fault, make] of CASES) {
    const before = (await backplaneOf(b)).dropped[fault] ?? 0;
    await redis.client.publish(channel, make());
    await eventually(async () => ((await backplaneOf(b)).dropped[fault] ?? 0) > before);
    await publishOne(`after ${fault}`);
  }
  t.same(onB.disorder, []);
  t.same(
    onB.messages.map(({ payload }) => payload),
    ['before', ...CASES.map(([fault]) => `after ${fault}`)],
  );
  t.equal(onB.control.filter(({ type }) => type === 'gap').length, 0);
});

t.test('replayed, and in another order: dropped, since all of it was here', async (t) => {
  await publishOne('one more');
  const replayed = heard.filter((message) => typeof node().read(message) === 'object').reverse();
  t.ok(replayed.length > 3);
  const { dropped, received } = await backplaneOf(b);
  for (const message of replayed) await redis.client.publish(channel, message);
  await eventually(async () => {
    const now = await backplaneOf(b);
    return (now.dropped['stale'] ?? 0) - (dropped['stale'] ?? 0) >= replayed.length;
  });
  t.equal((await backplaneOf(b)).received, received);
  await publishOne('after');
  t.same(onB.disorder, []);
});

t.test('a gap that will never be filled is not waited for', async (t) => {
  // Rightly signed: a node whose transaction was taken back could not have sent it.
  const length = onB.messages.length;
  await redis.client.publish(channel, node().ofRange(`${epoch}`, headOf() + 5, headOf() + 9));
  await publishOne('goes on');
  t.equal(onB.messages.length, length + 1);
  t.equal(onB.control.filter(({ type }) => type === 'gap').length, 0, 'nothing is told as lost');
});

t.test('a thousand of them are a line when it begins, not a thousand', async (t) => {
  const wrong = one(node({ secret: 'y'.repeat(32) }).ofRows(`${epoch}`, [forged(headOf() + 1)]));
  const before = (await backplaneOf(b)).dropped['mac'] ?? 0;
  const batch = redis.client.pipeline();
  for (let n = 0; n < 1_000; n++) batch.publish(channel, wrong);
  await batch.exec();
  await eventually(async () => ((await backplaneOf(b)).dropped['mac'] ?? 0) >= before + 1_000);
  await publishOne('after the flood');
  const lines = b
    .output()
    .split('\n')
    .filter((line) => /not signed with the INTERNAL/.test(line));
  t.equal(lines.length, 1);
  t.notMatch(b.output(), SECRET);
  t.same(onB.disorder, []);
});
