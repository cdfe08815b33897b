/**
 * What a snapshot that somebody holds costs: a load in windows, before another session of the same
 * database has one, while it does, and after. In turn with each window the same load runs in a database
 * that nobody holds, the control: a machine that grows slower meanwhile is slower for both. A figure is
 * what a part of the windows comes to by the control's, by the same before.
 */
import type { Sample } from './contender.js';
import { CPU } from './figure.js';
import { runLoad } from './loadgen.js';
import type { MeasuredServer, MeasuringTimes } from './measuring.js';
import {
  type Counted,
  failedSample,
  type Measured,
  median,
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
  /** The same load where nobody holds anything. */
  control(seconds: number): Promise<Sample>;
  /** URL of what is held; null: there is none. */
  database: string | null;
}

/** One that is to be held, and another of the same contender. */
export interface HeldServers {
  held: MeasuredServer;
  control: MeasuredServer;
}

/** What is long held has longer windows; those before and after are as long as any measurement. */
const HELD_WINDOWS_MAX = 12;
/** Of its own, and of the control. */
const LOADS = 2;
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
  { held, control }: HeldServers,
  times: MeasuringTimes,
): Promise<Measured> {
  const loadOn =
    ({ target, processes }: MeasuredServer) =>
    async (seconds: number): Promise<Sample> => {
      const warmup = Math.min(WINDOW_WARMUP_S_MAX, WINDOW_WARMUP_SHARE * seconds);
      const options = { ...work.load, warmup, duration: seconds - warmup };
      return windowOf(await runLoad(target, options, processes), work.count);
    };
  const { database } = held;
  return phasesOf(work, { measure: loadOn(held), control: loadOn(control), database }, times);
}

/** The same of a contender that measures itself. Rejects what `measure` does. */
export async function phasesOf(
  { seconds: heldS, count }: HeldWork,
  load: OwnLoad,
  { warmup, duration }: MeasuringTimes,
): Promise<Measured> {
  const { database } = load;
  if (database === null) throw new Error('it has no database that somebody could hold');
  const windowS = Math.max(duration, heldS / LOADS / HELD_WINDOWS_MAX);
  const heldWindows = Math.max(1, Math.round(heldS / LOADS / windowS));
  const plainWindows = Math.ceil(heldWindows * PLAIN_SHARE);
  const course = new Course(load);
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
  readonly #load: OwnLoad;
  #problem: string | null = null;

  constructor(load: OwnLoad) {
    this.#load = load;
  }

  /** The first there was. */
  get problem(): string | null {
    return this.#problem;
  }

  tell(problem: string | null): void {
    this.#problem ??= problem;
  }

  async warm(seconds: number): Promise<void> {
    for (const measure of [this.#load.control, this.#load.measure]) {
      const [why] = (await measure(seconds)).problems;
      if (why !== undefined) this.tell(`warming up: ${why}`);
    }
  }

  async run(phase: Phase, count: number, seconds: number): Promise<void> {
    const from = performance.now();
    for (let n = 0; n < count && this.#problem === null; n++) {
      const atS = (performance.now() - from) / 1_000;
      const { problems, more: _, ...figures } = await this.#load.measure(seconds);
      const { problems: others, more: _more, ...control } = await this.#load.control(seconds);
      this.windows.push({ phase, atS, ...figures, control });
      const why = problems[0] ?? others.map((line) => `the control: ${line}`)[0];
      if (why !== undefined) this.tell(`${phase}, ${Math.round(atS)} s: ${why}`);
    }
  }
}

/** Rate, latencies and CPU are those under the snapshot, medians of its windows. */
function byBefore(windows: readonly PhaseWindow[], count: HeldWork['count']): Sample {
  const of = (phase: Phase): PhaseWindow[] => windows.filter((window) => window.phase === phase);
  const [before, held] = [of('before'), of('held')];
  const end = held.slice(-Math.ceil(held.length * END_SHARE));
  const late = count === 'delivered' ? 'deliveryUs' : 'latencyUs';
  const more: Record<string, number> = { before_per_s: mediansOf(before).perSecond };
  for (const [name, part] of Object.entries({ held, end, after: of('after') })) {
    const tell = (field: string, read: ReadCounted): void => {
      const value = byControl(part, read) / byControl(before, read);
      if (Number.isFinite(value)) more[`${field}${name}_by_before`] = value;
    };
    tell('', ({ perSecond }) => perSecond);
    tell('p99_', ({ [late]: latency }) => latency?.p99 ?? Number.NaN);
    tell('cpu_', (counted) => CPU.read(asSample(counted)) ?? Number.NaN);
  }
  const stood = before.some(({ perSecond, control }) => !(perSecond > 0 && control.perSecond > 0));
  const problems = stood ? ['nothing was done before the snapshot'] : [];
  return { ...asSample(mediansOf(held)), more, problems };
}

type ReadCounted = (counted: Counted) => number;

/** The median over windows; NaN where it was not measured. */
function byControl(windows: readonly PhaseWindow[], read: ReadCounted): number {
  return median(windows.map((window) => read(window) / read(window.control)));
}

function asSample(counted: Counted): Sample {
  return { ...counted, more: {}, problems: [] };
}
