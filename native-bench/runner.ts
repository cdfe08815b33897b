/** Runs a scenario: its entries in turn, round by round, each on a server of its own. */
import path from 'node:path';
import { conduit, isConduit } from './conduit.js';
import type { Contender, Running, SelfMeasured } from './contender.js';
import { type Figure, show } from './figure.js';
import type { ReadFigure, Verdict } from './goal.js';
import type { OwnLoad } from './held.js';
import type { MeasuringTimes } from './measuring.js';
import { PEERS } from './peers/peers.js';
import type { OpenPlace, Places } from './places.js';
import { type Profile, profilingInto, readProfiles } from './profiles/profile.js';
import type { Spread, Step, Summary } from './sample.js';
import {
  failedSample,
  type Measured,
  medianSteps,
  medianWindows,
  oneLine,
  type PhaseWindow,
  spreadOf,
  summaryOf,
} from './sample.js';
import type { Entry, Scenario, Work } from './scenario.js';
import { doOwnWork, doWork } from './work.js';

export interface Mode extends MeasuringTimes {
  runs: number;
  quick: boolean;
  peers: boolean;
  /** Seconds that a snapshot is held; null: as the scenario says. */
  held: number | null;
  /** Each entry of Conduit runs once more under V8's profilers, whose files go there; null: none does. */
  profiles: string | null;
}

/** One entry after all its runs. */
export interface Row {
  entry: Entry;
  syncs: string;
  version: string | null;
  /** One line when it cannot run here; then there are no runs. */
  missing: string | null;
  runs: Measured[];
  /** Of all runs, each line once; any makes the entry invalid. */
  problems: string[];
  /** Null when it is missing or invalid, as the figure. */
  summary: Summary | null;
  steps: Step[];
  windows: PhaseWindow[];
  figure: Spread | null;
  /** The figure by that of the entry it is against. */
  ratio: number | null;
  /** Null: there was none. */
  profiled: Profiled | null;
}

/** A run more of an entry, under V8's profilers; it counts for nothing else. */
export interface Profiled {
  /** Where V8's files are: `<profiles>/<scenario>/<entry>`. */
  folder: string;
  profiles: readonly Profile[];
  /** They are the row's, too. */
  problems: readonly string[];
}

export interface GoalOutcome extends Verdict {
  text: string;
}

export interface Outcome {
  scenario: Scenario;
  rows: Row[];
  goals: GoalOutcome[];
}

/** What is started and not stopped yet. */
const started = new Set<Running>();

/** For the end of the run by a signal. */
export async function stopAll(): Promise<void> {
  await Promise.allSettled([...started].map((running) => running.stop()));
}

export function contenderOf({ contender, env }: Entry): Contender | SelfMeasured {
  return isConduit(contender) ? conduit(contender, env) : PEERS[contender];
}

/** `say`: one line of progress. Never rejects for what a contender does. */
export async function runScenario(
  scenario: Scenario,
  mode: Mode,
  places: Places,
  say: (line: string) => void,
  find: (entry: Entry) => Contender | SelfMeasured = contenderOf,
): Promise<Outcome> {
  const rows: Row[] = [];
  for (const entry of scenario.entries.filter((one) => takesPart(one, mode))) {
    rows.push(await newRow(entry, find(entry)));
  }
  const present = rows.filter(({ missing }) => missing === null);
  const runs = Math.min(mode.runs, scenario.runsMax ?? mode.runs);
  for (let run = 1; run <= runs; run++) {
    for (const row of present) {
      const measured = await runEntry(find(row.entry), row.entry, mode, places);
      row.runs.push(measured);
      say(progress(scenario, row, `run ${run} of ${runs}`, measured));
    }
  }
  for (const row of present) {
    finish(row, scenario);
    if (mode.profiles === null || !isConduit(row.entry.contender)) continue;
    say(`  ${scenario.name}: ${row.entry.name}, under the profilers`);
    const folder = path.join(mode.profiles, scenario.name, row.entry.name.replaceAll(/\W+/g, '-'));
    row.profiled = await profile(row.entry, folder, mode, places);
    const problems = row.profiled?.problems ?? [];
    row.problems.push(...problems.map((line) => `under the profilers: ${line}`));
  }
  for (const row of rows) row.ratio = ratioOf(row, rows);
  const read = reader(rows);
  // A run of a second says nothing of them.
  const wanted = mode.quick ? [] : scenario.goals;
  const goals = wanted.map(({ text, check }) => ({ text, ...check(read) }));
  return { scenario, rows, goals };
}

export function figureOf(entry: Entry, scenario: Scenario): Figure {
  return entry.figure ?? scenario.figure;
}

function takesPart(entry: Entry, mode: Mode): boolean {
  if (mode.quick && entry.quick === undefined) return false;
  return mode.peers || entry.peer !== true;
}

async function newRow(entry: Entry, contender: Contender): Promise<Row> {
  const missing = await contender.missing().catch(told);
  const version = missing === null ? await contender.version().catch(told) : null;
  const nothing = { summary: null, figure: null, ratio: null, profiled: null };
  const { syncs } = contender;
  const none = { runs: [], problems: [], steps: [], windows: [] };
  return { entry, syncs, version, missing, ...none, ...nothing };
}

/** A server that does not start, dies, or cannot be reached gives a sample with that problem. */
async function runEntry(
  contender: Contender | SelfMeasured,
  entry: Entry,
  mode: Mode,
  places: Places,
): Promise<Measured> {
  const opened: OpenRunning[] = [];
  const open = async (): Promise<Running> => {
    const one = await startIn(await places.next(), contender);
    opened.push(one);
    return one.running;
  };
  let running: Running | null = null;
  try {
    const { warmup, duration } = mode;
    const [work, times] = [workOf(entry, mode), { warmup, duration }];
    running = await open();
    if (work.kind === 'held') running.control = await open();
    if ('measure' in contender) {
      return await doOwnWork(work, ownLoad(contender, running), times);
    }
    const measured = await doWork(work, running, times);
    const ended = endOf(running);
    return ended === null ? measured : failed(ended);
  } catch (error) {
    return failed(endOf(running) ?? told(error));
  } finally {
    for (const { close } of opened) await close();
  }
}

interface OpenRunning {
  running: Running;
  close(): Promise<void>;
}

/** What does not start leaves nothing open. */
async function startIn(place: OpenPlace, contender: Contender): Promise<OpenRunning> {
  let running: Running | null = null;
  const close = async (): Promise<void> => {
    await running?.stop().catch(told);
    if (running !== null) started.delete(running);
    await place.close().catch(told);
  };
  try {
    running = await contender.start(place);
    started.add(running);
    return { running, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function ownLoad(contender: SelfMeasured, running: Running): OwnLoad {
  const { control, database = null } = running;
  return {
    measure: (seconds) => contender.measure(running, seconds),
    control: (seconds) => contender.measure(control ?? running, seconds),
    database,
  };
}

function endOf(running: Running | null): string | null {
  return running?.ended?.() ?? null;
}

function failed(why: string): Measured {
  return { sample: failedSample(why), steps: [] };
}

async function profile(
  entry: Entry,
  folder: string,
  mode: Mode,
  places: Places,
): Promise<Profiled | null> {
  const { contender, env } = entry;
  if (!isConduit(contender)) return null;
  const profiled = conduit(contender, { ...env, ...profilingInto(folder) });
  const { sample } = await runEntry(profiled, entry, mode, places);
  return { folder, profiles: readProfiles(folder), problems: sample.problems };
}

function workOf(entry: Entry, mode: Mode): Work {
  const work = changedWork(entry, mode);
  if (work.kind !== 'held' || mode.held === null) return work;
  return { ...work, seconds: mode.held };
}

function changedWork({ work, quick }: Entry, mode: Mode): Work {
  if (!mode.quick || quick === undefined) return work;
  const load = { ...work.load, ...quick.load };
  if (work.kind === 'held') return { ...work, load, seconds: quick.seconds ?? work.seconds };
  if (work.kind !== 'rates') return withFill({ ...work, load });
  return { ...work, load, rates: quick.rates ?? work.rates };
}

/** What is filled in before is as much as is to be read. */
function withFill(work: Work): Work {
  if (work.kind !== 'load' || work.before === undefined) return work;
  const { messages } = work.load;
  return { ...work, before: { ...work.before, ...(messages === undefined ? {} : { messages }) } };
}

function finish(row: Row, scenario: Scenario): void {
  const samples = row.runs.map(({ sample }) => sample);
  row.steps = medianSteps(row.runs);
  row.windows = medianWindows(row.runs);
  row.problems = [...new Set(samples.flatMap(({ problems }) => problems))];
  row.summary = summaryOf(samples);
  if (row.summary === null) return;
  row.figure = spread(row, figureOf(row.entry, scenario));
  if (row.figure !== null) return;
  row.problems.push(`it has no ${figureOf(row.entry, scenario).name}`);
  row.summary = null;
}

function spread(row: Row, figure: Figure): Spread | null {
  const values = row.runs.map(({ sample }) => figure.read(sample));
  const known = values.filter((value) => value !== null);
  return known.length === 0 || known.length < values.length ? null : spreadOf(known);
}

function ratioOf(row: Row, rows: readonly Row[]): number | null {
  const other = rows.find(({ entry }) => entry.name === row.entry.against);
  if (row.figure === null || other === undefined || other.figure === null) return null;
  return row.figure.median / other.figure.median;
}

function reader(rows: readonly Row[]): ReadFigure {
  return (name, figure) => {
    const row = rows.find(({ entry }) => entry.name === name);
    if (row === undefined || row.summary === null) return null;
    return spread(row, figure)?.median ?? null;
  };
}

function progress(scenario: Scenario, { entry }: Row, which: string, { sample }: Measured): string {
  const { name, read, unit } = figureOf(entry, scenario);
  const value = sample.problems.length > 0 ? null : read(sample);
  const what =
    value === null ? `invalid: ${sample.problems[0] ?? `no ${name}`}` : show(value, unit);
  return `  ${scenario.name}: ${entry.name}, ${which}: ${what}`;
}

function told(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}
