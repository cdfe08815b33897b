// Goal: on a real Redis: what is sent is heard where it is listened to, nothing is sent where nobody
// listens, what is under way is bounded, and a Redis that is frozen, slow or gone is noticed and come back
// to, with all channels.
import t from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { RedisBackplane } from '../../../src/backplane/redis-backplane.js';
import { systemClock } from '../../../src/core/clock.js';
import { parseRedisUrl } from '../../../src/core/redis-url.js';
import { startRedis } from '../../support/servers/redis-server.js';
import { startSlowProxy } from '../../support/servers/slow-proxy.js';

const QUEUE_BYTES_MAX = 64 * 1024;
const redis = await startRedis();
t.teardown(() => redis.stop());
let made = 0;

interface Heard {
  backplane: RedisBackplane;
  /** `channel message`, in the order they came. */
  messages: string[];
  listenings: number;
  aways: number;
  lates: number;
  wells: number;
}

/** A worker's, up when it resolves. */
async function open(t: { teardown(end: () => unknown): void }, url = redis.url): Promise<Heard> {
  const messages: string[] = [];
  const counts = { listenings: 0, aways: 0, lates: 0, wells: 0 };
  const backplane = new RedisBackplane({
    ...{
      url: parseRedisUrl(url),
      cluster: 'test',
      origin: `worker-${made++}`,
      clock: systemClock,
    },
    queueBytesMax: QUEUE_BYTES_MAX,
    onMessage: (channel, message) =>
      messages.push(`${channel} ${Buffer.from(message).toString('latin1')}`),
    onListening: () => counts.listenings++,
    onAway: () => counts.aways++,
    onLate: () => counts.lates++,
    onTrouble: () => undefined,
    onWell: () => counts.wells++,
  });
  t.teardown(() => backplane.stop());
  backplane.start();
  await eventually(() => backplane.state === 'up');
  return Object.assign(counts, { backplane, messages });
}

const listeners = async (channel: string): Promise<number> => {
  const [, count] = await redis.client.pubsub('NUMSUB', channel);
  return Number(count);
};

async function listen({ backplane }: Heard, channel: string, among = 1): Promise<void> {
  backplane.listen(channel);
  await eventually(async () => (await listeners(channel)) === among);
}

t.test('binary messages, many in one turn, in order; also to oneself', async (t) => {
  const [a, b] = [await open(t), await open(t)];
  await listen(b, 'test:1');
  await listen(a, 'test:1', 2);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  a.backplane.send('test:1', bytes);
  for (let n = 0; n < 100; n++) a.backplane.send('test:1', Buffer.from(`m${n}`));
  a.backplane.send('test:2', Buffer.from('nobody'));
  const wanted = [bytes.toString('latin1'), ...Array.from({ length: 100 }, (_, n) => `m${n}`)];
  await eventually(() => a.messages.length === 101 && b.messages.length === 101);
  t.same(
    b.messages,
    wanted.map((message) => `test:1 ${message}`),
  );
  t.same(a.messages, b.messages);
  await eventually(() => a.backplane.figures.published === 102);
  t.match(a.backplane.figures, { queueBytes: 0, unsentFull: 0, unsentAway: 0, errors: 0 });
});

t.test('nothing is sent where nobody else listens, until somebody says that he does', async (t) => {
  const [a, b] = [await open(t), await open(t)];
  t.equal(a.backplane.wants('test:quiet'), 'messages', 'nobody knows yet');
  await listen(a, 'test:quiet');
  a.backplane.send('test:quiet', Buffer.from('x'));
  await eventually(() => a.backplane.figures.published === 1);
  t.equal(a.backplane.wants('test:quiet'), 'nothing', 'who listens itself does not count');
  t.equal(a.backplane.figures.unheard, 1);
  await eventually(() => a.backplane.wants('test:quiet') === 'place', 5_000);
  t.equal(a.backplane.wants('test:quiet'), 'nothing', 'which is tried once a second');
  b.backplane.listen('test:quiet');
  await eventually(() => a.backplane.wants('test:quiet') === 'messages', 900);
});

t.test('thousands of channels at a time, and some of them left', async (t) => {
  const one = await open(t);
  const channels = Array.from({ length: 3_500 }, (_, n) => `test:many.${n}`);
  const { listenings } = one;
  for (const channel of channels) one.backplane.listen(channel);
  await eventually(async () => (await listeners('test:many.3499')) === 1);
  await eventually(() => one.listenings > listenings);
  for (const channel of channels.slice(0, 2_000)) one.backplane.ignore(channel);
  one.backplane.listen('test:many.7');
  await eventually(async () => (await listeners('test:many.6')) === 0);
  t.equal(await listeners('test:many.7'), 1, 'who changes his mind in one turn has not moved');
  one.backplane.ignore('test:many.7');
  await eventually(async () => (await listeners('test:many.7')) === 0);
  one.backplane.listen('test:many.7');
  await eventually(async () => (await listeners('test:many.7')) === 1);
  t.equal(one.backplane.figures.channels, 1_501);
});

t.test(
  'what is under way to a Redis that is frozen is bounded; it is given up and come back to',
  async (t) => {
    const [a, b] = [await open(t), await open(t)];
    await listen(b, 'test:frozen');
    redis.freeze();
    for (let n = 0; n < 200; n++) a.backplane.send('test:frozen', Buffer.alloc(1_024, 1));
    t.equal(a.backplane.figures.unsentFull, 200 - QUEUE_BYTES_MAX / 1_024);
    t.equal(a.backplane.figures.queueBytes, QUEUE_BYTES_MAX);
    await eventually(() => a.backplane.state === 'away' && b.backplane.state === 'away');
    t.equal(a.aways, 1);
    t.equal(a.backplane.figures.queueBytes, 0);
    t.equal(a.backplane.wants('test:frozen'), 'nothing');
    a.backplane.send('test:frozen', Buffer.from('x'));
    t.equal(a.backplane.figures.unsentAway, 2);
    redis.thaw();
    await eventually(() => a.backplane.state === 'up' && b.backplane.state === 'up');
    t.equal(a.wells, 2);
    const { length } = b.messages;
    a.backplane.send('test:frozen', Buffer.from('again'));
    await eventually(() => b.messages.length > length && b.messages.at(-1) === 'test:frozen again');
  },
);

t.test('one that is slow is up, and late until its echo comes at once again', async (t) => {
  const proxy = await startSlowProxy(redis.port);
  t.teardown(() => proxy.close());
  const one = await open(t, `redis://127.0.0.1:${proxy.port}`);
  await eventually(() => one.backplane.isQuick);
  for (const lates of [1, 2]) {
    proxy.delayMs = 1_300;
    await eventually(() => !one.backplane.isQuick);
    t.match(one, { lates, aways: 0, backplane: { state: 'up' } });
    proxy.delayMs = 0;
    await eventually(() => one.backplane.isQuick);
  }
});

t.test('killed, and cut: all channels are heard again, and the queue is empty', async (t) => {
  const [a, b] = [await open(t), await open(t)];
  for (let n = 0; n < 1_200; n++) b.backplane.listen(`test:cut.${n}`);
  await listen(b, 'test:cut.last');
  const strikes = {
    killed: async () => {
      await redis.kill9();
      await redis.start();
    },
    'the one that listens': async () => {
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    },
    'the one that publishes': async () => {
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    },
  };
  for (const [name, strike] of Object.entries(strikes)) {
    const wells = [a.wells, b.wells];
    await strike();
    await eventually(() => a.wells > (wells[0] ?? 0) && b.wells > (wells[1] ?? 0));
    t.equal(await listeners('test:cut.1199'), 1, name);
    t.equal(await listeners('test:cut.last'), 1, name);
    a.backplane.send('test:cut.last', Buffer.from(name));
    await eventually(() => b.messages.at(-1) === `test:cut.last ${name}`);
    await eventually(() => a.backplane.figures.queueBytes === 0);
  }
  t.ok(a.backplane.figures.errors >= 3);
});

t.test('what was sent in the turn of the stop is heard', async (t) => {
  const [a, b] = [await open(t), await open(t)];
  await listen(b, 'test:last');
  for (let n = 0; n < 20; n++) a.backplane.send('test:last', Buffer.alloc(2_000, 65 + n));
  a.backplane.stop();
  await eventually(() => b.messages.length === 20);
  t.equal(b.messages.at(-1)?.at(-1), 'T');
});

t.test('who has stopped hears, sends and tries nothing any more', async (t) => {
  const one = await open(t);
  await listen(one, 'test:stopped');
  one.backplane.stop();
  await eventually(async () => (await listeners('test:stopped')) === 0);
  one.backplane.send('test:stopped', Buffer.from('x'));
  one.backplane.listen('test:other');
  t.equal(one.backplane.state, 'closed');
  t.equal(one.backplane.wants('test:stopped'), 'nothing');
  t.equal(one.backplane.figures.queueBytes, 0);
});
