/** What a metric is declared with, and what a thread that has it says of it. */
import type { Histogram } from './histogram.js';

export type MetricType = 'counter' | 'gauge' | 'histogram';
export type Labels = Readonly<Record<string, string>>;

/** V: the values of its label; never: it has none. */
export interface Metric<V extends string = string> {
  readonly type: MetricType;
  readonly name: string;
  readonly help: string;
  /** Its own label; null: none. Of a metric in slots: whoever renders names them. */
  readonly label: string | null;
  readonly values: readonly V[];
  /** Of a histogram. */
  readonly bounds: readonly number[];
  /** `sum`: of all threads of its kind. `each`: one of each, with its number in the label `worker`. */
  readonly over: 'sum' | 'each';
  /** Numbers of one thread. */
  readonly cells: number;
}

/** A thread's own: of a plain metric its number, of one with a label a number by value. */
export type SampleOf<M> =
  M extends Metric<infer V>
    ? [V] extends [never]
      ? number | Histogram | ArrayLike<number>
      : Readonly<Record<V, number>>
    : never;

export type SamplesOf<T> = { readonly [K in keyof T]: SampleOf<T[K]> };

const PLAIN = { label: null, values: [], bounds: [], over: 'sum', cells: 1 } as const;

/** Since the start of the node; its name ends in _total. */
export function counter(name: string, help: string): Metric<never> {
  return { ...PLAIN, type: 'counter', name, help };
}

export function gauge(name: string, help: string): Metric<never> {
  return { ...PLAIN, type: 'gauge', name, help };
}

/** One of each worker. */
export function workerGauge(name: string, help: string): Metric<never> {
  return { ...PLAIN, type: 'gauge', name, help, over: 'each' };
}

/** By a label of a few values, which are known beforehand. */
export function by<V extends string>(
  metric: Metric<never>,
  label: string,
  values: readonly V[],
): Metric<V> {
  return { ...metric, label, values, cells: values.length };
}

/** So many numbers, which whoever renders them has labels for. */
export function inSlots(metric: Metric<never>, slots: number): Metric<never> {
  return { ...metric, cells: slots };
}

export function histogram(name: string, help: string, bounds: readonly number[]): Metric<never> {
  return { ...PLAIN, type: 'histogram', name, help, bounds, cells: bounds.length + 2 };
}
