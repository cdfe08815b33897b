// Goal: what is spent of a rate on several acceptors is what was leased and never more, whatever is asked
// for; who stays below the rate is refused nothing; a batch passes whole, and is made up for.
import fc from 'fast-check';
import t from 'tap';
import { burstOf, TokenBucket } from '../../../src/core/token-bucket.js';
import { Budget } from '../../../src/tenant/budget.js';

const TURN_MS = 100;

/** One turn of each: demands in messages of one, then a lease. Gives what was spent. */
function turn(
  budgets: readonly Budget[],
  demands: readonly number[],
  lease: (wanted: number, perS: number) => number,
): number {
  let spent = 0;
  budgets.forEach((budget, n) => {
    for (let asked = demands[n] ?? 0; asked > 0; asked--) {
      if (!budget.allows(1)) continue;
      budget.spend(1);
      spent++;
    }
  });
  for (const budget of budgets) {
    const wanted = budget.wanted();
    if (wanted > 0) budget.granted(lease(wanted, budget.perS));
  }
  return spent;
}

t.test('the sum over acceptors is within what may be saved up of the quota', async () => {
  const demand = fc.array(fc.nat(300), { minLength: 40, maxLength: 100 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.array(demand, { minLength: 1, maxLength: 4 }),
      (perS, demands) => {
        const bucket = new TokenBucket();
        const budgets = demands.map(() => new Budget(perS));
        const turns = Math.max(...demands.map(({ length }) => length));
        let spent = 0;
        for (let n = 0; n < turns; n++) {
          const nowMs = n * TURN_MS;
          const asked = demands.map((one) => one[n] ?? 0);
          spent += turn(budgets, asked, (wanted) => bucket.take(wanted, { perS, nowMs }));
        }
        const time = (perS * turns * TURN_MS) / 1_000;
        // On credit, before anything was leased: made up for, if there is a turn for it.
        const credit = demands.length * Math.max(1, perS * 0.25);
        return spent <= time + burstOf(perS) + credit + demands.length;
      },
    ),
    { numRuns: 200 },
  );
});

t.test('ten times the quota on four acceptors comes to the quota, within a tenth', async (t) => {
  for (const perS of [20, 1_000]) {
    const bucket = new TokenBucket();
    const budgets = Array.from({ length: 4 }, () => new Budget(perS));
    const each = Math.ceil((perS * 10 * TURN_MS) / 1_000 / 4);
    let spent = 0;
    for (let n = 0; n < 200; n++) {
      const lease = (wanted: number): number => bucket.take(wanted, { perS, nowMs: n * TURN_MS });
      spent += turn(budgets, [each, each, each, each], lease);
    }
    const quota = perS * 20;
    t.ok(Math.abs(spent - quota) <= quota / 10, `${spent} of ${quota}`);
  }
});

t.test('who stays below the quota is refused nothing, steady or in bursts', async (t) => {
  const bucket = new TokenBucket();
  const budget = new Budget(1_000);
  for (let n = 0; n < 300; n++) {
    const demand = n % 3 === 0 ? 240 : 0;
    const lease = (wanted: number): number => bucket.take(wanted, { perS: 1_000, nowMs: n * 100 });
    t.equal(turn([budget], [demand], lease), demand, `turn ${n}`);
  }
});

t.test(
  'a batch of a second passes whole, and its second goes by before more is spent',
  async (t) => {
    const bucket = new TokenBucket();
    const budget = new Budget(1_000);
    const lease = (n: number) => (wanted: number) =>
      bucket.take(wanted, { perS: 1_000, nowMs: n * 100 });
    t.ok(budget.allows(1_000));
    budget.spend(1_000);
    let spent = 0;
    for (let n = 0; n < 30; n++) spent += turn([budget], [200], lease(n));
    t.ok(1_000 + spent <= 3_000 + burstOf(1_000), `${spent}`);
    t.ok(1_000 + spent >= 2_700, `${spent}`);
  },
);

t.test('what was leased and is not used is let go', async (t) => {
  const budget = new Budget(1_000);
  budget.allows(200);
  budget.spend(200);
  budget.granted(budget.wanted());
  const before = budget.left;
  for (let n = 0; n < 12; n++) t.equal(budget.wanted(), 0);
  t.ok(budget.left < before);
  t.equal(budget.left, 250, 'what is given on credit is left');
});
