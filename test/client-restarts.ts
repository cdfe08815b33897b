/**
 * `npm run client-restarts -- [--restarts N] [--browser] [--seed N]`: a node is killed and restarted 200
 * times under a client that publishes and reads, in this Node or in Chromium. The last line is the verdict,
 * and 1 the exit code when a message was missed, made up or out of order.
 */
import { parseArgs } from 'node:util';
import { runRestarts } from './support/restarts/restart-run.js';

const SHOWN = 20;
const { values } = parseArgs({
  options: {
    restarts: { type: 'string', default: '200' },
    browser: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const restarts = Number(values.restarts);
const seed = Number(values.seed);
if (!Number.isSafeInteger(restarts) || restarts < 1 || !Number.isSafeInteger(seed)) {
  say('--restarts and --seed take numbers');
  process.exit(78);
}
const place = values.browser ? 'browser' : 'node';
const startedAt = performance.now();
const result = await runRestarts({ restarts, place, seed, say });
const { facts, rows, killed, terminated, faults } = result;
for (const fault of faults.slice(0, SHOWN)) say(fault);
const times = [...facts.firstMessageMs].sort((a, b) => a - b);
const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(0);
say(
  `first message after the attempt that succeeded: median ${at(0.5)} ms, p95 ${at(0.95)} ms, ` +
    `at most ${at(1 - 1 / times.length)} ms of ${times.length}`,
);
const seen = Object.entries(facts.seen).map(([reading, all]) => `${reading} ${all.length}`);
say(
  `${place}, --seed ${seed}: ${restarts} restarts (${killed} SIGKILL, ${terminated} SIGTERM) in ` +
    `${((performance.now() - startedAt) / 1_000).toFixed(0)} s, ${facts.opened} connections, ` +
    `${facts.told.filter(({ outcome }) => outcome === 'ok').length} publishes confirmed, ${rows} in the log, ` +
    `seen: ${seen.join(', ')}; told ${JSON.stringify(facts.errors)}: ` +
    `${faults.length} missed, made up or out of order`,
);
process.exitCode = faults.length === 0 ? 0 : 1;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
