/** The goals of a scenario: what is to be reached, checked against what was measured. */
import { type Figure, show } from './figure.js';

/** Null: the entry was not measured, or is invalid. */
export type ReadFigure = (entry: string, figure: Figure) => number | null;

export interface Verdict {
  /** Null: what it needs was not measured in this run. */
  met: boolean | null;
  /** `41,234/s; 0.81x`. */
  measured: string;
}

export type Check = (read: ReadFigure) => Verdict;

export interface Goal {
  text: string;
  check: Check;
}

export function goal(text: string, ...checks: readonly Check[]): Goal {
  return { text, check: (read) => all(checks.map((check) => check(read))) };
}

/** The entry's figure is at least `bound`, or at most where less is better. */
export function reaches(entry: string, figure: Figure, bound: number): Check {
  return (read) => verdict(read(entry, figure), figure, bound, figure.unit);
}

/** The same for its ratio to another entry's figure in the same run. */
export function ratioReaches(
  entry: string,
  other: string,
  figure: Figure,
  bound: number,
  otherFigure = figure,
): Check {
  return (read) => {
    const [value, reference] = [read(entry, figure), read(other, otherFigure)];
    const ratio = value === null || reference === null ? null : value / reference;
    return verdict(ratio, figure, bound, 'times', ` of ${other}`);
  };
}

/** The entry's figure is at most so much above another entry's in the same run. */
export function addsAtMost(entry: string, other: string, figure: Figure, bound: number): Check {
  return (read) => {
    const [value, reference] = [read(entry, figure), read(other, figure)];
    const added = value === null || reference === null ? null : value - reference;
    return verdict(added, { ...figure, better: 'lower' }, bound, figure.unit, ` over ${other}`);
  };
}

function verdict(
  value: number | null,
  { better }: Figure,
  bound: number,
  unit: Figure['unit'],
  tail = '',
): Verdict {
  if (value === null) return { met: null, measured: 'not measured' };
  const met = better === 'higher' ? value >= bound : value <= bound;
  return { met, measured: show(value, unit) + tail };
}

function all(verdicts: readonly Verdict[]): Verdict {
  const measured = verdicts.map((one) => one.measured).join('; ');
  if (verdicts.some(({ met }) => met === false)) return { met: false, measured };
  return { met: verdicts.some(({ met }) => met === null) ? null : true, measured };
}
