/**
 * `attacker-program.js ATTACK HOST:PORT SECONDS`: a round of the attack each second, on loopback, in a
 * process of its own; prints {"rounds": N} at its end.
 */
import { constants, setPriority } from 'node:os';
import { openSession } from './attacker.js';
import { ATTACKS, type AttackName } from './attacks.js';

const ROUND_MS = 1_000;

const [name = '', target = '', seconds = ''] = process.argv.slice(2);
if (!Object.hasOwn(ATTACKS, name)) throw new Error(`unknown attack '${name}'`);
if (!/^(127\.0\.0\.1|localhost):\d+$/.test(target)) throw new Error('only loopback is attacked');
const attack = ATTACKS[name as AttackName];
// A client has a machine of its own: the time it takes itself is not what it costs the others.
setPriority(constants.priority.PRIORITY_LOW);
const startedAt = performance.now();
const until = startedAt + Number(seconds) * 1_000;

let rounds = 0;
while (performance.now() < until) {
  await attack({ target, round: rounds, session: (key) => openSession(target, key) });
  rounds++;
  const next = startedAt + rounds * ROUND_MS;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
}
process.stdout.write(`${JSON.stringify({ rounds })}\n`);
