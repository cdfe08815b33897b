/** Metrics as Prometheus reads them, text format 0.0.4. */
import { Registry } from '@platformatic/prom-client';
import { snakeCase } from '../core/snake-case.js';
import type { Labels, Metric } from './metric-kinds.js';

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Numbers of one metric: `cells` as a thread has them, or of all; with labels beside its own. */
export interface MetricPart {
  cells: ArrayLike<number>;
  labels: Labels;
  /** Of a metric in slots: of each number; null: it has none, and is left out. */
  slots?: (slot: number) => Labels | null;
}

interface Value {
  value: number;
  labels: Labels;
  metricName?: string;
}

export class MetricsText {
  readonly #registry = new Registry();

  /** Each metric once. */
  add(metric: Metric, parts: readonly MetricPart[]): void {
    const { name, help, type } = metric;
    const values = parts.flatMap((part) => valuesOf(metric, part));
    const get = () => ({ name, help, type, values, aggregator: 'sum' });
    // What the registry asks of a metric is its name, and get().
    this.#registry.registerMetric({ name, get } as never);
  }

  text(): Promise<string> {
    return Promise.resolve(this.#registry.metrics());
  }
}

function valuesOf(metric: Metric, { cells, labels, slots }: MetricPart): Value[] {
  if (metric.type === 'histogram') return histogramValues(metric, cells, labels);
  const own = Array.from(cells);
  if (slots !== undefined) {
    return own.flatMap((value, slot) => {
      const slotLabels = slots(slot);
      return slotLabels === null ? [] : [{ value, labels: { ...labels, ...slotLabels } }];
    });
  }
  const { label, values } = metric;
  if (label === null) return [{ value: own[0] ?? 0, labels }];
  return own.map((value, n) => ({
    value,
    labels: { ...labels, [label]: snakeCase(values[n] ?? '') },
  }));
}

/** Prometheus counts each bound with all below it. */
function histogramValues(
  { name, bounds }: Metric,
  cells: ArrayLike<number>,
  labels: Labels,
): Value[] {
  let count = 0;
  const buckets = [...bounds.map(String), '+Inf'].map((le, n) => {
    count += cells[n] ?? 0;
    return { value: count, labels: { ...labels, le }, metricName: `${name}_bucket` };
  });
  const sum = cells[bounds.length + 1] ?? 0;
  return [
    ...buckets,
    { value: sum, labels, metricName: `${name}_sum` },
    { value: count, labels, metricName: `${name}_count` },
  ];
}
