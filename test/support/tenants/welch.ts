/**
 * Whether two kinds of input take the same time, as dudect asks it (Reparaz, Balasch, Verbauwhede, 2017):
 * times of both, in an order by chance, without the slowest of all, and Welch's t of the two means. Beyond
 * 4.5 either way they differ; below it nothing is proven.
 */
import type { SeededRandom } from '../fuzz/seeded-random.js';

export const T_MAX = 4.5;
/** What is slower than this share of all tries was interrupted. */
const KEPT_SHARE = 0.95;
const WARM_UP = 2_000;

/**
 * Two kinds of input of the same work, used in turn. What is timed is one function for both: two that say the
 * same are compiled each by itself, and differ by a few nanoseconds for that.
 */
export interface Compared<T = unknown> {
  readonly one: readonly T[];
  readonly other: readonly T[];
  act(input: T): unknown;
}

export interface Timing {
  t: number;
  /** Medians, in nanoseconds. */
  oneNs: number;
  otherNs: number;
  tries: number;
}

/** `tries`: of each of both. */
export function compareTimes<T>(
  { one, other, act }: Compared<T>,
  { tries, random }: { tries: number; random: SeededRandom },
): Timing {
  for (let n = 0; n < WARM_UP; n++) {
    timeOf(act, inputOf(one, n));
    timeOf(act, inputOf(other, n));
  }
  const ones = new Float64Array(tries);
  const others = new Float64Array(tries);
  let [doneOnes, doneOthers] = [0, 0];
  while (doneOnes < tries || doneOthers < tries) {
    const isOne = doneOthers === tries || (doneOnes < tries && random.next() < 0.5);
    if (isOne) ones[doneOnes] = timeOf(act, inputOf(one, doneOnes++));
    else others[doneOthers] = timeOf(act, inputOf(other, doneOthers++));
  }
  const slowest = quantile(Float64Array.from([...ones, ...others]), KEPT_SHARE);
  const [kept, keptOthers] = [ones, others].map((all) => all.filter((ns) => ns <= slowest));
  return {
    t: welchT(kept ?? [], keptOthers ?? []),
    ...{ oneNs: quantile(ones, 0.5), otherNs: quantile(others, 0.5), tries },
  };
}

/** Of means, with their own variances. */
export function welchT(one: ArrayLike<number>, other: ArrayLike<number>): number {
  const [a, b] = [momentsOf(one), momentsOf(other)];
  const spread = Math.sqrt(a.variance / one.length + b.variance / other.length);
  const apart = a.mean - b.mean;
  return apart === 0 ? 0 : apart / spread;
}

function momentsOf(values: ArrayLike<number>): { mean: number; variance: number } {
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const squares = all.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / (all.length - 1) };
}

function quantile(values: Float64Array, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function inputOf<T>(inputs: readonly T[], n: number): T {
  const input = inputs[n % inputs.length];
  if (input === undefined) throw new Error('there is no input');
  return input;
}

function timeOf<T>(act: (input: T) => unknown, input: T): number {
  const began = process.hrtime.bigint();
  act(input);
  return Number(process.hrtime.bigint() - began);
}
