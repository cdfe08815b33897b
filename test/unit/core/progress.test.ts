import fc from 'fast-check';
import t from 'tap';
import { Progress } from '../../../src/core/progress.js';

const ACK_WAIT_MS = 1_000;
const GRAIN_MS = ACK_WAIT_MS / 32;

t.test('only what was sent before counts as progress', async (t) => {
  const progress = new Progress(ACK_WAIT_MS);
  t.equal(progress.lastBefore(1), Number.NEGATIVE_INFINITY);
  progress.settled(5, 100);
  t.equal(progress.lastBefore(5), Number.NEGATIVE_INFINITY);
  t.equal(progress.lastBefore(6), 100);
});

t.test('a later settlement of something sent earlier covers more', async (t) => {
  const progress = new Progress(ACK_WAIT_MS);
  progress.settled(9, 100);
  progress.settled(3, 500);
  t.equal(progress.lastBefore(4), 500);
  t.equal(progress.lastBefore(10), 500);
});

t.test('it is never less than the truth, and at most a grain more', async () => {
  const step = fc.record({ order: fc.integer({ min: 1, max: 60 }), ms: fc.nat(300) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 90 }), (steps) => {
      const progress = new Progress(ACK_WAIT_MS);
      const settled: { order: number; atMs: number }[] = [];
      let nowMs = 0;
      for (const { order, ms } of steps) {
        nowMs += ms;
        progress.settled(order, nowMs);
        settled.push({ order, atMs: nowMs });
        for (let asked = 0; asked <= 61; asked++) {
          const earlier = settled.filter((one) => one.order < asked).map(({ atMs }) => atMs);
          const truth = Math.max(Number.NEGATIVE_INFINITY, ...earlier);
          const said = progress.lastBefore(asked);
          if (said < truth || said > truth + GRAIN_MS) return false;
        }
      }
      return true;
    }),
  );
});

t.test('the newest settlements are remembered, however many there were', async (t) => {
  const progress = new Progress(ACK_WAIT_MS);
  for (let order = 1; order <= 10_000; order++) progress.settled(order, order * 100);
  t.equal(progress.lastBefore(10_001), 1_000_000);
  t.equal(progress.lastBefore(9_951), 995_000);
  t.equal(progress.lastBefore(2), Number.NEGATIVE_INFINITY);
});
