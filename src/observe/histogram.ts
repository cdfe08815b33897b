/**
 * How often something took how long, or was how large: counts by fixed bounds, of one thread. A plain array,
 * so that observing makes no object; what all threads have is added up where it is read.
 */
export class Histogram {
  /** Upper bounds, each inclusive, in the metric's unit. */
  readonly bounds: readonly number[];
  /** How many were within each bound and above the one before; then those above all; then the sum. */
  readonly cells: Float64Array;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.cells = new Float64Array(bounds.length + 2);
  }

  /** `times`: so many of that value. */
  observe(value: number, times = 1): void {
    const { bounds, cells } = this;
    let place = 0;
    while (place < bounds.length && value > (bounds[place] ?? 0)) place++;
    cells[place] = (cells[place] ?? 0) + times;
    cells[bounds.length + 1] = (cells[bounds.length + 1] ?? 0) + value * times;
  }

  /** How many were observed. */
  get count(): number {
    return this.cells.subarray(0, -1).reduce((count, cell) => count + cell, 0);
  }

  /** What they come to together. */
  get sum(): number {
    return this.cells[this.bounds.length + 1] ?? 0;
  }

  /** What another of the same bounds has counted. */
  add({ cells }: Histogram): void {
    for (const [n, value] of cells.entries()) this.cells[n] = (this.cells[n] ?? 0) + value;
  }
}
