/**
 * Which sequences of a subscription are settled: everything up to `floor`, and ranges above it. Pure.
 * There are at most as many ranges as unsettled deliveries, which part them: a window holds at most 1,000,
 * and up to PARKED_MAX more may be parked behind a key that is stuck. All are written with every save.
 */
interface SettledRange {
  from: number;
  to: number;
}

/** Inclusive bounds of consecutive sequences. */
export type SequenceRange = readonly [from: number, to: number];

export class AckFloor {
  #floor: number;
  /** Sorted, disjoint, not adjacent, all above floor + 1. */
  readonly #ranges: SettledRange[] = [];
  #settledAbove = 0;

  /**
   * Everything up to and including `floor` counts as settled, and these ranges above it: ascending,
   * disjoint, not adjacent.
   */
  constructor(floor: number, settled: readonly SequenceRange[] = []) {
    this.#floor = floor;
    for (const [from, to] of settled) {
      if (to <= floor) continue;
      this.#ranges.push({ from, to });
      this.#settledAbove += to - from + 1;
    }
    this.#absorb();
  }

  get floor(): number {
    return this.#floor;
  }

  /** How many sequences above the floor are settled. */
  get settledAbove(): number {
    return this.#settledAbove;
  }

  /** What is settled above the floor. */
  ranges(): SequenceRange[] {
    return this.#ranges.map(({ from, to }) => [from, to]);
  }

  /** The lowest sequence from `from` on that is not settled. */
  nextUnsettled(from: number): number {
    if (from <= this.#floor) return this.#floor + 1;
    const range = this.#ranges[this.#firstEndingAtOrAfter(from)];
    return range !== undefined && range.from <= from ? range.to + 1 : from;
  }

  isSettled(sequence: number): boolean {
    if (sequence <= this.#floor) return true;
    const range = this.#ranges[this.#firstEndingAtOrAfter(sequence)];
    return range !== undefined && range.from <= sequence;
  }

  /** Settles `from` to `to`, above which nothing is settled. */
  settleTop(from: number, to: number): void {
    const last = this.#ranges.at(-1);
    if (from === this.#floor + 1) this.#floor = to;
    else {
      this.#settledAbove += to - from + 1;
      if (last?.to === from - 1) last.to = to;
      else this.#ranges.push({ from, to });
    }
  }

  /** False when it was settled before. */
  settle(sequence: number): boolean {
    if (this.isSettled(sequence)) return false;
    if (sequence === this.#floor + 1) {
      this.#floor = sequence;
      this.#absorb();
      return true;
    }
    const at = this.#firstEndingAtOrAfter(sequence - 1);
    const left = this.#ranges[at];
    this.#settledAbove++;
    if (left !== undefined && left.to === sequence - 1) {
      left.to = sequence;
      const right = this.#ranges[at + 1];
      if (right !== undefined && right.from === sequence + 1) {
        left.to = right.to;
        this.#ranges.splice(at + 1, 1);
      }
    } else if (left !== undefined && left.from === sequence + 1) {
      left.from = sequence;
    } else {
      this.#ranges.splice(at, 0, { from: sequence, to: sequence });
    }
    return true;
  }

  /** Settles everything up to and including `sequence`; false when all of it was. */
  settleUpTo(sequence: number): boolean {
    if (sequence <= this.#floor) return false;
    this.#floor = sequence;
    this.#absorb();
    return true;
  }

  /** Swallows the ranges that the floor has reached. */
  #absorb(): void {
    let gone = 0;
    for (const range of this.#ranges) {
      if (range.from > this.#floor + 1) break;
      this.#settledAbove -= range.to - range.from + 1;
      this.#floor = Math.max(this.#floor, range.to);
      gone++;
    }
    if (gone > 0) this.#ranges.splice(0, gone);
  }

  #firstEndingAtOrAfter(sequence: number): number {
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
