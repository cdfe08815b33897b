/** Sequences as the ranges they make: what is told as one gap. Pure. */
import type { SequenceRange } from './ack-floor.js';

/** Ascending, disjoint, not adjacent; the sequences may come in any order, and repeat. */
export function rangesOf(sequences: readonly number[]): SequenceRange[] {
  const ranges: [from: number, to: number][] = [];
  for (const sequence of [...sequences].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last === undefined || sequence > last[1] + 1) ranges.push([sequence, sequence]);
    else last[1] = sequence;
  }
  return ranges;
}
