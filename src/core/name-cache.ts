/**
 * A small cache from bytes to string, for names that come over and over: one string object per name
 * spares the copy out of the bytes, and the hash at every Map look-up after it.
 */

const SLOTS = 1024;

export class NameCache {
  readonly #names: string[] = new Array<string>(SLOTS).fill('');

  /** The name that `[from, to)` spells, when it was put; null: not known. */
  find(bytes: Uint8Array, from: number, to: number): string | null {
    const name = this.#names[slotOf(bytes, from, to)] ?? '';
    if (name.length !== to - from) return null;
    for (let at = 0; at < name.length; at++) {
      if (name.charCodeAt(at) !== bytes[from + at]) return null;
    }
    return name;
  }

  /** The text of `[from, to)`, which is valid UTF-8; found from now on when it is ASCII. */
  read(bytes: Buffer, from: number, to: number): string {
    const name = bytes.toString('utf8', from, to);
    if (name.length === to - from) this.#names[slotOf(bytes, from, to)] = name;
    return name;
  }
}

function slotOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = to - from;
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
  return (hash ^ (hash >>> 10)) & (SLOTS - 1);
}
