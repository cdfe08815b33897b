// Goal: batches keep the order of each topic and the bounds, and leave held topics alone.
import t from 'tap';
import type { TopicAppends } from '../../../../../src/log/postgres/append/append-groups.js';
import { AppendQueue } from '../../../../../src/log/postgres/append/append-queue.js';
import { TestAppend } from '../../../../contract/recording-sink.js';

const payload = Buffer.alloc(100);

function queueOf(messagesMax: number, bytesMax: number, topicIds: readonly number[]) {
  const queue = new AppendQueue<TestAppend>({ messagesMax, bytesMax });
  const appends = topicIds.map((topicId) => new TestAppend(topicId, { payload }));
  for (const append of appends) queue.push(append);
  return { queue, appends };
}

function counts(batch: TopicAppends<TestAppend>): [number, number][] {
  return [...batch].map(([topicId, appends]) => [topicId, appends.length]);
}

t.test('a batch closes at messagesMax, and what is cut off comes in order', async (t) => {
  const { queue, appends } = queueOf(4, 1e9, [1, 1, 1, 2, 2, 2, 1]);
  const first = queue.take();
  t.same(counts(first), [[1, 4]]);
  t.equal(queue.count, 3);
  const second = queue.take();
  t.same(counts(second), [[2, 3]]);
  const ofOne = [first, second].flatMap((batch) => batch.get(1) ?? []);
  t.same(
    ofOne,
    appends.filter(({ topicId }) => topicId === 1),
  );
  t.equal(queue.take().size, 0);
});

t.test('a topic with more than a batch does not keep the others waiting', async (t) => {
  const { queue } = queueOf(3, 1e9, [1, 1, 1, 1, 1, 1, 1, 2]);
  t.same(counts(queue.take()), [[1, 3]]);
  t.same(counts(queue.take()), [
    [2, 1],
    [1, 2],
  ]);
});

t.test('a batch closes at bytesMax, and has one message at least', async (t) => {
  const { queue } = queueOf(100, 400, [1, 1, 1, 1]);
  t.same(counts(queue.take()), [[1, 2]]);
  const tiny = queueOf(100, 1, [1, 1]).queue;
  t.same(counts(tiny.take()), [[1, 1]]);
});

t.test('a held topic stays out until it is let go; its messages wait in order', async (t) => {
  const { queue } = queueOf(100, 1e9, [1, 2]);
  queue.take();
  queue.hold(1);
  const later = [1, 2, 1].map((topicId) => new TestAppend(topicId, { payload }));
  for (const append of later) queue.push(append);
  t.same(counts(queue.take()), [[2, 1]]);
  queue.release(1);
  t.same(queue.take().get(1), [later[0], later[2]]);
});

t.test('takeAll gives the messages of held topics, which stay held', async (t) => {
  const { queue } = queueOf(100, 1e9, [1, 2]);
  queue.hold(1);
  t.equal(queue.takeAll().length, 2);
  t.equal(queue.count, 0);
  queue.push(new TestAppend(1, { payload }));
  t.equal(queue.take().size, 0);
  queue.release(1);
  t.equal(queue.take().size, 1);
});
