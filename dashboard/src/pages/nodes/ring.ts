/**
 * The ring that places topics on workers, and periodic work on nodes, as src/core/hash-ring.ts has it: 150
 * points a member, by CRC32. Here it is drawn, and asked what would move.
 */
const VIRTUAL_NODES = 150;
const ENCODER = new TextEncoder();

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest >>> 0;
});

export const HASH_MAX = 2 ** 32;

export function crc32(text: string): number {
  let hash = 0xffffffff;
  for (const byte of ENCODER.encode(text)) hash = (TABLE[(hash ^ byte) & 0xff] ?? 0) ^ (hash >>> 8);
  return (hash ^ 0xffffffff) >>> 0;
}

export interface RingPoint {
  at: number;
  member: string;
}

/** By where they stand. */
export function ringOf(members: readonly string[]): RingPoint[] {
  return members
    .flatMap((member) =>
      Array.from({ length: VIRTUAL_NODES }, (_, n) => ({ at: crc32(`${member}#${n}`), member })),
    )
    .sort((a, b) => a.at - b.at || (a.member < b.member ? -1 : 1));
}

/** Whose point follows the hash; null: there is none. */
export function memberAt(ring: readonly RingPoint[], hash: number): string | null {
  const next = ring.find(({ at }) => at >= hash) ?? ring[0];
  return next?.member ?? null;
}

/** How much of the ring is whose, from 0 to 1. */
export function sharesOf(ring: readonly RingPoint[]): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  ring.forEach(({ at, member }, n) => {
    const before = ring[n - 1]?.at ?? (ring.at(-1)?.at ?? 0) - HASH_MAX;
    shares.set(member, (shares.get(member) ?? 0) + (at - before) / HASH_MAX);
  });
  return shares;
}
