/** Which sequences were settled, to know them again: ranges, of which the lowest are forgotten. Pure. */

interface Range {
  from: number;
  to: number;
}

export class SettledRanges {
  /** Ascending, disjoint, not adjacent. */
  #ranges: Range[] = [];
  readonly #max: number;

  /** At most so many ranges; 0: nothing is remembered. */
  constructor(max: number) {
    this.#max = max;
  }

  has(sequence: number): boolean {
    const range = this.#ranges[this.#firstEndingFrom(sequence)];
    return range !== undefined && range.from <= sequence;
  }

  add(sequence: number): void {
    const last = this.#ranges.at(-1);
    if (last !== undefined && last.to === sequence - 1) last.to = sequence;
    else if (last === undefined || sequence > last.to) this.#insert(this.#ranges.length, sequence);
    else this.#addBelow(sequence);
  }

  delete(sequence: number): void {
    const at = this.#firstEndingFrom(sequence);
    const range = this.#ranges[at];
    if (range === undefined || range.from > sequence) return;
    const parts = [
      { from: range.from, to: sequence - 1 },
      { from: sequence + 1, to: range.to },
    ];
    this.#ranges.splice(at, 1, ...parts.filter(({ from, to }) => from <= to));
  }

  clear(): void {
    this.#ranges = [];
  }

  #addBelow(sequence: number): void {
    const at = this.#firstEndingFrom(sequence - 1);
    const range = this.#ranges[at];
    if (range === undefined || (range.from <= sequence && sequence <= range.to)) return;
    const next = this.#ranges[at + 1];
    if (range.to === sequence - 1) {
      range.to = sequence;
      if (next?.from === sequence + 1) {
        range.to = next.to;
        this.#ranges.splice(at + 1, 1);
      }
    } else if (range.from === sequence + 1) range.from = sequence;
    else this.#insert(at, sequence);
  }

  #insert(at: number, sequence: number): void {
    this.#ranges.splice(at, 0, { from: sequence, to: sequence });
    if (this.#ranges.length > this.#max) this.#ranges.shift();
  }

  /** The place of the first range that ends there or later. */
  #firstEndingFrom(sequence: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.to ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
