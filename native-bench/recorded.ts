/** The file of what an earlier run measured: ratios within that run, and figures alone with their machine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isConduit } from './conduit.js';
import { type Machine, machineName } from './machine.js';
import { UsageError } from './options.js';
import { figureOf, type Outcome, type Row } from './runner.js';
import type { Entry, Scenario } from './scenario.js';

/** `publish/memory` -> a number of it. */
export type ByName = Readonly<Record<string, number>>;

/** Short runs differ from long ones, so each kind is compared with its own. */
export type Kind = 'quick' | 'full';

/** `quick`, `full`: ratios, which say something on any machine. */
export interface Recorded extends Readonly<Record<Kind, ByName>> {
  alone: Readonly<Record<Kind, Alone>>;
}

/** Figures of entries that are against nothing: they say something on their machine only. */
export interface Alone {
  /** Null: nothing was recorded. */
  machine: string | null;
  figures: ByName;
}

/** What one run measured, and where. */
export interface MeasuredRun {
  outcomes: readonly Outcome[];
  machine: Machine;
}

const NOTHING: Alone = { machine: null, figures: {} };

/** Nothing recorded when there is no such file. Throws UsageError when it is none of ours. */
export function readRecorded(file: string): Recorded {
  try {
    const { quick = {}, full = {}, alone } = JSON.parse(textOf(file)) as Partial<Recorded>;
    return { quick, full, alone: { quick: NOTHING, full: NOTHING, ...alone } };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`${file} is no JSON of recorded ratios`);
  }
}

/** What was not measured now keeps what was recorded; figures alone only those of this machine. */
export function writeRecorded(file: string, kind: Kind, { outcomes, machine }: MeasuredRun): void {
  const before = readRecorded(file);
  const name = machineName(machine);
  const alone = before.alone[kind];
  const kept = alone.machine === name ? alone.figures : {};
  const figures = sorted({ ...kept, ...numbersOf(outcomes, aloneOf) });
  const all: Recorded = {
    ...before,
    [kind]: sorted({ ...before[kind], ...numbersOf(outcomes, ratioOf) }),
    alone: { ...before.alone, [kind]: { machine: name, figures } },
  };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}

export function recordedName(scenario: Scenario, entry: Entry): string {
  return `${scenario.name}/${entry.name}`;
}

/** The figure by that of what it is against, or one that is such a ratio itself; else null. */
export function ratioOf(row: Row, scenario: Scenario): number | null {
  if (row.ratio !== null) return row.ratio;
  const { isRatio } = figureOf(row.entry, scenario);
  return isRatio === true ? (row.figure?.median ?? null) : null;
}

/** Null where there is a ratio; also where percentiles of a short run are divided by one another. */
export function aloneOf({ entry, figure }: Row, scenario: Scenario): number | null {
  if (entry.against !== undefined || figureOf(entry, scenario).unit === 'times') return null;
  return figure?.median ?? null;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return '{}';
  }
}

/** Of Conduit's own entries, to four digits. */
function numbersOf(
  outcomes: readonly Outcome[],
  numberOf: (row: Row, scenario: Scenario) => number | null,
): ByName {
  return Object.fromEntries(
    outcomes.flatMap(({ scenario, rows }) =>
      rows.flatMap((row) => {
        const value = isConduit(row.entry.contender) ? numberOf(row, scenario) : null;
        if (value === null) return [];
        return [[recordedName(scenario, row.entry), Number(value.toPrecision(4))] as const];
      }),
    ),
  );
}

function sorted(numbers: ByName): ByName {
  return Object.fromEntries(Object.entries(numbers).sort(([a], [b]) => (a < b ? -1 : 1)));
}
