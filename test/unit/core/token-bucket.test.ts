// Goal: whatever is asked for and when, a bucket never gives more than its rate and what may be saved up, and
// no less than that to who asks for all of it; a clock that is set back gives nothing away.
import fc from 'fast-check';
import t from 'tap';
import { burstOf, TokenBucket } from '../../../src/core/token-bucket.js';

const asks = fc.array(
  fc.record({ stepMs: fc.integer({ min: -5_000, max: 5_000 }), wanted: fc.nat(5_000) }),
  { minLength: 1, maxLength: 60 },
);
const rates = fc.integer({ min: 1, max: 100_000 });

t.test('no more is given than time has brought', async () => {
  fc.assert(
    fc.property(rates, asks, (perS, steps) => {
      const bucket = new TokenBucket();
      let [nowMs, forwardMs, given] = [0, 0, 0];
      for (const { stepMs, wanted } of steps) {
        nowMs += stepMs;
        forwardMs += Math.max(0, stepMs);
        const granted = bucket.take(wanted, { perS, nowMs });
        if (granted < 0 || granted > wanted) return false;
        given += granted;
      }
      return given <= burstOf(perS) + (perS * forwardMs) / 1_000 + 1e-6;
    }),
  );
});

t.test('who asks for everything in time is given the whole rate', async () => {
  fc.assert(
    fc.property(
      rates,
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (perS, steps) => {
        const bucket = new TokenBucket();
        const all = { perS, nowMs: 0 };
        const first = bucket.take(Number.POSITIVE_INFINITY, all);
        let given = 0;
        for (const stepMs of steps) {
          all.nowMs += stepMs;
          given += bucket.take(Number.POSITIVE_INFINITY, all);
        }
        const whole = (perS * all.nowMs) / 1_000;
        return first === burstOf(perS) && Math.abs(given - whole) < 1e-6 * (1 + whole);
      },
    ),
  );
});

t.test('a rate that becomes smaller keeps no more than it may save up', async (t) => {
  const bucket = new TokenBucket();
  bucket.take(0, { perS: 10_000, nowMs: 0 });
  t.equal(bucket.take(10_000, { perS: 10, nowMs: 0 }), 5);
  t.equal(bucket.take(10_000, { perS: 10, nowMs: 100 }), 1);
  t.equal(bucket.take(10, { perS: 1, nowMs: 60_000 }), 1, 'one may always be saved up');
});
