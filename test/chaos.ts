/**
 * `npm run chaos -- [--minutes N] [--seed N] [--nodes N] [--fault NAME]...`: mixed faults with the history
 * checker, by default 20 minutes of all kinds over three nodes with a Redis between them. Prints what it
 * does, and how long each fault took to be recovered from; the last line is the verdict, and 1 the exit code
 * when anything was lost, late or unexplained.
 */
import { parseArgs } from 'node:util';
import {
  type Blow,
  type ChaosResult,
  faultsOf,
  RECOVERED_WITHIN_MS,
  runChaos,
  seconds1,
} from './support/chaos/chaos-run.js';

const SHOWN = 10;
const NODES_MAX = 9;
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    nodes: { type: 'string', default: '3' },
    fault: { type: 'string', multiple: true, default: [] },
  },
});
const nodes = Number(values.nodes);
const known = faultsOf(nodes);
const unknown = values.fault.filter((name) => known[name] === undefined);
const seconds = Number(values.minutes) * 60;
const isCount = Number.isInteger(nodes) && nodes >= 1 && nodes <= NODES_MAX;
if (
  unknown.length > 0 ||
  !isCount ||
  !(seconds > 0) ||
  !Number.isSafeInteger(Number(values.seed))
) {
  say(
    `--minutes and --seed take numbers; --nodes 1 to ${NODES_MAX}; ` +
      `--fault takes one of: ${Object.keys(known).join(', ')}`,
  );
  process.exit(78);
}
say(`${values.minutes} minutes, --nodes ${nodes} --seed ${values.seed}`);
const seed = Number(values.seed);
report(await runChaos({ seconds, seed, nodes, faults: values.fault, say }));

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function report(result: ChaosResult): void {
  const { blows, history, found, problems, isQuiet, counts, recorder, use } = result;
  sayRecovery(blows);
  sayFaults(blows);
  for (const { kind, text } of found.slice(0, SHOWN)) say(`${kind}: ${text}`);
  const [, topic, sequence] = /(\S+)\/(\d+)/.exec(found[0]?.text ?? '') ?? [];
  if (topic !== undefined) say(recorder.timeline(topic, Number(sequence)).join('\n  '));
  for (const [problem, count] of Object.entries(problems))
    say(`unexplained, ${count} x: ${problem}`);
  if (!isQuiet) say('not all was settled in a minute of quiet');
  const late = blows.filter(({ recoveredMs }) => (recoveredMs ?? Infinity) > RECOVERED_WITHIN_MS);
  const of = (type: string): number => history.events.filter((e) => e.type === type).length;
  say(
    `sessions and repeats: ${JSON.stringify(counts)}; refusals: ${JSON.stringify([...recorder.refusals])}`,
  );
  const { before, after } = use;
  say(
    `memory: ${before.memory.join(', ')} MiB before, ${after.memory.join(', ')} MiB after; ` +
      `connections to PostgreSQL: ${before.connections} before, ${after.connections} after`,
  );
  const faults = blows.reduce((sum, blow) => sum + blow.faults.length, 0);
  say(
    `--seed ${seed}: ${faults} faults, ${history.log.length} messages, ${of('published')} acknowledged, ` +
      `${of('delivered')} deliveries: ${found.length} lost, made up, twice or out of order, ` +
      `${late.length} times not whole in ${RECOVERED_WITHIN_MS / 1_000} s, ` +
      `${Object.keys(problems).length} unexplained`,
  );
  const isGood = found.length + late.length + Object.keys(problems).length === 0 && isQuiet;
  process.exitCode = isGood ? 0 : 1;
}

/** By kind: how often, and the median and longest recovery. */
function sayRecovery(blows: readonly Blow[]): void {
  const kinds = new Map<string, number[]>();
  for (const { what, recoveredMs } of blows) {
    const times = kinds.get(what) ?? [];
    kinds.set(what, [...times, recoveredMs ?? Number.POSITIVE_INFINITY]);
  }
  for (const [what, times] of [...kinds].sort()) {
    times.sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)] ?? 0;
    say(
      `${what}: ${times.length}, whole after ${seconds1(median)}, at most ${seconds1(times.at(-1) ?? 0)}`,
    );
  }
}

function sayFaults(blows: readonly Blow[]): void {
  const counts = new Map<string, number>();
  for (const name of blows.flatMap(({ faults }) => faults)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  say(`faults: ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}`);
}
