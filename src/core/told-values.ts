/**
 * Values by name that one node tells others who ask, each what has changed since it asked last; and what
 * one of those who ask knows of them. A value that is gone is told, too, as long as few are; then whoever
 * asks begins anew. Pure.
 */

/** Up to where somebody knows the values of a node: of which beginning, and which change. */
export interface ToldPlace {
  incarnation: number;
  version: number;
}

export interface ToldChanges<V> {
  place: ToldPlace;
  /** Whoever asks is to forget what he knew: these are of another beginning. */
  isAnew: boolean;
  /** Null: it is gone. */
  changes: (readonly [name: string, value: V | null])[];
  /** There are more. */
  more: boolean;
}

/** Beyond it those who ask begin anew. */
const GONE_MAX = 10_000;
/** Names of one node that are kept by others. */
const COPIED_MAX = 1_000_000;

interface Kept<V> {
  version: number;
  value: V | null;
}

export class ToldValues<V> {
  readonly #isSame: (one: V, other: V) => boolean;
  /** In the order of their versions. */
  #kept = new Map<string, Kept<V>>();
  #incarnation = 1;
  #version = 0;
  #gone = 0;

  constructor(isSame: (one: V, other: V) => boolean) {
    this.#isSame = isSame;
  }

  get(name: string): V | null {
    return this.#kept.get(name)?.value ?? null;
  }

  set(name: string, value: V | null): void {
    const known = this.#kept.get(name);
    if (known === undefined && value === null) return;
    if (known !== undefined && this.#isEqual(known.value, value)) return;
    if (known?.value === null) this.#gone--;
    if (value === null) this.#gone++;
    this.#kept.delete(name);
    this.#kept.set(name, { version: ++this.#version, value });
    if (this.#gone > GONE_MAX) this.#beginAnew();
  }

  /** At most `max` changes after `place`; null, or of another beginning: all there is. */
  since(place: ToldPlace | null, max: number): ToldChanges<V> {
    const isAnew = place?.incarnation !== this.#incarnation || place.version > this.#version;
    const from = isAnew ? 0 : place.version;
    const changes: (readonly [string, V | null])[] = [];
    let version = from;
    if (from < this.#version) {
      for (const [name, kept] of this.#kept) {
        if (kept.version <= from || (isAnew && kept.value === null)) continue;
        if (changes.length === max) {
          return {
            place: { incarnation: this.#incarnation, version },
            isAnew,
            changes,
            more: true,
          };
        }
        changes.push([name, kept.value]);
        ({ version } = kept);
      }
    }
    const whole = { incarnation: this.#incarnation, version: this.#version };
    return { place: whole, isAnew, changes, more: false };
  }

  #isEqual(one: V | null, other: V | null): boolean {
    return one === null || other === null ? one === other : this.#isSame(one, other);
  }

  #beginAnew(): void {
    this.#incarnation++;
    this.#gone = 0;
    this.#kept = new Map([...this.#kept].filter(([, { value }]) => value !== null));
  }
}

/** What another node told. */
export class ToldCopy<V> {
  readonly values = new Map<string, V>();
  place: ToldPlace | null = null;

  /** `onChange`: of each name whose value is another now. */
  apply(
    told: ToldChanges<V>,
    onChange: (name: string, before: V | null, now: V | null) => void,
  ): void {
    if (told.isAnew) this.clear(onChange);
    for (const [name, value] of told.changes) {
      const before = this.values.get(name) ?? null;
      if (value === null) this.values.delete(name);
      else if (before !== null || this.values.size < COPIED_MAX) this.values.set(name, value);
      else continue;
      onChange(name, before, value);
    }
    this.place = told.place;
  }

  clear(onChange: (name: string, before: V | null, now: V | null) => void): void {
    for (const [name, before] of this.values) onChange(name, before, null);
    this.values.clear();
    this.place = null;
  }
}
