// Goal: a slow consumer is paused and fed at its own pace, never skipped and never in the way of others
// (I3, I6); one that never reads is closed with 4008 and costs a bounded amount of memory.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import type { Format } from '../support/clients/subscriber.js';
import { Subscriber } from '../support/clients/subscriber.js';

const PAYLOAD = 'x'.repeat(4_000);
const BATCHES = 80;
const LAGS_FROM = 40;
const BATCH = 100;
/** 300 sessions read 3 GB. */
const ALL_READ_MS = 60_000;

async function publishBatch(url: string, topic: string, from: number): Promise<number> {
  const messages = Array.from({ length: BATCH }, (_, i) => ({
    topic,
    payload: { n: from + i, PAYLOAD },
  }));
  const answer = await request(`${url}/api/publish/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages }),
  });
  return answer.status;
}

for (const format of ['seed', 'json', 'msgpack'] satisfies Format[]) {
  t.test(`a ${format} session that stops reading for a while misses nothing`, async (t) => {
    const node = await startNode({ SEND_BUFFER_BYTES_MAX: '65536' });
    t.teardown(() => node.kill9());
    const slow = await Subscriber.open(node.wsUrl, format);
    const fast = await Subscriber.open(node.wsUrl, format);
    slow.keep = false;
    fast.keep = false;
    for (const subscriber of [slow, fast]) {
      await subscriber.subscribe('slow.one', { ack: 'none' });
      await subscriber.subscribe('slow.two', { ack: 'none' });
    }
    slow.socket.pause();
    for (let batch = 0; batch < BATCHES; batch++) {
      const topic = batch % 2 === 0 ? 'slow.one' : 'slow.two';
      // It reads again now and then, while publishing goes on: it is fed pages and joins in between.
      if (batch === LAGS_FROM) {
        await eventually(() => (fast.sequences.get('slow.one')?.length ?? 0) > BATCH);
        t.equal(slow.sequences.get('slow.two'), undefined, 'the slow one lags');
      }
      if (batch >= LAGS_FROM && batch % 4 === 0) slow.socket.resume();
      if (batch >= LAGS_FROM && batch % 4 === 2) slow.socket.pause();
      t.equal(await publishBatch(node.url, topic, batch * BATCH), 200);
    }
    const all = (BATCHES / 2) * BATCH;
    await eventually(() => fast.sequences.get('slow.two')?.length === all);
    slow.socket.resume();
    for (const topic of ['slow.one', 'slow.two']) {
      await eventually(() => slow.sequences.get(topic)?.length === all);
    }
    t.same(slow.disorder, []);
    t.same(fast.disorder, []);
    t.equal(await publishBatch(node.url, 'slow.one', 0), 200);
    await eventually(() => slow.sequences.get('slow.one')?.length === all + BATCH);
    t.same(slow.disorder, [], 'and goes on live');
    slow.close();
    fast.close();
  });
}

for (const format of ['seed', 'json'] satisfies Format[]) {
  t.test(`what a full ${format} socket refuses, given one by one, comes later`, async (t) => {
    const node = await startNode({ SEND_BUFFER_BYTES_MAX: '65536' });
    t.teardown(() => node.kill9());
    const slow = await Subscriber.open(node.wsUrl, format);
    slow.keep = false;
    // Its order was chosen by one that acknowledges: that makes it one by one for whoever comes.
    const maker = await Subscriber.open(node.wsUrl);
    await maker.subscribe('ordered', { subscription: 's', ordering: 'key' });
    maker.close();
    await eventually(() => maker.closed !== null);
    await slow.subscribe('filling', { ack: 'none' });
    await slow.subscribe('ordered', { subscription: 's', ack: 'none' });
    slow.socket.pause();
    // More than the kernel's buffers of both ends take.
    const filling = 24 * BATCH;
    for (let from = 0; from < filling; from += BATCH) {
      t.equal(await publishBatch(node.url, 'filling', from), 200);
    }
    t.equal(await publishBatch(node.url, 'ordered', 0), 200);
    const state = async (): Promise<unknown> =>
      (await request(`${node.url}/api/subscriptions/ordered/s`, {})).body['delivered'];
    await eventually(async () => Number(await state()) > 0);
    slow.socket.resume();
    await eventually(() => slow.sequences.get('filling')?.length === filling);
    await eventually(() => slow.sequences.get('ordered')?.at(-1) === BATCH);
    t.equal(slow.sequences.get('ordered')?.length, BATCH);
    t.same(slow.disorder, []);
    slow.close();
  });
}

t.test('of 300 sessions some stop reading for a while: nobody misses anything', async (t) => {
  // Its client reads for them all: a busy machine's may need longer than the usual deadline for writes.
  const node = await startNode({ SEND_BUFFER_BYTES_MAX: '65536', WRITE_DEADLINE_MS: '60000' });
  t.teardown(() => node.kill9());
  const formats: Format[] = ['seed', 'json', 'msgpack'];
  const sessions = await Promise.all(
    Array.from({ length: 300 }, (_, n) => Subscriber.open(node.wsUrl, formats[n % 3] ?? 'json')),
  );
  for (const session of sessions) session.keep = false;
  await Promise.all(sessions.map((session) => session.subscribe('many', { ack: 'none' })));
  const slow = sessions.filter((_, n) => n % 20 === 0);
  for (const session of slow) session.socket.pause();
  const [first] = slow;
  // More than the kernel's buffers of both ends take.
  const all = 2_400;
  for (let from = 0; from < all; from += BATCH) {
    t.equal(await publishBatch(node.url, 'many', from), 200);
    if (from === all / 2) {
      t.ok((first?.sequences.get('many')?.length ?? 0) < all / 2, 'the slow ones lag');
      for (const session of slow) session.socket.resume();
    }
  }
  for (const session of sessions) {
    await eventually(() => session.sequences.get('many')?.length === all, ALL_READ_MS);
    t.same(session.disorder, []);
    session.close();
  }
});

t.test('who joins while a fan-out is being written gets nothing from before', async (t) => {
  const node = await startNode();
  t.teardown(() => node.kill9());
  const early = await Promise.all(
    Array.from({ length: 250 }, () => Subscriber.open(node.wsUrl, 'msgpack')),
  );
  await Promise.all(early.map((session) => session.subscribe('joining', { ack: 'none' })));
  const late = await Promise.all(
    Array.from({ length: 100 }, () => Subscriber.open(node.wsUrl, 'msgpack')),
  );
  const starts: number[] = [];
  const publish = async (): Promise<void> => {
    const answer = await request(`${node.url}/api/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: 'joining', payload: 1 }),
    });
    t.equal(answer.status, 200);
  };
  for (const session of late) {
    const [answer] = await Promise.all([
      session.subscribe('joining', { ack: 'none' }),
      publish(),
      publish(),
    ]);
    starts.push(Number(answer['sequence']));
  }
  const all = 2 * late.length;
  for (const [n, session] of late.entries()) {
    const first = (starts[n] ?? 0) + 1;
    await eventually(() => session.sequences.get('joining')?.at(-1) === all || first > all);
    const expected = Array.from({ length: all - first + 1 }, (_, i) => first + i);
    t.same(session.sequences.get('joining') ?? [], expected);
  }
  for (const session of [...early, ...late]) session.close();
});

t.test('a session that never reads is closed 4008 after the write deadline', async (t) => {
  const node = await startNode({ SEND_BUFFER_BYTES_MAX: '65536', WRITE_DEADLINE_MS: '1000' });
  t.teardown(() => node.kill9());
  const dead = await Subscriber.open(node.wsUrl, 'json');
  await dead.subscribe('dead', { ack: 'none' });
  dead.socket.pause();
  for (let batch = 0; batch < BATCHES; batch++) await publishBatch(node.url, 'dead', batch * BATCH);
  await eventually(async () => {
    const stats = await request(`${node.url}/api/stats`, {});
    return stats.body.active_subscribers === 0;
  }, 15_000);
  dead.socket.resume();
  await eventually(() => dead.closed !== null);
  t.ok(dead.closed?.code === 4008 || dead.closed?.code === 1006, String(dead.closed?.code));
  t.same(dead.disorder, []);
});
