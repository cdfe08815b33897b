/**
 * What the threads of one kind count, a second. A thread writes its counts about once a second, by its own
 * time: a rate is of the time between two writes of that thread, and stays until it writes again.
 */
import type { MetricCells, MetricTable } from '../observe/metric-cells.js';

const MS_PER_S = 1_000;

interface Written {
  saidMs: number;
  totals: readonly number[];
  perS: readonly number[];
}

export interface ThreadRatesOptions<T extends MetricTable> {
  cells: MetricCells<T>;
  /** When the thread wrote, by processMs. */
  said: keyof T;
  /** Which counts of a thread. */
  countsOf: (thread: number) => readonly number[];
}

export class ThreadRates<T extends MetricTable> {
  readonly #options: ThreadRatesOptions<T>;
  readonly #written: Written[] = [];

  constructor(options: ThreadRatesOptions<T>) {
    this.#options = options;
  }

  /** Of all threads together. */
  perS(): number[] {
    const { threads } = this.#options.cells;
    const rates = Array.from({ length: threads }, (_, thread) => this.#of(thread));
    return (rates[0] ?? []).map((_, n) => rates.reduce((sum, one) => sum + (one[n] ?? 0), 0));
  }

  #of(thread: number): readonly number[] {
    const { cells, said, countsOf } = this.#options;
    const [saidMs = 0] = cells.of(thread, said);
    const before = this.#written[thread];
    if (before?.saidMs === saidMs) return before.perS;
    const totals = countsOf(thread);
    // The first that it writes is of about a second, since nothing was before.
    const sinceMs = before === undefined || before.saidMs === 0 ? MS_PER_S : saidMs - before.saidMs;
    const perS = totals.map((total, n) => {
      const gained = Math.max(0, total - (before?.totals[n] ?? 0));
      return (gained * MS_PER_S) / Math.max(1, sinceMs);
    });
    this.#written[thread] = { saidMs, totals, perS };
    return perS;
  }
}
