import fc from 'fast-check';
import t from 'tap';
import { AckFloor } from '../../../src/core/ack-floor.js';

t.test('the floor moves over settled sequences, in whatever order they come', async (t) => {
  const floor = new AckFloor(10);
  t.equal(floor.settle(12), true);
  t.equal(floor.settle(13), true);
  t.equal(floor.floor, 10);
  t.equal(floor.settledAbove, 2);
  t.equal(floor.settle(11), true);
  t.equal(floor.floor, 13);
  t.equal(floor.settledAbove, 0);
});

t.test('settling twice changes nothing and says so', async (t) => {
  const floor = new AckFloor(0);
  t.equal(floor.settle(3), true);
  t.equal(floor.settle(3), false);
  t.equal(floor.settle(0), false);
  t.equal(floor.settledAbove, 1);
});

t.test('a cumulative settlement swallows what it passes and what it touches', async (t) => {
  const floor = new AckFloor(0);
  for (const sequence of [2, 5, 6, 9]) floor.settle(sequence);
  t.equal(floor.settleUpTo(4), true);
  t.equal(floor.floor, 6);
  t.equal(floor.settledAbove, 1);
  t.equal(floor.settleUpTo(6), false);
});

t.test('it agrees with a plain set for any order of settlements', async () => {
  const step = fc.record({ sequence: fc.integer({ min: 1, max: 60 }), cumulative: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const floor = new AckFloor(0);
      const settled = new Set<number>();
      for (const { sequence, cumulative } of steps) {
        const wanted = cumulative ? Array.from({ length: sequence }, (_, i) => i + 1) : [sequence];
        let reached = 0;
        while (settled.has(reached + 1)) reached++;
        const news = cumulative ? sequence > reached : !settled.has(sequence);
        const said = cumulative ? floor.settleUpTo(sequence) : floor.settle(sequence);
        for (const one of wanted) settled.add(one);
        let top = 0;
        while (settled.has(top + 1)) top++;
        const above = [...settled].filter((one) => one > top).length;
        if (said !== news || floor.floor !== top || floor.settledAbove !== above) return false;
      }
      return true;
    }),
  );
});
