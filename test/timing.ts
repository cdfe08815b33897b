/**
 * `npm run timing -- [--tries N] [--seed N]`: whether the time of a refusal tells how much of a secret was
 * right. 100,000 tries of each kind by default, up to three rounds of each comparison: what differs in all of
 * them, in the same direction, is found, and 1 is the exit code. A comparison that is known to tell has to be
 * found too.
 */
import { parseArgs } from 'node:util';
import { SeededRandom } from './support/fuzz/seeded-random.js';
import {
  COMPARISONS,
  leakyComparison,
  type SecretComparison,
} from './support/tenants/secret-comparisons.js';
import { compareTimes, T_MAX } from './support/tenants/welch.js';

const ROUNDS = 3;
const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const [tries, seed] = [Number(values.tries), Number(values.seed)];
if (!Number.isSafeInteger(tries) || tries < 100 || !Number.isSafeInteger(seed)) {
  say('--tries takes 100 and more, --seed a number');
  process.exit(78);
}
const random = new SeededRandom(seed);
say(`--seed ${seed}, ${tries} tries of each kind; beyond ${T_MAX} they differ`);
const control = leakyComparison(random, 1);
if (!tells('byte by byte to the first that differs (has to be found)', control)) {
  say('the instrument finds nothing: what follows proves nothing');
  process.exitCode = 1;
}
for (const [name, open] of Object.entries(COMPARISONS)) {
  const compared = await open(random);
  if (tells(name, compared)) process.exitCode = 1;
  compared.close();
}

/** In every round, the same way. */
function tells(name: string, compared: SecretComparison): boolean {
  const signs = new Set<number>();
  for (let round = 1; round <= ROUNDS; round++) {
    const { t, oneNs, otherNs } = compareTimes(compared, { tries, random });
    say(`${name}: t = ${t.toFixed(2)}, right prefix ${oneNs} ns, wrong ${otherNs} ns (medians)`);
    if (Math.abs(t) <= T_MAX) return false;
    signs.add(Math.sign(t));
  }
  const isFound = signs.size === 1;
  say(`${name}: ${isFound ? 'differs' : 'does not differ in one direction'}`);
  return isFound;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
