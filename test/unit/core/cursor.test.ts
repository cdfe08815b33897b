import t from 'tap';
import { type Entry, Member } from '../../../src/core/cursor-entry.js';
import { CursorRig, RULE, rowEntry } from '../../support/delivery/cursor-rig.js';

const outcomes = ({ cursor }: CursorRig): string[] =>
  cursor.changes.failures.map(({ attempt, outcome }) => `${attempt} ${outcome}`);

const buried = ({ cursor }: CursorRig): string[] =>
  cursor.changes.deadLetters.map(({ sequence, reason, attempts }) =>
    [sequence, reason, attempts].join(' '),
  );

t.test('without an ack it comes at 0, 1, 3, 7, 15 s, and dies at 31 s', async (t) => {
  for (const [chance, members] of [
    [0, 1],
    [0.999, 1],
    [0, 3],
    [0.999, 3],
  ] as const) {
    const rig = new CursorRig({ random: () => chance });
    for (let i = 0; i < members; i++) rig.join(`m${i}`);
    rig.publish(1);
    rig.pass(30_900);
    t.equal(rig.cursor.inFlight, 1);
    rig.pass(4_000);
    const offsets = rig.offsetsOf(1);
    t.equal(offsets.length, 5);
    for (const [i, second] of [0, 1, 3, 7, 15].entries()) {
      const ms = offsets[i] ?? -1;
      t.ok(ms >= second * 1_000 && ms <= second * 1_100 + 1, `attempt ${i + 1} at ${ms} ms`);
    }
    t.same(buried(rig), ['1 max_deliver 5']);
    const [letter] = rig.cursor.changes.deadLetters;
    const lived = (letter?.lastFailedAtMs ?? 0) - 10_000;
    t.ok(lived >= 31_000 && lived <= 34_100, `dead at ${lived} ms`);
    t.equal(rig.cursor.floor, 1);
    t.equal(rig.cursor.inFlight, 0);
    t.same(
      outcomes(rig),
      [1, 2, 3, 4, 5].map((attempt) => `${attempt} ack_wait`),
    );
  }
});

t.test('a serial consumer at 10 ms a message with a full window sees no duplicate', async (t) => {
  for (const members of [1, 2]) {
    const rig = new CursorRig();
    const all = Array.from({ length: members }, (_, i) => rig.join(`m${i}`, 256));
    rig.publish(1_500);
    const done = all.map(() => 0);
    for (let round = 0; round < 1_500; round++) {
      rig.pass(10);
      for (const [i, member] of all.entries()) {
        const next = rig.sequencesOf(member)[done[i] ?? 0];
        if (next === undefined) continue;
        done[i] = (done[i] ?? 0) + 1;
        rig.cursor.settle(member, next, rig.nowMs);
      }
      rig.pump();
    }
    t.equal(rig.sent.length, 1_500);
    t.equal(rig.cursor.floor, 1_500);
    t.same(outcomes(rig), []);
  }
});

t.test('a late ack counts, while it waits and while another has it', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 1);
  rig.publish(1);
  rig.pass(1_000);
  t.same(rig.offsetsOf(1), [0, 1_000]);
  rig.leave(a, 'abrupt');
  t.equal(rig.cursor.entry(1)?.state, 'waiting');
  t.equal(rig.ack(a, 1), true);
  t.equal(rig.cursor.floor, 1);

  const b = rig.join('b', 1);
  rig.publish(1);
  const c = rig.join('c', 1);
  rig.full.add(b);
  rig.cursor.nack(b, { sequence: 2, ms: 0, reason: null }, rig.nowMs);
  rig.pump();
  t.same(rig.sequencesOf(c), [2]);
  t.equal(rig.ack(b, 2), true, 'who had it first');
  t.equal(c.held, 0);
  t.equal(rig.ack(c, 2), false, 'it is settled');
  t.equal(rig.cursor.inFlight, 0);
  rig.pass(60_000);
  t.equal(rig.sent.length, 4);
});

t.test('what is unknown, foreign, settled or not sent yet changes nothing', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 2);
  rig.publish(5);
  t.equal(rig.ack(a, 1), true);
  rig.join('b', 1);
  const stranger = new Member({ name: 'x', inFlightMax: 1, ackWaitMs: 1_000 });
  rig.cursor.changes.clear();
  const before = [rig.cursor.floor, rig.cursor.inFlight, rig.cursor.settledRanges];
  for (const sequence of [-1, 0, 1, rig.cursor.delivered + 1, 99]) {
    t.equal(rig.ack(a, sequence), false);
    t.equal(rig.nack(a, sequence), false);
    t.equal(rig.reject(a, sequence), false);
    t.equal(rig.cursor.extend(a, { sequence, ms: 10 }, rig.nowMs), false);
  }
  for (const sequence of [2, 3]) {
    t.equal(rig.ack(stranger, sequence), false);
    t.equal(rig.nack(stranger, sequence), false);
    t.equal(rig.reject(stranger, sequence), false);
    t.equal(rig.cursor.extend(stranger, { sequence, ms: 10 }, rig.nowMs), false);
  }
  t.equal(rig.ackUpTo(a, 99), false);
  t.equal(rig.ackUpTo(a, 1), false);
  t.equal(rig.ackUpTo(stranger, 3), false);
  t.same([rig.cursor.floor, rig.cursor.inFlight, rig.cursor.settledRanges], before);
  t.equal(rig.cursor.changes.isEmpty, true);
});

t.test('a cumulative ack settles only what this session was sent', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 4);
  rig.publish(4);
  t.equal(rig.ackUpTo(a, 2), true);
  const b = rig.join('b', 4);
  rig.publish(4);
  const ofB = rig.sequencesOf(b);
  t.ok(ofB.length >= 2);
  t.equal(rig.ackUpTo(a, rig.cursor.delivered), true);
  t.equal(rig.cursor.inFlight, ofB.length);
  t.equal(rig.cursor.floor, (ofB[0] ?? 0) - 1);
  t.equal(a.held, 0);
  t.equal(rig.ackUpTo(b, rig.cursor.delivered), true);
  t.equal(rig.cursor.floor, 8);
  t.equal(rig.ackUpTo(b, 8), false);
});

t.test(
  'a cumulative ack does not settle what may still be on its way to who sent it',
  async (t) => {
    const rig = new CursorRig();
    const a = rig.join('a', 10);
    rig.publish(3);
    t.equal(rig.nack(a, 2, 0), true);
    rig.pass(10);
    t.same(rig.sequencesOf(a), [1, 2, 3, 2], 'the second came again, after the third');
    // Said when the third came, before the second came again: the two crossed.
    t.equal(rig.ackUpTo(a, 3), true);
    t.equal(rig.cursor.floor, 1);
    t.equal(rig.cursor.inFlight, 1);
    // Said once more: then it speaks of what came since.
    t.equal(rig.ackUpTo(a, 3), true);
    t.equal(rig.cursor.floor, 3);
    rig.publish(1);
    t.equal(rig.nack(a, 4, 0), true);
    rig.pass(10);
    rig.publish(1);
    t.equal(rig.ackUpTo(a, 5), true, 'what came again before the fifth is settled with it');
    t.equal(rig.cursor.floor, 5);
  },
);

t.test('a cumulative ack speaks of an attempt that has failed since it was said', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 10);
  rig.publish(3);
  t.equal(rig.nack(a, 2, 0), true);
  rig.pass(10);
  t.same(rig.sequencesOf(a), [1, 2, 3, 2]);
  t.equal(rig.nack(a, 3, 60_000), true);
  t.equal(rig.cursor.entry(3)?.state, 'waiting');
  // Said when the third came, before the second came again.
  t.equal(rig.ackUpTo(a, 3), true);
  t.same(rig.cursor.settledRanges, [[3, 3]]);
  t.equal(rig.cursor.entry(2)?.state, 'held');
});

t.test('a cumulative ack speaks of what its session had, whoever has it now', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 3);
  rig.publish(3);
  t.equal(rig.nack(a, 2, 0), true);
  rig.pass(10);
  t.same(rig.sequencesOf(a), [1, 2, 3, 2]);
  rig.full.add(a);
  const b = rig.join('b', 3);
  t.equal(rig.nack(a, 3, 0), true);
  rig.pass(10);
  t.same(rig.sequencesOf(b), [3]);
  t.equal(rig.ackUpTo(a, 3), true);
  t.equal(rig.cursor.entry(2)?.member, a, 'it may not have come to it again');
});

t.test('extend gives more time, by the step or as asked, and never takes any', async (t) => {
  const rig = new CursorRig();
  const a = rig.join();
  rig.publish(3);
  rig.pass(500);
  t.equal(rig.cursor.extend(a, { sequence: 1, ms: 5_000 }, rig.nowMs), true);
  t.equal(rig.cursor.extend(a, { sequence: 1, ms: 1 }, rig.nowMs), true);
  t.equal(rig.cursor.extend(a, { sequence: 2, ms: null }, rig.nowMs), true);
  rig.pass(10_000);
  t.equal(rig.offsetsOf(1)[1], 5_500);
  t.equal(rig.offsetsOf(2)[1], 1_500);
  t.equal(rig.offsetsOf(3)[1], 1_000);
});

t.test('an extension is for one attempt only', async (t) => {
  const rig = new CursorRig();
  const a = rig.join();
  rig.publish(1);
  rig.cursor.extend(a, { sequence: 1, ms: 60_000 }, rig.nowMs);
  rig.nack(a, 1, 0);
  rig.pass(2_000);
  t.same(rig.offsetsOf(1), [0, 0, 2_000]);
});

t.test('reject is a dead letter at once, with what was said', async (t) => {
  const rig = new CursorRig();
  const a = rig.join();
  rig.publish(2);
  rig.pass(100);
  t.equal(rig.reject(a, 1, 'no such order'), true);
  t.match(rig.cursor.changes.deadLetters, [
    { sequence: 1, reason: 'rejected', attempts: 1, lastError: 'no such order' },
  ]);
  t.equal(rig.cursor.changes.deadLetters[0]?.firstFailedAtMs, rig.nowMs);
  t.equal(rig.cursor.floor, 1);
  t.equal(rig.ack(a, 1), false);
  t.equal(rig.reject(a, 1), false);
  t.equal(rig.ack(a, 2), true);
});

t.test('nack counts an attempt, and it comes by the rule or when the session said', async (t) => {
  const rig = new CursorRig();
  const a = rig.join();
  rig.publish(3);
  t.equal(rig.nack(a, 1), true);
  t.equal(rig.nack(a, 2, 250), true);
  t.equal(rig.nack(a, 3, 0), true);
  t.equal(rig.nack(a, 1), false, 'it has failed already');
  rig.pass(999);
  t.same(rig.offsetsOf(3), [0, 0]);
  t.same(rig.offsetsOf(2), [0, 250]);
  t.same(rig.offsetsOf(1), [0]);
  rig.pass(1);
  t.same(rig.offsetsOf(1), [0, 1_000]);
  t.equal(rig.cursor.entry(1)?.attempts, 1);
  t.equal(rig.cursor.entry(1)?.lastError, 'no');
  for (let i = 0; i < 4; i++) t.equal(rig.nack(a, 3, 0), true);
  t.same(buried(rig), ['3 max_deliver 5']);
});

t.test('a clean end costs no attempt and others have it at once', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 4);
  rig.publish(4);
  const b = rig.join('b', 4);
  rig.leave(a, 'clean');
  t.same(rig.sequencesOf(b), [1, 2, 3, 4]);
  t.same(rig.cursor.changes.failures, []);
  t.ok(rig.sent.every(({ attempt }) => attempt === 1));
  t.equal(a.held, 0);
  t.equal(b.held, 4);
});

t.test('an abrupt end counts an attempt and others have it after the back-off', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 2);
  rig.publish(2);
  const b = rig.join('b', 4);
  rig.leave(a, 'abrupt');
  t.same(outcomes(rig), ['1 disconnect', '1 disconnect']);
  t.match(rig.cursor.changes.failures[0], { session: 'a' });
  t.same(rig.sequencesOf(b), []);
  rig.pass(1_000);
  t.same(rig.sequencesOf(b), [1, 2]);
  t.equal(rig.cursor.entry(1)?.attempts, 1);
  t.equal(rig.cursor.inFlight, 2);
});

t.test('a message that kills its consumer is given up after as many deaths', async (t) => {
  const rig = new CursorRig();
  for (let death = 1; death <= RULE.maxDeliver; death++) {
    const member = rig.join(`m${death}`, 1);
    rig.publish(death === 1 ? 2 : 0);
    rig.pass(0);
    t.equal(rig.sequencesOf(member).at(-1), 1);
    rig.leave(member, 'abrupt');
    if (death < RULE.maxDeliver) t.same(buried(rig), []);
    rig.pass(20_000);
  }
  t.same(buried(rig), ['1 max_deliver 5']);
  const last = rig.join('last', 1);
  t.same(rig.sequencesOf(last), [2]);
});

t.test('what a slow socket holds does not fail until the socket is empty', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 3);
  rig.publish(2);
  rig.nack(a, 2, 0);
  rig.full.add(a);
  rig.pass(20_000);
  t.same(outcomes(rig), ['1 nack']);
  rig.drained(a);
  t.same(outcomes(rig), ['1 nack']);
  rig.pass(999);
  t.same(outcomes(rig), ['1 nack']);
  rig.pass(1_001);
  t.same(outcomes(rig), ['1 nack', '1 ack_wait', '2 ack_wait']);
});

t.test('the sole member holds without entries; they are made as a second one joins', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 4);
  rig.publish(10);
  t.equal(rig.cursor.sole, a);
  t.same(rig.cursor.entries(), []);
  t.equal(rig.cursor.fullAt(4), 4);
  rig.pass(400);
  const b = rig.join('b', 4);
  t.equal(rig.cursor.sole, null);
  t.equal(a.held, 4);
  t.same(rig.sequencesOf(b), [5, 6, 7, 8]);
  t.equal(rig.ack(b, 1), false, 'a has it');
  t.equal(rig.ack(a, 1), true);
  t.same(rig.sequencesOf(a), [1, 2, 3, 4, 9]);
  rig.pass(600);
  t.same(rig.offsetsOf(2), [0], 'it settled something sent before');
  rig.pass(400);
  t.same(rig.offsetsOf(2), [0, 1_400]);
});

t.test('its deadline does not change as a second one joins', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 4);
  rig.publish(1);
  rig.pass(400);
  rig.join('b', 4);
  rig.pass(599);
  t.same(rig.offsetsOf(1), [0]);
  rig.pass(1);
  t.same(rig.offsetsOf(1), [0, 1_000]);
  t.match(rig.cursor.changes.failures, [{ session: a.name }]);
});

t.test('who stays alone is the sole one again, beside what has entries', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 2);
  const b = rig.join('b', 2);
  rig.publish(8);
  rig.leave(b, 'clean');
  t.equal(rig.cursor.sole, a);
  t.equal(rig.cursor.inFlight, 4);
  t.equal(rig.outstanding(a), 2);
  for (let sequence = 1; sequence <= 8; sequence++) t.equal(rig.ack(a, sequence), true);
  t.equal(rig.cursor.floor, 8);
  t.equal(a.held, 0);
  t.same(rig.cursor.entries(), []);
});

t.test('what was not sent after all goes out again and does not count', async (t) => {
  const rig = new CursorRig();
  rig.join('a', 2);
  rig.join('b', 2);
  rig.publish(1);
  const entry = rig.cursor.entry(1);
  if (entry === undefined) throw new Error('no entry');
  if (entry.member !== null) rig.full.add(entry.member);
  rig.cursor.takeBack(entry);
  rig.cursor.takeBack(entry);
  t.same(rig.cursor.readyEntries(9), [entry]);
  rig.pump();
  t.equal(rig.sent.length, 2);
  t.equal(entry.attempts, 0);
  t.same([...rig.cursor.members].map(({ held }) => held).sort(), [0, 1]);
});

t.test('what is taken back keeps its progress: it counts as sent last', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 9);
  rig.join('b', 9);
  const b = [...rig.cursor.members][1] ?? a;
  rig.full.add(b);
  rig.publish(2);
  rig.nack(a, 1, 0);
  const entry = rig.cursor.entry(2);
  if (entry === undefined) throw new Error('no entry');
  rig.cursor.takeBack(entry);
  rig.pump();
  rig.pass(900);
  t.equal(rig.ack(a, 1), true);
  rig.pass(999);
  t.same(outcomes(rig), ['1 nack']);
  rig.pass(1);
  t.same(outcomes(rig), ['1 nack', '1 ack_wait']);
});

t.test(
  'ready ones come in sequence order, none twice, and stay until they are given',
  async (t) => {
    const rig = new CursorRig();
    const a = rig.join('a', 6);
    rig.publish(6);
    for (const sequence of [5, 2, 4, 1]) {
      rig.cursor.nack(a, { sequence, ms: 0, reason: null }, rig.nowMs);
    }
    const ready = rig.cursor.readyEntries(3).map(({ sequence }) => sequence);
    t.same(ready, [1, 2, 4]);
    t.same(
      rig.cursor.readyEntries(9).map(({ sequence }) => sequence),
      [1, 2, 4, 5],
    );
    rig.ack(a, 4);
    t.same(rig.sequencesOf(a).slice(6), [1, 2, 5]);
  },
);

t.test('a window counts what waits, and a settlement makes room', async (t) => {
  const rig = new CursorRig();
  const a = rig.join('a', 2);
  rig.publish(5);
  rig.nack(a, 1, 5_000);
  t.equal(rig.cursor.delivered, 2);
  rig.ack(a, 2);
  t.equal(rig.cursor.delivered, 3);
  t.equal(rig.cursor.inFlight, 2);
  t.same(rig.cursor.settledRanges, [[2, 2]]);
});

t.test('a rule that allows fewer attempts holds from the next failure on', async (t) => {
  const rig = new CursorRig();
  const a = rig.join();
  rig.publish(1);
  rig.nack(a, 1, 0);
  rig.cursor.rule = { ackWaitMs: 1_000, maxDeliver: 1 };
  rig.nack(a, 1, 0);
  t.same(buried(rig), ['1 max_deliver 2']);
});

t.test('100,000 that wait cost nothing until they are due', async (t) => {
  const rig = new CursorRig({ start: { ackFloor: 0, delivered: 100_000 } });
  let looks = 0;
  for (let sequence = 1; sequence <= 100_000; sequence++) {
    const dueAtMs = 20_000 + sequence;
    const entry = rowEntry(sequence, { attempts: 1, dueAtMs });
    let state: Entry['state'] = 'waiting';
    Object.defineProperty(entry, 'state', {
      get: () => {
        looks++;
        return state;
      },
      set: (to: Entry['state']) => {
        state = to;
      },
    });
    rig.cursor.restore(entry);
  }
  // Those that the rows took the place of.
  t.same(rig.cursor.readyEntries(1), []);
  looks = 0;
  t.equal(rig.cursor.wake(20_000).size, 0);
  t.equal(rig.cursor.nextWakeAtMs(20_000), 20_001);
  t.equal(looks, 0);
  rig.cursor.wake(20_003);
  t.ok(looks <= 6, `${looks} looks at 3 entries`);
  t.equal(rig.cursor.nextWakeAtMs(20_003), 20_004);
  t.equal(rig.cursor.readyEntries(9).length, 3);
});

t.test('nothing to wait for: no wake', async (t) => {
  const rig = new CursorRig();
  t.equal(rig.cursor.nextWakeAtMs(rig.nowMs), Number.POSITIVE_INFINITY);
  const a = rig.join('a');
  rig.join('b');
  rig.publish(1);
  t.equal(rig.cursor.nextWakeAtMs(rig.nowMs), rig.nowMs + 1_000);
  rig.ack(a, 1);
  rig.pass(1_000);
  t.equal(rig.cursor.nextWakeAtMs(rig.nowMs), Number.POSITIVE_INFINITY);
});
