/**
 * A fixed set of field or type names, found by their bytes: one multiply, one probe, one compare, and
 * no string is made. Built once at load; immutable after.
 */

const SLOTS = 256;
const EMPTY = -1;

function slotOf(length: number, first: number, middle: number, last: number, seed: number): number {
  const mixed = length * 31 + first * 7 + middle * 131 + last * 17;
  return (Math.imul(mixed, seed) >>> 16) & (SLOTS - 1);
}

export class NameTable {
  readonly size: number;
  readonly #seed: number;
  readonly #slots = new Int16Array(SLOTS);
  readonly #names: readonly Uint8Array[];

  /** `names`: ASCII, unique; the place of a name in the list is what `find` gives. */
  constructor(names: readonly string[]) {
    this.size = names.length;
    this.#names = names.map((name) => Uint8Array.from(Buffer.from(name, 'latin1')));
    this.#seed = this.#place();
  }

  /** '' past the last. */
  nameAt(place: number): string {
    return Buffer.from(this.#names[place] ?? []).toString('latin1');
  }

  /** Place of the name that `[from, to)` spells; -1: none. */
  find(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    if (length <= 0) return EMPTY;
    const first = bytes[from] ?? 0;
    const middle = bytes[from + (length >> 1)] ?? 0;
    const last = bytes[to - 1] ?? 0;
    const place = this.#slots[slotOf(length, first, middle, last, this.#seed)] ?? EMPTY;
    const name = this.#names[place];
    if (name === undefined || name.length !== length) return EMPTY;
    for (let at = 0; at < length; at++) {
      if (bytes[from + at] !== name[at]) return EMPTY;
    }
    return place;
  }

  /** The same for text; for names that came with escapes, so seldom. */
  findText(text: string): number {
    const bytes = Buffer.from(text, 'utf8');
    return this.find(bytes, 0, bytes.length);
  }

  /** Tries odd seeds until no two names share a slot. A set without such a seed fails at load. */
  #place(): number {
    for (let seed = 0x9e3779b1; seed < 0x9e3779b1 + 200_000; seed += 2) {
      this.#slots.fill(EMPTY);
      if (this.#names.every((name, place) => this.#claim(name, place, seed))) return seed;
    }
    throw new Error('NameTable: no seed separates these names');
  }

  #claim(name: Uint8Array, place: number, seed: number): boolean {
    const middle = name[name.length >> 1] ?? 0;
    const slot = slotOf(name.length, name[0] ?? 0, middle, name[name.length - 1] ?? 0, seed);
    if (this.#slots[slot] !== EMPTY) return false;
    this.#slots[slot] = place;
    return true;
  }
}
