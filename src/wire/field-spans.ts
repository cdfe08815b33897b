/**
 * Where the known fields of one map lie in its bytes. Reused from message to message by one decoder
 * on one thread; what is to last is read out of it before the next map.
 */
import type { NameTable } from './name-table.js';

const ABSENT = -1;
/** `present` keeps one bit per field in a small integer. */
const FIELDS_MAX = 30;

export class FieldSpans {
  readonly names: NameTable;
  /** Bit n: the field at place n of `names` was found. */
  present = 0;
  /** The same for a field that was found more than once: what it says is anybody's guess. */
  repeated = 0;
  readonly #from: Int32Array;
  readonly #to: Int32Array;

  /** `names`: at most 30. */
  constructor(names: NameTable) {
    if (names.size > FIELDS_MAX) throw new Error(`FieldSpans: more than ${FIELDS_MAX} names`);
    this.names = names;
    this.#from = new Int32Array(names.size);
    this.#to = new Int32Array(names.size);
  }

  clear(): void {
    this.present = 0;
    this.repeated = 0;
  }

  set(place: number, from: number, to: number): void {
    const bit = 1 << place;
    this.repeated |= this.present & bit;
    this.present |= bit;
    this.#from[place] = from;
    this.#to[place] = to;
  }

  /** First byte of the value; -1: absent. */
  start(place: number): number {
    if ((this.present & (1 << place)) === 0) return ABSENT;
    return this.#from[place] ?? ABSENT;
  }

  /** One past its last byte; undefined sense if absent. */
  end(place: number): number {
    return this.#to[place] ?? ABSENT;
  }
}
