// Goal: whatever of another node's messages comes, in whatever order, twice or not at all, and whatever this
// node commits between them: everybody is given each message once, in sequence order.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import type { TopicKey } from '../../../../src/core/topic-key.js';
import type { TopicRecord } from '../../../../src/core/topic-record.js';
import { AHEAD_ROWS_MAX } from '../../../../src/topic/state/ahead-rows.js';
import { DeliveryRig } from '../../../support/delivery/delivery-rig.js';
import { SeededRandom } from '../../../support/fuzz/seeded-random.js';
import { logRow } from '../../../support/log/log-rows.js';

/** All that was handed over, whichever way; at the end of the turn. */
async function given(rig: DeliveryRig): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return rig.handed.flatMap(({ messages }) => messages);
}

t.test('what another node tells is given at once, and nothing is read', async (t) => {
  const rig = await DeliveryRig.start(t, 0);
  rig.subscribe(1);
  rig.written(5);
  rig.told(1, 3);
  rig.told(4, 5);
  t.same(await given(rig), rig.messages(1, 5));
  t.equal(rig.reads, 0);
});

t.test(
  'what comes too early waits for what is before it, and what comes again is dropped',
  async (t) => {
    const rig = await DeliveryRig.start(t, 0);
    rig.subscribe(1);
    rig.written(6);
    rig.told(5, 6);
    rig.told(3, 4);
    // In one turn: a machine that pauses for longer than a gap may last would have it looked into.
    t.same(rig.handed, []);
    rig.told(1, 2);
    rig.told(1, 4);
    rig.told(5, 6);
    t.same(await given(rig), rig.messages(1, 6));
    t.equal(rig.reads, 0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    t.equal(rig.doubts + rig.reads, 0, 'a gap that closed by itself is not looked into');
  },
);

t.test('a gap that does not close is read from the log, up to where the log is', async (t) => {
  const rig = await DeliveryRig.start(t, 0);
  rig.subscribe(1);
  rig.written(4);
  // Of these the log has only one; nobody is told that the others cannot be read any more.
  rig.told(4, 20);
  await eventually(async () => (await given(rig)).length >= 4);
  t.same((await given(rig)).slice(0, 4), rig.messages(1, 4));
  t.equal(rig.doubts, 1);
  t.same(
    rig.handed.filter(({ op }) => op === 'gap'),
    [],
  );
});

t.test('a commit of this node waits a moment for what another one wrote before it', async (t) => {
  const rig = await DeliveryRig.start(t, 0);
  rig.subscribe(1);
  rig.written(2);
  rig.committed(2);
  rig.told(1, 1);
  t.same(await given(rig), rig.messages(1, 2));
  rig.written(2);
  rig.committed(4);
  await eventually(async () => (await given(rig)).length === 4);
  t.same(await given(rig), rig.messages(1, 4));
  t.equal(rig.reads, 1, 'the second gap did not close by itself');
});

t.test('where nobody has subscribed nothing is kept, and no head is believed', async (t) => {
  const rig = await DeliveryRig.start(t, 3);
  rig.told(10, 12);
  t.equal(rig.topic.head, 3);
  t.equal(rig.topic.ahead.size, 0);
});

t.test('two writers, with loss, repeats and disorder on the way', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const rig = await DeliveryRig.start(t, 0);
    const random = new SeededRandom(seed);
    const one = rig.subscribe(1);
    const late: [number, number][] = [];
    let head = 0;
    for (let n = 0; n < 60; n++) {
      const count = Math.floor(random.between(1, 6));
      rig.written(count);
      const range: [number, number] = [head + 1, head + count];
      head += count;
      const fate = random.next();
      if (fate < 0.3) for (let at = range[0]; at <= range[1]; at++) rig.committed(at);
      else if (fate < 0.6) rig.told(...range);
      else if (fate < 0.8) late.push(range);
      else if (fate < 0.9) late.push(range, range);
      if (random.next() < 0.4) {
        const next = late.splice(Math.floor(random.next() * late.length), 1)[0];
        if (next !== undefined) rig.told(...next);
      }
      if (random.next() < 0.2) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    // A lost last message shows in no gap: the head check finds it.
    rig.foreign(1);
    await eventually(() => {
      rig.drained(one);
      return one.delivered === head + 1;
    });
    t.same(await given(rig), rig.messages(1, head + 1), `seed ${seed}`);
  }
});

t.test('what is further ahead than is kept is read', async (t) => {
  const rig = await DeliveryRig.start(t, 0);
  rig.subscribe(1);
  rig.written(AHEAD_ROWS_MAX + 10);
  rig.told(2, AHEAD_ROWS_MAX + 5);
  t.equal(rig.doubts, 1, 'the log is asked at once');
  await eventually(async () => (await given(rig)).length === AHEAD_ROWS_MAX + 10);
  t.same(await given(rig), rig.messages(1, AHEAD_ROWS_MAX + 10));
});

t.test('what is committed here while other topics have all the room is read', async (t) => {
  const rig = await DeliveryRig.start(t, 0);
  rig.subscribe(1);
  const { id, key } = rig.topic;
  const record = { ...(await rig.log.heads([id])).get(id), lastSequence: 0 };
  for (let n = 1; n <= 12; n++) {
    const other = rig.topics.met({
      ...(record as TopicRecord),
      id: id + n,
      key: `${key}${n}` as TopicKey,
    });
    for (const bytes of [1_000_000, 1_000, 1]) {
      const payload = Buffer.alloc(bytes);
      other.ahead.add(Array.from({ length: 100 }, (_, at) => logRow(at + 2 + bytes, payload)));
    }
  }
  rig.written(5);
  rig.committed(5);
  t.equal(rig.topic.ahead.size, 0);
  await eventually(async () => (await given(rig)).length === 5);
  t.equal(rig.doubts, 0);
});
