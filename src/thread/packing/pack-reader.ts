/**
 * Reading of what a PackWriter wrote: as it knows, so must the reader know which fields come. What no
 * PackWriter can have written throws RangeError: a worker of another node may say anything.
 */
import type { TopicKey } from '../../core/topic-key.js';
import { FIRST_TIME, LENGTH_BYTES } from './pack-writer.js';

/** Reads what a PackWriter wrote. Slices from `blob` and `bytes16` point into the received buffer. */
export class PackReader {
  readonly #packed: ArrayBuffer;
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #end: number;
  /** By their numbers, of all that was packed by the same writer. */
  readonly #names: string[];
  #at = LENGTH_BYTES;

  /** `names` is kept from one buffer to the next, which are read in the order they were packed. */
  constructor(packed: ArrayBuffer, names: string[] = []) {
    this.#names = names;
    this.#packed = packed;
    this.#buffer = Buffer.from(packed);
    this.#view = new DataView(packed);
    this.#end = this.#view.getUint32(0, true);
  }

  /** As the writer says. */
  get bytes(): number {
    return this.#end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  u8(): number {
    const value = this.#buffer[this.#at++];
    if (value === undefined) throw new RangeError('an operation is cut off');
    return value;
  }

  /** One of so many, numbered from 0. */
  kind(kinds: number): number {
    const value = this.u8();
    if (value < kinds) return value;
    throw new RangeError(`no kind of ${kinds} has the number ${value}`);
  }

  u16(): number {
    const value = this.#view.getUint16(this.#at, true);
    this.#at += 2;
    return value;
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  /** A sequence, a term, a number of things: an integer from 0 on. */
  count(): number {
    const value = this.f64();
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new RangeError(`${value} is no count`);
  }

  text(): string {
    return this.#slice(this.u16());
  }

  textOrNull(): string | null {
    const length = this.u16();
    return length === 0xffff ? null : this.#slice(length);
  }

  /** What `name` wrote: the same string object each time. */
  name(): string {
    const number = this.u16();
    if (number < FIRST_TIME) {
      const name = this.#names[number];
      if (name === undefined) throw new RangeError(`no name has the number ${number}`);
      return name;
    }
    const name = this.text();
    this.#names[number - FIRST_TIME] = name;
    return name;
  }

  /** A topic's key, which is packed as a name: the writer's thread made it. */
  topicKey(): TopicKey {
    return this.name() as TopicKey;
  }

  bytes16(): Uint8Array {
    return this.#bytes(16);
  }

  blob(): Uint8Array {
    return this.#bytes(this.u32());
  }

  longText(): string {
    return this.#slice(this.u32());
  }

  /** No Buffer: that costs four times a plain view. */
  #bytes(length: number): Uint8Array {
    const value = new Uint8Array(this.#packed, this.#at, length);
    this.#at += length;
    return value;
  }

  #slice(length: number): string {
    if (this.#at + length > this.#end) throw new RangeError('a text is cut off');
    const value = this.#buffer.toString('utf8', this.#at, this.#at + length);
    this.#at += length;
    return value;
  }
}
