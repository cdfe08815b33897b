/** What one hostile client costs the others: latency of their publishes, and memory of the node. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Sample } from './contender.js';
import { type LoadOptions, runLoad } from './loadgen.js';
import type { MeasuredServer, MeasuringTimes } from './measuring.js';
import { residentBytes } from './resident-bytes.js';
import { oneLine, sampleOf } from './sample.js';
import type { AttackWork } from './scenario.js';

const PROGRAM = fileURLToPath(new URL('attackers/attacker-program.js', import.meta.url));
const LOOK_MS = 50;
const run = promisify(execFile);
/** It is under way before the load is counted, and outlasts it. */
const AHEAD_S = 0.5;
const OUTLASTS_S = 1;

/** Rejects LoadgenError. */
export async function underAttack(
  work: AttackWork,
  { target, processes }: MeasuredServer,
  times: MeasuringTimes,
): Promise<Sample> {
  const load: LoadOptions = { ...times, ...work.load };
  const alone = sampleOf(await runLoad(target, load, processes), 'published');
  if (alone.problems.length > 0) return alone;
  const memory = watchMemory(processes['server'] ?? 0);
  const attackS = times.warmup + times.duration + AHEAD_S + OUTLASTS_S;
  const [result, attack] = await Promise.all([
    runLoad(target, { ...load, warmup: times.warmup + AHEAD_S }, processes),
    runAttack(work.attack, target, attackS),
  ]).finally(memory.stop);
  const sample = sampleOf(result, 'published');
  const aloneP99 = alone.latencyUs?.p99 ?? 0;
  return {
    ...sample,
    more: {
      alone_p99_us: aloneP99,
      times_alone: (sample.latencyUs?.p99 ?? 0) / aloneP99,
      grown_bytes: memory.grown(),
      rounds: attack.rounds,
    },
    problems: [...sample.problems, ...attack.problems],
  };
}

/** `grown`: by how many bytes it was larger at most. */
function watchMemory(pid: number): { stop(): void; grown(): number } {
  const before = residentBytes(pid);
  let most = before;
  const timer = setInterval(() => {
    try {
      most = Math.max(most, residentBytes(pid));
    } catch {
      // The server has ended, which the load and the runner tell.
      clearInterval(timer);
    }
  }, LOOK_MS);
  return { stop: () => clearInterval(timer), grown: () => most - before };
}

async function runAttack(
  name: string,
  target: string,
  seconds: number,
): Promise<{ rounds: number; problems: string[] }> {
  try {
    const { stdout } = await run(process.execPath, [PROGRAM, name, target, String(seconds)]);
    const { rounds } = JSON.parse(stdout) as { rounds: number };
    return { rounds, problems: rounds === 0 ? ['the attacker ended no round'] : [] };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    return { rounds: 0, problems: [`the attacker ended: ${oneLine(stderr ?? String(error))}`] };
  }
}
