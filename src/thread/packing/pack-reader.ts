/** Reading of what a PackWriter wrote: as it knows, so must the reader know which fields come. */
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

  get done(): boolean {
    return this.#at >= this.#end;
  }

  u8(): number {
    return this.#buffer[this.#at++] ?? 0;
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
    const value = this.#buffer.toString('utf8', this.#at, this.#at + length);
    this.#at += length;
    return value;
  }
}
