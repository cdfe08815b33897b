/** What a run measured, by metric and by the sub-metrics that thresholds name (`name{tag:value}`). */
import type { MetricKind, Sample, Tags } from './messages.js';

export type Values = Record<string, number>;

export interface Figure {
  type: MetricKind;
  values: Values;
  thresholds?: Record<string, { ok: boolean }>;
}

const BUILT_IN: Readonly<Record<string, MetricKind>> = {
  checks: 'rate',
  dropped_iterations: 'counter',
  http_reqs: 'counter',
  http_req_duration: 'trend',
  http_req_failed: 'rate',
  iterations: 'counter',
  iteration_duration: 'trend',
  ws_sessions: 'counter',
  ws_msgs_received: 'counter',
};

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '==': (a, b) => a === b,
};

export class Figures {
  readonly #kinds: Readonly<Record<string, MetricKind>>;
  readonly #samples = new Map<string, Sample[]>();
  readonly #thresholds: Readonly<Record<string, readonly string[]>>;
  readonly #stats: readonly string[];

  constructor(kinds: Readonly<Record<string, MetricKind>>, options: Record<string, unknown>) {
    this.#kinds = { ...BUILT_IN, ...kinds };
    this.#thresholds = (options['thresholds'] ?? {}) as Record<string, readonly string[]>;
    this.#stats = (options['summaryTrendStats'] ?? ['avg', 'max']) as readonly string[];
  }

  add(samples: readonly Sample[]): void {
    for (const sample of samples) {
      const of = this.#samples.get(sample.metric);
      if (of === undefined) this.#samples.set(sample.metric, [sample]);
      else of.push(sample);
    }
  }

  /** Of every metric that was measured, and of each that has a threshold. */
  all(durationS: number): Record<string, Figure> {
    const names = new Set([...this.#samples.keys(), ...Object.keys(this.#thresholds)]);
    return Object.fromEntries([...names].map((name) => [name, this.#figure(name, durationS)]));
  }

  #figure(name: string, durationS: number): Figure {
    const { metric, tags } = parse(name);
    const type = this.#kinds[metric];
    if (type === undefined) throw new Error(`a threshold names ${metric}, which nobody declared`);
    const samples = (this.#samples.get(metric) ?? []).filter((one) => fits(one.tags, tags));
    const values = this.#values(
      type,
      samples.map(({ value }) => value),
      durationS,
    );
    const rules = this.#thresholds[name];
    if (rules === undefined) return { type, values };
    const thresholds = rules.map((rule) => [rule, { ok: holds(rule, values, samples) }] as const);
    return { type, values, thresholds: Object.fromEntries(thresholds) };
  }

  #values(type: MetricKind, values: number[], durationS: number): Values {
    const sum = values.reduce((total, value) => total + value, 0);
    if (type === 'counter') return { count: sum, rate: sum / durationS };
    if (type === 'gauge') return { value: values.at(-1) ?? 0 };
    if (type === 'rate') {
      const rate = values.length === 0 ? 0 : sum / values.length;
      return { rate, passes: sum, fails: values.length - sum };
    }
    values.sort((a, b) => a - b);
    return Object.fromEntries(this.#stats.map((stat) => [stat, statOf(stat, values, sum)]));
  }
}

function parse(name: string): { metric: string; tags: Tags } {
  const [, metric = name, text = ''] = /^([^{]+)\{(.*)\}$/.exec(name) ?? [];
  const pairs = text === '' ? [] : text.split(',').map((pair) => pair.split(':', 2));
  return { metric, tags: Object.fromEntries(pairs) as Tags };
}

function fits(tags: Tags, wanted: Tags): boolean {
  return Object.entries(wanted).every(([name, value]) => tags[name] === value);
}

function statOf(stat: string, sorted: readonly number[], sum: number): number {
  if (sorted.length === 0) return 0;
  if (stat === 'avg') return sum / sorted.length;
  const share = { min: 0, med: 0.5, max: 1 }[stat] ?? Number(/^p\((.+)\)$/.exec(stat)?.[1]) / 100;
  if (Number.isNaN(share)) throw new Error(`${stat} is no statistic of a trend`);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? (sorted[0] as number);
}

/** A trend's or a rate's rule over nothing holds, as in k6: what has to be there has a rule of its own. */
function holds(rule: string, values: Values, samples: readonly Sample[]): boolean {
  const [, stat = '', operator = '', bound = ''] =
    /^([a-z]+(?:\([\d.]+\))?)\s*(<=|>=|==|<|>)\s*([\d.]+)$/.exec(rule) ?? [];
  const compare = COMPARE[operator];
  if (compare === undefined) throw new Error(`${rule} is no threshold`);
  if (samples.length === 0 && !('count' in values)) return true;
  const measured = values[stat];
  const value =
    measured ??
    statOf(
      stat,
      samples.map((one) => one.value).sort((a, b) => a - b),
      Number.NaN,
    );
  return compare(value, Number(bound));
}
