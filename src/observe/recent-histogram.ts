/**
 * What a histogram has counted of late: quantiles of the last looks, where all that it has ever counted would
 * say nothing of now. Bounded: it keeps the cells of WINDOW looks.
 */
const WINDOW = 10;

export class RecentHistogram {
  readonly #bounds: readonly number[];
  /** The oldest first, as Histogram has them. */
  readonly #looks: Float64Array[] = [];
  #recent: Float64Array;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#recent = new Float64Array(bounds.length + 2);
  }

  /** `cells`: of all that it has counted until now, as Histogram has them. */
  look(cells: Float64Array): void {
    const [before] = this.#looks;
    // What was counted before the first look is not of late.
    this.#recent = cells.map((cell, n) => (before === undefined ? 0 : cell - (before[n] ?? 0)));
    this.#looks.push(cells.slice());
    if (this.#looks.length > WINDOW) this.#looks.shift();
  }

  /** `share` of them were at most so much, evenly within a bound; above the last one: that. 0: none. */
  quantile(share: number): number {
    const counts = this.#recent.subarray(0, -1);
    const wanted = share * sum(counts);
    if (wanted === 0) return 0;
    let seen = 0;
    for (const [n, bound] of this.#bounds.entries()) {
      const count = counts[n] ?? 0;
      if (count > 0 && seen + count >= wanted) {
        const from = this.#bounds[n - 1] ?? 0;
        return from + ((bound - from) * (wanted - seen)) / count;
      }
      seen += count;
    }
    return this.#bounds.at(-1) ?? 0;
  }

  /** 0: there was none. */
  get mean(): number {
    const count = sum(this.#recent.subarray(0, -1));
    return count === 0 ? 0 : (this.#recent.at(-1) ?? 0) / count;
  }
}

function sum(cells: Float64Array): number {
  return cells.reduce((total, cell) => total + cell, 0);
}
