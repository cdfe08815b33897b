/** Samples out of what the load generator measured, and the figures of several runs out of samples. */
import type { Latency, Sample } from './contender.js';
import type { LoadResult } from './load-result.js';

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Medians over the runs of one entry. */
export interface Summary extends Omit<Sample, 'problems' | 'perSecond'> {
  perSecond: Spread;
}

/** What a rate of publishes per second came to: a line of the table of rising rates. */
export interface Step {
  rate: number;
  perSecond: number;
  latencyUs: Latency | null;
  /** Share of publishes that failed. */
  errors: number;
  passed: boolean;
  problems: readonly string[];
}

export type Phase = 'before' | 'held' | 'after';

/** What is counted in a window of a load. */
export type Counted = Omit<Sample, 'problems' | 'more'>;

/** A line of the table of phases. */
export interface PhaseWindow extends Counted {
  phase: Phase;
  /** Of its beginning, from that of its phase. */
  atS: number;
  /** The window after it, of the same load where nobody holds a snapshot. */
  control: Counted;
}

/** One run of one entry. */
export interface Measured {
  sample: Sample;
  /** Empty where the rate does not rise. */
  steps: readonly Step[];
  /** Of the phases of a run under a snapshot. */
  windows?: readonly PhaseWindow[];
}

const MICROSECONDS = 1e6;

/** `count`: whether publishes or deliveries are what the run is about. Nothing of them is a problem. */
export function sampleOf(result: LoadResult, count: 'published' | 'delivered'): Sample {
  const sample = windowOf(result, count);
  if (result[count].count > 0) return sample;
  return { ...sample, problems: [...sample.problems, `nothing was ${count}`] };
}

/** Of a part of a load: in a short one there may be nothing. */
export function windowOf(result: LoadResult, count: 'published' | 'delivered'): Sample {
  const { published, delivered, problems } = result;
  const counted = result[count];
  const said = problems.map(oneLine);
  if (!result.valid && said.length === 0) said.push('the load generator calls the run invalid');
  const perMessage = MICROSECONDS / Math.max(1, counted.count);
  return {
    perSecond: counted.perSecond,
    latencyUs: published.latencyUs,
    deliveryUs: delivered.latencyUs,
    cpuUs: mapValues(result.cpuS, (seconds) => seconds * perMessage),
    more: delivered.acked > 0 ? { acked_per_s: delivered.acked / result.seconds } : {},
    problems: said,
  };
}

export function failedSample(problem: string): Sample {
  const none = { latencyUs: null, deliveryUs: null, cpuUs: {}, more: {} };
  return { perSecond: 0, ...none, problems: [oneLine(problem)] };
}

export function oneLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}

/** Null when there is none, or one of them has problems. */
export function summaryOf(samples: readonly Sample[]): Summary | null {
  if (samples.length === 0 || samples.some(({ problems }) => problems.length > 0)) return null;
  return {
    perSecond: spreadOf(samples.map(({ perSecond }) => perSecond)),
    latencyUs: medianLatency(samples.map(({ latencyUs }) => latencyUs)),
    deliveryUs: medianLatency(samples.map(({ deliveryUs }) => deliveryUs)),
    cpuUs: medianFields(samples.map(({ cpuUs }) => cpuUs)),
    more: medianFields(samples.map(({ more }) => more)),
  };
}

/** Medians by rate; a step that failed in one run has failed. */
export function medianSteps(runs: readonly Measured[]): Step[] {
  const all = runs.flatMap(({ steps }) => steps);
  const rates = [...new Set(all.map(({ rate }) => rate))].sort((a, b) => a - b);
  return rates.map((rate) => {
    const steps = all.filter((step) => step.rate === rate);
    return {
      rate,
      perSecond: median(steps.map(({ perSecond }) => perSecond)),
      latencyUs: medianLatency(steps.map(({ latencyUs }) => latencyUs)),
      errors: Math.max(...steps.map(({ errors }) => errors)),
      passed: steps.every(({ passed }) => passed),
      problems: [...new Set(steps.flatMap(({ problems }) => problems))],
    };
  });
}

/** Medians by place, of runs that have as many windows. */
export function medianWindows(runs: readonly Measured[]): PhaseWindow[] {
  const all = runs.flatMap(({ windows }) => (windows === undefined ? [] : [windows]));
  return (all[0] ?? []).map(({ phase }, n) => {
    const same = all.flatMap((windows) => windows[n] ?? []);
    const control = mediansOf(same.map((window) => window.control));
    return { phase, atS: median(same.map(({ atS }) => atS)), ...mediansOf(same), control };
  });
}

export function mediansOf(windows: readonly Counted[]): Counted {
  return {
    perSecond: median(windows.map(({ perSecond }) => perSecond)),
    latencyUs: medianLatency(windows.map(({ latencyUs }) => latencyUs)),
    deliveryUs: medianLatency(windows.map(({ deliveryUs }) => deliveryUs)),
    cpuUs: medianFields(windows.map(({ cpuUs }) => cpuUs)),
  };
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

function medianLatency(all: readonly (Latency | null)[]): Latency | null {
  const known = all.filter((latency) => latency !== null);
  if (known.length === 0) return null;
  const at = (name: keyof Latency): number => median(known.map((latency) => latency[name]));
  return {
    p50: at('p50'),
    p90: at('p90'),
    p95: at('p95'),
    p99: at('p99'),
    p999: at('p999'),
    max: at('max'),
    mean: at('mean'),
  };
}

function medianFields(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = [...new Set(all.flatMap((fields) => Object.keys(fields)))];
  const values = (name: string): number[] => all.flatMap((fields) => fields[name] ?? []);
  return Object.fromEntries(names.map((name) => [name, median(values(name))]));
}

function mapValues(
  fields: Readonly<Record<string, number>>,
  change: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, change(value)]));
}
