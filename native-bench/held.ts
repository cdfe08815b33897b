/**
 * What a snapshot that somebody holds costs: a load in windows, one after another, before another session
 * of the same database has one, while it does, and after. Its figures are the later ones by those before.
 */
import type { Sample } from './contender.js';
import { CPU } from './figure.js';
import { runLoad } from './loadgen.js';
import type { MeasuredServer, MeasuringTimes } from './measuring.js';
import {
  failedSample,
  type Measured,
  mediansOf,
  type Phase,
  type PhaseWindow,
  windowOf,
} from './sample.js';
import type { HeldWork } from './scenario.js';
import { holdSnapshot } from './snapshot.js';

/** A load in windows: it goes on from one to the next, but for the time that connecting takes. */
export interface OwnLoad {
  measure(seconds: number): Promise<Sample>;
  /** URL; null: there is none, and nothing to hold. */
  database: string | null;
}

/** What is long held has longer windows; those before and after are as long as any measurement. */
const HELD_WINDOWS_MAX = 12;
/** Before and after, for one that is held. */
const PLAIN_SHARE = 1 / 4;
/** What it has come to: the last windows under the snapshot. */
const END_SHARE = 1 / 3;
const WARM_S_MIN = 2;
/** So often as long as the warm-up of a measurement. */
const WARM_TIMES = 2;
/** Of a load that is under way: until all its connections are. */
const WINDOW_WARMUP_S_MAX = 0.5;
const WINDOW_WARMUP_SHARE = 0.2;

/** Rejects LoadgenError, and when the database cannot be reached. */
export function underSnapshot(
  work: HeldWork,
  { target, processes, database }: MeasuredServer,
  times: MeasuringTimes,
): Promise<Measured> {
  const measure = async (seconds: number): Promise<Sample> => {
    const warmup = Math.min(WINDOW_WARMUP_S_MAX, WINDOW_WARMUP_SHARE * seconds);
    const options = { ...work.load, warmup, duration: seconds - warmup };
    return windowOf(await runLoad(target, options, processes), work.count);
  };
  return phasesOf(work, { measure, database }, times);
}

/** The same of a contender that measures itself. Rejects what `measure` does. */
export async function phasesOf(
  { seconds: heldS, count }: HeldWork,
  { measure, database }: OwnLoad,
  { warmup, duration }: MeasuringTimes,
): Promise<Measured> {
  if (database === null) throw new Error('it has no database that somebody could hold');
  const windowS = Math.max(duration, heldS / HELD_WINDOWS_MAX);
  const heldWindows = Math.max(1, Math.round(heldS / windowS));
  const plainWindows = Math.ceil(heldWindows * PLAIN_SHARE);
  const course = new Course(measure);
  await course.warm(Math.max(WARM_S_MIN, WARM_TIMES * warmup));
  await course.run('before', plainWindows, duration);
  const snapshot = await holdSnapshot(database);
  try {
    await course.run('held', heldWindows, windowS);
  } finally {
    course.tell(await snapshot.release());
  }
  await course.run('after', plainWindows, duration);
  const { windows, problem } = course;
  if (problem !== null) return { sample: failedSample(problem), steps: [] };
  return { sample: byBefore(windows, count), steps: [], windows };
}

/** Ends with the first window that has a problem. */
class Course {
  readonly windows: PhaseWindow[] = [];
  readonly #measure: OwnLoad['measure'];
  #problem: string | null = null;

  constructor(measure: OwnLoad['measure']) {
    this.#measure = measure;
  }

  /** The first there was. */
  get problem(): string | null {
    return this.#problem;
  }

  tell(problem: string | null): void {
    this.#problem ??= problem;
  }

  async warm(seconds: number): Promise<void> {
    const [why] = (await this.#measure(seconds)).problems;
    if (why !== undefined) this.tell(`warming up: ${why}`);
  }

  async run(phase: Phase, count: number, seconds: number): Promise<void> {
    const from = performance.now();
    for (let n = 0; n < count && this.#problem === null; n++) {
      const atS = (performance.now() - from) / 1_000;
      const { problems, more: _, ...figures } = await this.#measure(seconds);
      this.windows.push({ phase, atS, ...figures });
      const [why] = problems;
      if (why !== undefined) this.tell(`${phase}, ${Math.round(atS)} s: ${why}`);
    }
  }
}

/** Rate, latencies and CPU are those under the snapshot, medians of its windows. */
function byBefore(windows: readonly PhaseWindow[], count: HeldWork['count']): Sample {
  const of = (phase: Phase): PhaseWindow[] => windows.filter((window) => window.phase === phase);
  const held = of('held');
  const end = held.slice(-Math.ceil(held.length * END_SHARE));
  const before = medianSample(of('before'));
  const late = count === 'delivered' ? 'deliveryUs' : 'latencyUs';
  const more: Record<string, number> = { before_per_s: before.perSecond };
  for (const [name, part] of Object.entries({ held, end, after: of('after') })) {
    const later = medianSample(part);
    more[`${name}_by_before`] = later.perSecond / before.perSecond;
    const p99 = quotient(later[late]?.p99, before[late]?.p99);
    if (p99 !== null) more[`p99_${name}_by_before`] = p99;
    const cpu = quotient(CPU.read(later), CPU.read(before));
    if (cpu !== null) more[`cpu_${name}_by_before`] = cpu;
  }
  const problems = before.perSecond > 0 ? [] : ['nothing was done before the snapshot'];
  return { ...medianSample(held), more, problems };
}

function medianSample(windows: readonly PhaseWindow[]): Sample {
  return { ...mediansOf(windows), more: {}, problems: [] };
}

/** Null where one of them was not measured. */
function quotient(value: number | null | undefined, by: number | null | undefined): number | null {
  return value == null || by == null ? null : value / by;
}
