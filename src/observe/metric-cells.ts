/**
 * What the threads of one kind say of themselves, in memory that all threads of the node read: a thread
 * writes its own part once a second, nobody else does. One that takes another's place goes on from its
 * counts.
 */
import { Histogram } from './histogram.js';
import type { Metric, SamplesOf } from './metric-kinds.js';

export type MetricTable = Readonly<Record<string, Metric>>;

export class MetricCells<T extends MetricTable> {
  readonly #table: T;
  readonly #cells: Float64Array;
  readonly #places = new Map<keyof T, number>();
  readonly #size: number;

  constructor(table: T, memory: SharedArrayBuffer) {
    this.#table = table;
    this.#cells = new Float64Array(memory);
    this.#size = sizeOf(table);
    let place = 0;
    for (const name of Object.keys(table)) {
      this.#places.set(name, place);
      place += table[name]?.cells ?? 0;
    }
  }

  static memory(table: MetricTable, threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(threads * sizeOf(table) * Float64Array.BYTES_PER_ELEMENT);
  }

  get threads(): number {
    return this.#cells.length / this.#size;
  }

  metrics(): [keyof T & string, Metric][] {
    return Object.entries(this.#table);
  }

  /** Of one thread, by its number; a histogram as Histogram has it. */
  of(thread: number, name: keyof T): Float64Array {
    const from = thread * this.#size + (this.#places.get(name) ?? 0);
    return this.#cells.subarray(from, from + (this.#table[name]?.cells ?? 0));
  }

  /** Of all threads together. */
  sum(name: keyof T): Float64Array {
    const total = new Float64Array(this.#table[name]?.cells ?? 0);
    for (let thread = 0; thread < this.threads; thread++) {
      for (const [n, value] of this.of(thread, name).entries()) total[n] = (total[n] ?? 0) + value;
    }
    return total;
  }

  /** For the thread of that number alone; counts are since it took its place. */
  writer(thread: number): (samples: SamplesOf<T>) => void {
    const from = thread * this.#size;
    const before = this.#cells.slice(from, from + this.#size);
    return (samples) => {
      for (const [name, place] of this.#places) {
        const metric = this.#table[name];
        if (metric === undefined) continue;
        const values = valuesOf(metric, samples[name as keyof SamplesOf<T>]);
        const adds = metric.type !== 'gauge';
        for (let n = 0; n < metric.cells; n++) {
          const base = adds ? (before[place + n] ?? 0) : 0;
          this.#cells[from + place + n] = base + (values[n] ?? 0);
        }
      }
    };
  }
}

function valuesOf(metric: Metric, sample: unknown): ArrayLike<number> {
  if (typeof sample === 'number') return [sample];
  if (sample instanceof Histogram) return sample.cells;
  if (metric.label === null) return sample as ArrayLike<number>;
  const byValue = sample as Readonly<Record<string, number>>;
  return metric.values.map((value) => byValue[value] ?? 0);
}

function sizeOf(table: MetricTable): number {
  return Object.values(table).reduce((size, { cells }) => size + cells, 0);
}
