// Goal: of many nodes none gives a message twice, out of order or made up, none dispatches what another has
// taken, and what a lost node had is done by others; and a simulation that could not tell would be none: each
// of the parts that sees to it, when it is left out, is missed. `npm run sim -- cluster` is more seeds and
// more nodes.
import t from 'tap';
import type { Breaks } from './cluster-node.js';
import { simulateCluster } from './cluster-sim.js';

const SEEDS = process.env.SIM_SEED === undefined ? [1] : [Number(process.env.SIM_SEED)];

for (const seed of SEEDS) {
  t.test(`100 nodes, SIM_SEED=${seed}`, async (t) => {
    const result = await simulateCluster({ seed, nodes: 100, weatherMs: 5_000 });
    t.same(result.faults.slice(0, 5), []);
    t.ok(result.published > 200 && result.given > result.published);
    t.ok(result.dispatched > 1_000);
    t.ok(result.frozen > 3 && result.killed > 3);
  });
}

const MISSED: [breaks: Breaks, fault: RegExp][] = [
  [{ gate: 'none' }, /given \d+ after \d+/],
  [{ heads: 'unread' }, /given up to \d+ of \d+/],
  [{ mac: 'not compared' }, /forged/],
  [{ lease: 'not asked' }, /dispatched under term \d+, which is \d+ by now/],
  [{ lease: 'from the answer on' }, /dispatched under term/],
  [{ terms: 'not asked' }, /dispatched under term/],
  [{ taken: 'believed' }, /dispatched under term/],
];

for (const [breaks, fault] of MISSED) {
  t.test(`missed: ${JSON.stringify(breaks)}`, async (t) => {
    const found: string[] = [];
    for (let seed = 1; seed <= 20 && found.length === 0; seed++) {
      const { faults } = await simulateCluster({
        seed,
        nodes: 20,
        weatherMs: 8_000,
        perMinute: 6,
        breaks,
      });
      found.push(...faults.filter((line) => fault.test(line)));
    }
    t.ok(found.length > 0);
  });
}
