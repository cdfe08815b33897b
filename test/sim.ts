/**
 * `npm run sim -- cluster [--seed N] [--seeds N] [--nodes N] [--seconds N]`: many nodes in virtual time, by
 * default 100 nodes, 20 seeds from one by chance on, 20 seconds of bad weather each. Prints what each seed
 * did; 1 is the exit code when one found a fault, which its seed finds again.
 */
import { parseArgs } from 'node:util';
import { simulateCluster } from './sim/cluster-sim.js';

const SHOWN = 10;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    seeds: { type: 'string', default: '20' },
    nodes: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '20' },
  },
});
const [seed, seeds, nodes, seconds] = [
  Number(values.seed),
  Number(values.seeds),
  Number(values.nodes),
  Number(values.seconds),
];
const areCounts = [seed, seeds, nodes].every(Number.isSafeInteger) && nodes >= 3 && seeds >= 1;
if (positionals.join() !== 'cluster' || !areCounts || !(seconds > 0)) {
  process.stderr.write('npm run sim -- cluster [--seed N] [--seeds N] [--nodes N] [--seconds N]\n');
  process.exit(78);
}
let faults = 0;
for (let n = seed; n < seed + seeds; n++) {
  const found = await simulateCluster({ seed: n, nodes, weatherMs: seconds * 1_000 });
  const { faults: lines, ...did } = found;
  const counts = Object.entries(did).map(([name, count]) => `${count} ${name}`);
  process.stdout.write(`--seed ${n}: ${counts.join(', ')}: ${lines.length} faults\n`);
  for (const line of lines.slice(0, SHOWN)) process.stdout.write(`  ${line}\n`);
  faults += lines.length;
}
process.exitCode = faults === 0 ? 0 : 1;
