// Goal: each has a bucket of his own, which fills with time and no further; and what is remembered is
// bounded.
import t from 'tap';
import { KeyedRates, shareOf } from '../../../src/core/keyed-rates.js';

function ratesOf(bounds: Partial<{ perS: number; burst: number; keysMax: number }> = {}) {
  const clock = { ms: 0, monotonic: (): number => clock.ms };
  return {
    clock,
    rates: new KeyedRates<string>({ perS: 2, burst: 3, keysMax: 9, ...bounds }, clock),
  };
}

t.test('a burst, then as many as time gives, and never more than the burst', async (t) => {
  const { clock, rates } = ratesOf();
  const taken = (times: number): boolean[] => Array.from({ length: times }, () => rates.take('a'));
  t.same(taken(4), [true, true, true, false]);
  clock.ms += 499;
  t.same(taken(1), [false]);
  clock.ms += 1;
  t.same(taken(2), [true, false], 'one in half a second, and who asked too early has lost nothing');
  clock.ms += 60_000;
  t.same(taken(4), [true, true, true, false]);
});

t.test('nobody is refused for what another does', async (t) => {
  const { rates } = ratesOf({ burst: 1 });
  t.same(
    ['a', 'a', 'b', 'b', 'c'].map((key) => rates.take(key)),
    [true, false, true, false, true],
  );
});

t.test('at the bound the one that came longest ago is forgotten', async (t) => {
  const { rates } = ratesOf({ burst: 1, keysMax: 2 });
  t.same(
    ['a', 'b', 'a', 'c', 'a', 'b'].map((key) => rates.take(key)),
    [true, true, false, true, false, true],
    'a came again, so b had to go',
  );
  t.equal(rates.size, 2);
});

t.test('threads give no more of a rate together than one would', async (t) => {
  t.same(shareOf({ perS: 10, burst: 20 }, 4), { perS: 2.5, burst: 5 });
  t.same(shareOf({ perS: 10, burst: 20 }, 1), { perS: 10, burst: 20 });
  t.same(shareOf({ perS: 0.1, burst: 2 }, 4), { perS: 0.025, burst: 1 }, 'nobody is locked out');
});
