// The cursor where it does not go from one message to the next: restored, sought, cut, redriven.
import t from 'tap';
import { ADOPTED_AHEAD_MAX } from '../../../src/core/held-deliveries.js';
import { CursorRig, rowEntry } from '../../support/delivery/cursor-rig.js';

t.test(
  'a saved cursor goes on: settled ones stay so, rows wait, the rest comes at once',
  async (t) => {
    const start = { ackFloor: 10, settled: [[12, 13]] as const, delivered: 16 };
    const rig = new CursorRig({ start });
    const due = rowEntry(14, { attempts: 3, dueAtMs: rig.nowMs + 700, lastError: 'no' });
    t.equal(rig.cursor.restore(due), true);
    t.equal(rig.cursor.restore(due), false, 'it is there');
    t.equal(rig.cursor.restore(rowEntry(12, { attempts: 1 })), false, 'it is settled');
    t.equal(rig.cursor.restore(rowEntry(9, { attempts: 1 })), false, 'it is settled');
    t.equal(rig.cursor.inFlight, 4);
    const a = rig.join('a', 9);
    rig.publish(1);
    t.same(rig.sequencesOf(a), [11, 15, 16, 17]);
    t.ok(rig.sent.every(({ attempt }) => attempt === 1));
    for (const sequence of [11, 15, 16, 17]) t.equal(rig.ack(a, sequence), true);
    rig.pass(700);
    t.match(rig.sent.at(-1), { sequence: 14, attempt: 4 });
    t.equal(rig.cursor.floor, 13);
    rig.cursor.changes.clear();
    t.equal(rig.ack(a, 14), true);
    t.equal(rig.cursor.floor, 17);
    t.same(rig.cursor.changes.settled, [14], 'its row goes');
  },
);

t.test('a restored row dies when its last attempts fail', async (t) => {
  const rig = new CursorRig({ start: { ackFloor: 0, delivered: 1 } });
  const row = { attempts: 4, dueAtMs: 0, firstFailedAtMs: 5, lastError: 'old' };
  rig.cursor.restore(rowEntry(1, row));
  rig.join();
  rig.pass(40_000);
  t.match(rig.cursor.changes.deadLetters, [{ sequence: 1, attempts: 5, firstFailedAtMs: 5 }]);
  t.same(rig.cursor.changes.settled, []);
  t.equal(rig.cursor.changes.deliveries.size, 0);
});

t.test('a failure makes a row, the settlement takes it away', async (t) => {
  const rig = new CursorRig();
  const a = rig.join();
  rig.publish(2);
  t.equal(rig.cursor.changes.isEmpty, true, 'what goes well makes none');
  rig.nack(a, 1);
  t.same([...rig.cursor.changes.deliveries.keys()], [1]);
  rig.cursor.changes.clear();
  t.equal(rig.cursor.changes.isEmpty, true);
  rig.ack(a, 1);
  t.same(rig.cursor.changes.settled, [1]);
  t.equal(rig.cursor.changes.moved, true);
  rig.cursor.changes.clear();
  rig.ack(a, 2);
  t.same(rig.cursor.changes.settled, [], 'it had no row');
});

t.test('one that failed and is given up before a save leaves no row', async (t) => {
  const rig = new CursorRig();
  const a = rig.join();
  rig.publish(1);
  rig.nack(a, 1, 0);
  rig.reject(a, 1);
  t.equal(rig.cursor.changes.deliveries.size, 0);
  t.same(rig.cursor.changes.settled, []);
  t.equal(rig.cursor.changes.deadLetters.length, 1);
});

t.test('what the log has lost is passed over, but what is held or redriven', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 4);
  rig.publish(9);
  rig.reject(a, 1);
  rig.nack(a, 2, 60_000);
  rig.cursor.restore(rowEntry(1, { state: 'ready', redriven: true }));
  t.same(rig.cursor.passOver(7), [
    [2, 2],
    [6, 7],
  ]);
  t.same(rig.cursor.passOver(7), [], 'once');
  t.equal(rig.cursor.floor, 2);
  t.equal(rig.cursor.delivered, 7);
  t.equal(rig.cursor.inFlight, 4);
  for (const sequence of [3, 4, 5]) t.equal(rig.ack(a, sequence), true);
  t.equal(rig.cursor.floor, 7);
  t.same(rig.sequencesOf(a).slice(-3), [1, 8, 9]);
  for (const sequence of [1, 8, 9]) t.equal(rig.ack(a, sequence), true);
  t.equal(rig.cursor.inFlight, 0);
});

t.test('parked ones that the log has lost are told as one range with what follows', async (t) => {
  const keyOf = (one: number): string => (one === 2 ? 'b' : 'a');
  const rig = new CursorRig({ ordering: 'key', keyOf, parkedMax: 100 });
  const a = rig.join('a', 3);
  rig.publish(50);
  t.equal(rig.cursor.parked, 48);
  t.same(rig.cursor.passOver(80), [[3, 80]]);
  t.equal(rig.cursor.parked, 0);
  for (const sequence of [1, 2]) t.equal(rig.ack(a, sequence), true);
  t.equal(rig.cursor.floor, 80);
});

t.test('one that need not come any more is skipped', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 4);
  rig.publish(3);
  rig.nack(a, 2, 60_000);
  rig.cursor.skip(1);
  rig.cursor.skip(2);
  rig.cursor.skip(99);
  t.equal(rig.cursor.floor, 2);
  t.equal(rig.cursor.inFlight, 1);
  t.same(rig.cursor.changes.settled, [2]);
  t.same(rig.cursor.changes.deadLetters, []);
});

t.test('a seek forgets what is in flight and goes on from there, both ways', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 3);
  rig.publish(9);
  rig.nack(a, 2, 500);
  rig.seek(6);
  t.same(rig.sequencesOf(a), [1, 2, 3, 7, 8, 9]);
  t.equal(rig.cursor.floor, 6);
  t.equal(rig.ack(a, 1), false);
  rig.pass(999);
  t.equal(rig.sent.length, 6);
  t.equal(rig.cursor.changes.dropDeliveries, true);
  t.equal(rig.cursor.changes.deliveries.size, 0);
  rig.seek(0);
  t.same(rig.sequencesOf(a).slice(6), [1, 2, 3]);
  t.equal(rig.cursor.inFlight, 3);
  rig.pass(999);
  t.equal(rig.sent.length, 9, 'the time of its new sending counts');
  for (let sequence = 1; sequence <= 9; sequence++) t.equal(rig.ack(a, sequence), true);
  t.equal(rig.cursor.floor, 9);
});

t.test('only the newest stay tracked, the rest is let go and counted', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', Number.POSITIVE_INFINITY);
  rig.publish(10);
  rig.reject(a, 1);
  rig.nack(a, 3, 60_000);
  rig.ack(a, 4);
  rig.cursor.restore(rowEntry(1, { state: 'waiting', dueAtMs: 1e9, redriven: true }));
  t.equal(rig.cursor.trackNewest(4), 4, '2, 3, 5, 6');
  t.equal(rig.cursor.floor, 6);
  t.equal(rig.cursor.inFlight, 5);
  t.equal(rig.cursor.trackNewest(4), 0);
  t.not(rig.cursor.entry(1), undefined, 'a redriven one stays');
});

t.test('a redriven one below the floor counts in flight, and the floor stays', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 3);
  rig.publish(2);
  rig.reject(a, 1);
  rig.ack(a, 2);
  t.equal(rig.cursor.floor, 2);
  rig.cursor.changes.clear();
  t.equal(rig.cursor.restore(rowEntry(1, { state: 'ready', redriven: true })), true);
  t.equal(rig.cursor.restore(rowEntry(1, { state: 'ready', redriven: true })), false);
  t.equal(rig.cursor.inFlight, 1);
  t.equal(rig.cursor.fullAt(3), 4);
  rig.pump();
  t.match(rig.sent.at(-1), { sequence: 1, attempt: 1 });
  rig.nack(a, 1, 0);
  t.match(rig.sent.at(-1), { sequence: 1, attempt: 2 });
  t.equal(rig.cursor.changes.deliveries.get(1)?.redriven, true);
  t.equal(rig.ack(a, 1), true);
  t.same(rig.cursor.changes.settled, [1]);
  t.equal(rig.cursor.inFlight, 0);
  t.equal(rig.cursor.floor, 2);
  t.equal(rig.cursor.fullAt(3), 5);
});

t.test('a redriven one may die again', async (t) => {
  const rig = new CursorRig({ rule: { ackWaitMs: 1_000, maxDeliver: 1 } });
  rig.join();
  rig.publish(1);
  rig.pass(1_000);
  rig.cursor.restore(rowEntry(1, { state: 'ready', redriven: true }));
  rig.pump();
  rig.pass(1_100);
  t.equal(rig.cursor.changes.deadLetters.length, 2);
  t.equal(rig.cursor.inFlight, 0);
  t.same(rig.cursor.entries(), []);
});

t.test(
  'redriven while it is in flight again: one delivery, and its dead letter goes',
  async (t) => {
    for (const members of [1, 2]) {
      const rig = new CursorRig();
      const a = rig.join('a', 9);
      for (let i = 1; i < members; i++) rig.full.add(rig.join(`m${i}`, 9));
      rig.publish(2);
      rig.reject(a, 1);
      rig.seek(0);
      const sent = rig.sent.length;
      t.equal(rig.cursor.restore(rowEntry(1, { state: 'ready', redriven: true })), false);
      rig.pump();
      t.equal(rig.sent.length, sent);
      t.equal(rig.cursor.inFlight, 2);
      t.equal(rig.cursor.changes.deliveries.has(1), true, 'the seek does not take its row');
      t.equal(rig.ack(a, 1), true);
      t.same(rig.cursor.changes.settled, [1]);
      t.equal(rig.cursor.inFlight, 1);
    }
  },
);

t.test('redriven before it is delivered again: it is delivered once', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 1);
  rig.publish(3);
  rig.ack(a, 1);
  rig.ack(a, 2);
  rig.reject(a, 3);
  rig.seek(0);
  t.equal(rig.cursor.restore(rowEntry(3, { state: 'ready', redriven: true })), false);
  t.equal(rig.cursor.inFlight, 1);
  for (const sequence of [1, 2, 3]) t.equal(rig.ack(a, sequence), true);
  t.same(rig.sequencesOf(a).slice(3), [1, 2, 3]);
  t.equal(rig.cursor.inFlight, 0);
});

t.test('a redriven one above a floor that then passes it counts until it is settled', async (t) => {
  const rig = new CursorRig({ start: { ackFloor: 0, delivered: 2 } });
  t.equal(rig.cursor.restore(rowEntry(1, { state: 'ready', redriven: true })), true);
  t.equal(rig.cursor.inFlight, 2);
  rig.cursor.passOver(2);
  t.equal(rig.cursor.inFlight, 1);
  const a = rig.join('a', 1);
  t.equal(rig.ack(a, 1), true);
  t.equal(rig.cursor.inFlight, 0);
});

t.test('what a session holds far above what was delivered is not adopted', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a');
  const held = [3, ADOPTED_AHEAD_MAX + 1].map((sequence) => ({ sequence, attempt: 1 }));
  rig.cursor.adopt(a, held, rig.nowMs);
  t.equal(rig.cursor.delivered, 3);
  t.same(rig.cursor.heldOf(a), [{ sequence: 3, attempt: 1 }]);
});
