/** Ratios of an earlier run, to see what became slower. Never absolute times: machines differ. */
import { readFileSync, writeFileSync } from 'node:fs';
import { UsageError } from './options.js';
import { figureOf, type Outcome, type Row } from './runner.js';
import type { Entry, Scenario } from './scenario.js';

/** `publish/memory` -> its figure by that of the entry it is against. */
export type Ratios = Readonly<Record<string, number>>;

/** Short runs have other ratios than long ones, so each kind is compared with its own. */
export interface Recorded {
  quick: Ratios;
  full: Ratios;
}

export interface Fall {
  scenario: Scenario;
  entry: Entry;
  /** One line. */
  text: string;
}

const FALL_MAX = 0.25;

/** Nothing recorded when there is no such file. Throws UsageError when it is none of ours. */
export function readRecorded(file: string): Recorded {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { quick: {}, full: {} };
    throw error;
  }
  try {
    const { quick, full } = JSON.parse(text) as Partial<Recorded>;
    return { quick: quick ?? {}, full: full ?? {} };
  } catch {
    throw new UsageError(`${file} is no JSON of recorded ratios`);
  }
}

/** What was not measured now keeps what was recorded. */
export function writeRecorded(file: string, kind: keyof Recorded, ratios: Ratios): void {
  const before = readRecorded(file);
  const sorted = Object.entries({ ...before[kind], ...ratios }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const all = { ...before, [kind]: Object.fromEntries(sorted) };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}

/** Of Conduit's own entries, to four digits. */
export function ratiosOf(outcomes: readonly Outcome[]): Ratios {
  return Object.fromEntries(
    outcomes.flatMap(({ scenario, rows }) =>
      rows.flatMap(({ entry, ratio }) =>
        ratio === null || !entry.contender.startsWith('conduit')
          ? []
          : [[nameOf(scenario.name, entry.name), Number(ratio.toPrecision(4))] as const],
      ),
    ),
  );
}

/** Also what has no figure any more, unless what it is against is missing on this machine. */
export function fallsSince(recorded: Ratios, outcomes: readonly Outcome[]): Fall[] {
  return outcomes.flatMap((outcome) =>
    outcome.rows.flatMap((row) => fallOf(recorded, outcome, row) ?? []),
  );
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

function fallOf(recorded: Ratios, { scenario, rows }: Outcome, row: Row): Fall | null {
  const { entry, ratio } = row;
  const name = nameOf(scenario.name, entry.name);
  const was = recorded[name];
  if (was === undefined) return null;
  const against = rows.find((other) => other.entry.name === entry.against);
  const before = `recorded ${was.toFixed(2)} of ${entry.against ?? 'another'}`;
  if (ratio === null) {
    if (against === undefined || against.missing !== null) return null;
    return { scenario, entry, text: `${name}: no figure, ${before}` };
  }
  const { better, name: figure } = figureOf(entry, scenario);
  const left = better === 'higher' ? ratio / was : was / ratio;
  if (left >= 1 - FALL_MAX) return null;
  const percent = Math.round((1 - left) * 100);
  const text = `${name}: ${figure} fell by ${percent} %: ${ratio.toFixed(2)}, ${before}`;
  return { scenario, entry, text };
}

function nameOf(scenario: string, entry: string): string {
  return `${scenario}/${entry}`;
}
