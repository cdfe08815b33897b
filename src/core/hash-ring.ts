/**
 * Consistent hashing: keys to members over a ring of CRC32 points, 150 virtual nodes a member. Adding
 * or removing a member moves only the keys of that member's ranges. The same class places topics on
 * threads and work on nodes. Pure; lookups do not allocate.
 */
import { crc32 } from 'node:zlib';

export const VIRTUAL_NODES = 150;

interface Point {
  at: number;
  member: string;
}

export class HashRing {
  readonly #points: Point[];

  constructor(members: readonly string[], virtualNodes: number = VIRTUAL_NODES) {
    this.#points = members
      .flatMap((member) =>
        Array.from({ length: virtualNodes }, (_, i) => ({ at: crc32(`${member}#${i}`), member })),
      )
      .sort((a, b) => a.at - b.at || (a.member < b.member ? -1 : 1));
  }

  /** The member whose point follows the key's hash clockwise; null on an empty ring. */
  memberOf(key: string): string | null {
    const hash = crc32(key);
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle]?.at ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    return (this.#points[low] ?? this.#points[0])?.member ?? null;
  }
}
