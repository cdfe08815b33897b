import t from 'tap';
import { CursorRig, rowEntry } from '../../support/delivery/cursor-rig.js';

const AB = (sequence: number): string => (sequence % 2 === 1 ? 'a' : 'b');

t.test('keys go side by side, of each key one at a time', async (t) => {
  const rig = new CursorRig({ ordering: 'key', keyOf: AB });
  const a = rig.join('a', 8);
  t.equal(rig.cursor.sole, null, 'also for one member');
  rig.publish(6);
  t.same(rig.sequencesOf(a), [1, 2]);
  t.equal(rig.cursor.delivered, 6);
  t.equal(rig.cursor.inFlight, 2);
  t.equal(rig.cursor.parked, 4);
  t.equal(a.held, 2);
  rig.ack(a, 2);
  rig.ack(a, 4);
  t.same(rig.sequencesOf(a), [1, 2, 4, 6]);
  t.equal(rig.ack(a, 3), false, 'it stands behind 1');
  rig.ack(a, 1);
  t.same(rig.sequencesOf(a), [1, 2, 4, 6, 3]);
});

t.test("one key's burst takes one place, and what waits has a bound", async (t) => {
  const keyOf = (sequence: number): string => (sequence <= 12 ? 'burst' : `k${sequence}`);
  const rig = new CursorRig({ ordering: 'key', keyOf, parkedMax: 7 });
  const a = rig.join('a', 1);
  const b = rig.join('b', 1);
  rig.publish(20);
  t.equal(rig.sent.length, 1, 'b stands idle: the look ahead ends within the burst');
  t.equal(rig.cursor.delivered, 8);
  t.equal(rig.cursor.parked, 7);
  t.equal(rig.cursor.inFlight, 1);
  for (let sequence = 1; sequence <= 4; sequence++) {
    t.equal(rig.ack(a.held > 0 ? a : b, sequence), true);
  }
  t.equal(rig.cursor.parked, 7);
  t.same(
    rig.sent.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5],
  );
  const holder = rig.cursor.entry(5)?.member === a ? a : b;
  const other = holder === a ? b : a;
  t.equal(rig.ack(holder, 5), true);
  t.same(
    rig.sent.slice(5).map(({ sequence }) => sequence),
    [6, 13],
    'the other has work',
  );
  t.equal(rig.cursor.inFlight, 2);
  for (let sequence = 13; sequence <= 20; sequence++) {
    const idle = rig.cursor.entry(sequence)?.member;
    t.equal(rig.ack(idle ?? other, sequence), true, 'other keys flow past the burst');
  }
  t.equal(rig.cursor.delivered, 20);
  t.equal(rig.cursor.floor, 5);
});

t.test('ordering by topic takes nothing that would only wait', async (t) => {
  const rig = new CursorRig({ ordering: 'topic' });
  const a = rig.join('a', 8);
  rig.publish(5);
  t.equal(rig.cursor.delivered, 1);
  t.equal(rig.cursor.parked, 0);
  rig.ack(a, 1);
  t.same(rig.sequencesOf(a), [1, 2]);
});

t.test('a failing key blocks itself only, until its dead letter', async (t) => {
  const rule = { ackWaitMs: 1_000, maxDeliver: 2 };
  const rig = new CursorRig({ ordering: 'key', keyOf: AB, rule });
  const a = rig.join('a', 8);
  rig.publish(6);
  rig.nack(a, 1);
  for (const sequence of [2, 4, 6]) t.equal(rig.ack(a, sequence), true);
  t.same(rig.sequencesOf(a), [1, 2, 4, 6]);
  rig.pass(1_000);
  t.same(rig.sequencesOf(a), [1, 2, 4, 6, 1]);
  rig.reject(a, 1);
  t.same(rig.sequencesOf(a), [1, 2, 4, 6, 1, 3]);
});

t.test('what has no key waits for nobody', async (t) => {
  const rig = new CursorRig({ ordering: 'key' });
  const a = rig.join('a', 8);
  rig.publish(3);
  t.same(rig.sequencesOf(a), [1, 2, 3]);
});

t.test('ordering by topic is strict, redeliveries and new owners included', async (t) => {
  const rig = new CursorRig({ ordering: 'topic' });
  const a = rig.join('a', 8);
  const b = rig.join('b', 8);
  rig.publish(3);
  t.equal(rig.sent.length, 1);
  rig.nack(a, 1, 2_000);
  rig.pass(1_999);
  t.equal(rig.sent.length, 1);
  rig.pass(1);
  const holder = rig.cursor.entry(1)?.member === b ? b : a;
  rig.leave(holder, 'clean');
  t.same(
    rig.sent.map(({ sequence }) => sequence),
    [1, 1, 1],
  );
  const other = holder === a ? b : a;
  for (const sequence of [1, 2, 3]) t.equal(rig.ack(other, sequence), true);
  t.same(
    rig.sent.map(({ sequence }) => sequence),
    [1, 1, 1, 2, 3],
  );
});

t.test('a late ack of the one in front lets the next go', async (t) => {
  const rig = new CursorRig({ ordering: 'topic' });
  const a = rig.join('a', 8);
  rig.publish(2);
  rig.nack(a, 1, 60_000);
  t.equal(rig.ack(a, 1), true);
  t.same(rig.sequencesOf(a), [1, 2]);
});

t.test('after a restart the one that waits for its time keeps its place', async (t) => {
  for (const ordering of ['key', 'topic'] as const) {
    const start = { ackFloor: 0, delivered: 4 };
    const rig = new CursorRig({ ordering, keyOf: () => 'k', start });
    rig.cursor.restore(rowEntry(1, { attempts: 2, dueAtMs: rig.nowMs + 3_000 }));
    const a = rig.join('a', 8);
    t.same(rig.sequencesOf(a), []);
    rig.pass(2_999);
    t.same(rig.sequencesOf(a), []);
    rig.pass(1);
    t.same(rig.sequencesOf(a), [1]);
    t.equal(rig.sent[0]?.attempt, 3);
    rig.ack(a, 1);
    t.same(rig.sequencesOf(a), [1, 2]);
  }
});

t.test('after a restart other keys do not wait for it', async (t) => {
  const start = { ackFloor: 0, delivered: 4 };
  const rig = new CursorRig({ ordering: 'key', keyOf: AB, start });
  rig.cursor.restore(rowEntry(1, { attempts: 1, dueAtMs: rig.nowMs + 3_000 }));
  const a = rig.join('a', 8);
  t.same(rig.sequencesOf(a), [2]);
  rig.ack(a, 2);
  t.same(rig.sequencesOf(a), [2, 4]);
});

t.test('two of a key that both waited come one after the other, each in its time', async (t) => {
  const start = { ackFloor: 0, delivered: 2 };
  const rig = new CursorRig({ ordering: 'key', keyOf: () => 'k', start });
  rig.cursor.restore(rowEntry(1, { attempts: 1, dueAtMs: rig.nowMs + 1_000 }));
  rig.cursor.restore(rowEntry(2, { attempts: 1, dueAtMs: rig.nowMs + 5_000 }));
  const a = rig.join('a', 8);
  rig.pass(1_000);
  t.equal(rig.ack(a, 1), true);
  t.same(rig.sequencesOf(a), [1]);
  rig.pass(4_000);
  t.same(rig.sequencesOf(a), [1, 2]);
});

t.test('a redriven one stands behind what is under way of its key', async (t) => {
  const rig = new CursorRig({ ordering: 'key', keyOf: () => 'k' });
  const a = rig.join('a', 8);
  rig.publish(3);
  rig.reject(a, 1);
  t.same(rig.sequencesOf(a), [1, 2]);
  t.equal(rig.cursor.restore(rowEntry(1, { state: 'ready', redriven: true })), true);
  rig.pump();
  t.same(rig.sequencesOf(a), [1, 2]);
  for (const sequence of [2, 3, 1]) t.equal(rig.ack(a, sequence), true);
  t.same(rig.sequencesOf(a), [1, 2, 3, 1]);
});

t.test('a seek frees the keys', async (t) => {
  const rig = new CursorRig({ ordering: 'topic' });
  const a = rig.join('a', 8);
  rig.publish(3);
  rig.seek(0);
  t.same(rig.sequencesOf(a), [1, 1]);
  t.equal(a.held, 1);
  for (const sequence of [1, 2, 3]) t.equal(rig.ack(a, sequence), true);
});
