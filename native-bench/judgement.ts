/**
 * What became slower since what was recorded. Judged is the ratio to what ran beside it in the same run, on
 * whatever machine; a figure that has nothing beside it only on the machine that it was recorded on.
 */
import { isConduit } from './conduit.js';
import { type Figure, show } from './figure.js';
import { machineName } from './machine.js';
import {
  type Alone,
  aloneOf,
  type ByName,
  type Kind,
  type MeasuredRun,
  type Recorded,
  ratioOf,
  recordedName,
} from './recorded.js';
import { figureOf, type Outcome, type Row } from './runner.js';
import type { Entry, Scenario } from './scenario.js';

export interface Fall {
  scenario: Scenario;
  entry: Entry;
  /** One line. */
  text: string;
}

export interface Judgement {
  falls: readonly Fall[];
  /** How many were compared. */
  judged: number;
  /** Of the others, a line for each reason. */
  unjudged: readonly string[];
}

type Verdict =
  | { kind: 'kept' }
  /** `how` follows the entry's name. */
  | { kind: 'fell'; how: string }
  | { kind: 'unjudged'; why: string };

/** By which share a ratio may be worse; and a figure alone: a machine's speed differs from day to day. */
const RATIO_FALL_MAX = 0.25;
const ALONE_FALL_MAX = 0.5;
const KEPT: Verdict = { kind: 'kept' };

/** Of Conduit's own entries. */
export function judge(recorded: Recorded, kind: Kind, run: MeasuredRun): Judgement {
  const falls: Fall[] = [];
  const unjudged = new Map<string, string[]>();
  let judged = 0;
  for (const outcome of run.outcomes) {
    const { scenario, rows } = outcome;
    for (const row of rows.filter(({ entry }) => isConduit(entry.contender))) {
      const name = recordedName(scenario, row.entry);
      const verdict =
        name in recorded[kind]
          ? ofRatio(recorded[kind], row, outcome)
          : ofAlone(recorded.alone[kind], row, scenario, machineName(run.machine));
      if (verdict.kind === 'unjudged') {
        unjudged.set(verdict.why, [...(unjudged.get(verdict.why) ?? []), name]);
        continue;
      }
      judged += 1;
      if (verdict.kind === 'fell') {
        falls.push({ scenario, entry: row.entry, text: `${name}: ${verdict.how}` });
      }
    }
  }
  const lines = [...unjudged].map(([why, names]) => `${why}: ${names.join('; ')}`);
  return { falls, judged, unjudged: lines };
}

/** The scenarios with what fell alone, and what that is against: to be measured once more. */
export function narrowed(falls: readonly Fall[]): Scenario[] {
  const scenarios = [...new Set(falls.map(({ scenario }) => scenario))];
  return scenarios.map((scenario) => {
    const fallen = falls.filter((fall) => fall.scenario === scenario).map(({ entry }) => entry);
    const wanted = fallen.flatMap(({ name, against }) => [name, against]);
    const entries = scenario.entries.filter(({ name }) => wanted.includes(name));
    return { ...scenario, entries };
  });
}

/** What has no figure any more fell, unless what it is against is missing on this machine. */
function ofRatio(recorded: ByName, row: Row, { scenario, rows }: Outcome): Verdict {
  const { entry } = row;
  const was = recorded[recordedName(scenario, entry)] ?? Number.NaN;
  const against = rows.find((other) => other.entry.name === entry.against);
  if (entry.against !== undefined && (against === undefined || against.missing !== null)) {
    return { kind: 'unjudged', why: `not comparable: ${entry.against} did not run` };
  }
  const before = `recorded ${was.toFixed(2)}${entry.against === undefined ? '' : ` of ${entry.against}`}`;
  const ratio = ratioOf(row, scenario);
  if (ratio === null) return { kind: 'fell', how: `no figure, ${before}` };
  const figure = figureOf(entry, scenario);
  const percent = fallenBy(figure, ratio, was, RATIO_FALL_MAX);
  if (percent === null) return KEPT;
  return {
    kind: 'fell',
    how: `${figure.name} fell by ${percent} %: ${ratio.toFixed(2)}, ${before}`,
  };
}

function ofAlone(recorded: Alone, row: Row, scenario: Scenario, machine: string): Verdict {
  const { entry } = row;
  const was = recorded.figures[recordedName(scenario, entry)];
  if (was === undefined) return { kind: 'unjudged', why: 'not recorded' };
  if (recorded.machine !== machine) {
    return {
      kind: 'unjudged',
      why: `not comparable: other machine (recorded: ${recorded.machine}; this: ${machine})`,
    };
  }
  const figure = figureOf(entry, scenario);
  const value = aloneOf(row, scenario);
  const before = `recorded ${show(was, figure.unit)} on this machine`;
  if (value === null) return { kind: 'fell', how: `no figure, ${before}` };
  const percent = fallenBy(figure, value, was, ALONE_FALL_MAX);
  if (percent === null) return KEPT;
  return {
    kind: 'fell',
    how: `${figure.name} fell by ${percent} %: ${show(value, figure.unit)}, ${before}`,
  };
}

/** By how many percent it is worse; null: by no more than `max`. */
function fallenBy({ better }: Figure, value: number, was: number, max: number): number | null {
  const left = better === 'higher' ? value / was : was / value;
  return left >= 1 - max ? null : Math.round((1 - left) * 100);
}
