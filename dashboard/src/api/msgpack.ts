/**
 * msgpack of the frames of the playground, to be looked at: what the node writes, and small frames of maps
 * and plain values. By hand, since the codec of the client is a twentieth of all that the page may weigh.
 */
import { ExactNumber } from './json.js';

const TEXT = new TextDecoder();
const BYTES = new TextEncoder();

/** The values that stand one behind another. Numbers that a page cannot hold, and bytes, as text. */
export function readMsgpack(bytes: Uint8Array): unknown[] {
  const reader = new Reader(bytes);
  const values: unknown[] = [];
  while (!reader.isDone) values.push(reader.value());
  return values;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  value(): unknown {
    const head = this.#uint(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 0x0f);
    if (head < 0xa0) return this.#list(head & 0x0f);
    if (head < 0xc0) return this.#text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    if (head >= 0xd9 && head <= 0xdb) return this.#text(this.#uint(1 << (head - 0xd9)));
    if (head === 0xdc || head === 0xdd) return this.#list(this.#uint(head === 0xdc ? 2 : 4));
    if (head === 0xde || head === 0xdf) return this.#map(this.#uint(head === 0xde ? 2 : 4));
    if (head >= 0xc4 && head <= 0xc6) return this.#raw(this.#uint(1 << (head - 0xc4)));
    return this.#plain(head);
  }

  #plain(head: number): unknown {
    const at = this.#at;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        this.#at += 4;
        return this.#view.getFloat32(at);
      case 0xcb:
        this.#at += 8;
        return this.#view.getFloat64(at);
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (head - 0xcc));
      case 0xcf:
      case 0xd3: {
        this.#at += 8;
        const exact = head === 0xcf ? this.#view.getBigUint64(at) : this.#view.getBigInt64(at);
        const value = Number(exact);
        return Number.isSafeInteger(value) ? value : new ExactNumber(String(exact));
      }
      case 0xd0:
        this.#at += 1;
        return this.#view.getInt8(at);
      case 0xd1:
        this.#at += 2;
        return this.#view.getInt16(at);
      case 0xd2:
        this.#at += 4;
        return this.#view.getInt32(at);
      default:
        throw new Error(`msgpack of a kind that a node does not send: ${head}`);
    }
  }

  #uint(size: number): number {
    const at = this.#at;
    this.#at += size;
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #text(size: number): string {
    this.#at += size;
    return TEXT.decode(this.#bytes.subarray(this.#at - size, this.#at));
  }

  #raw(size: number): string {
    this.#at += size;
    return `${size} bytes`;
  }

  #list(size: number): unknown[] {
    return Array.from({ length: size }, () => this.value());
  }

  #map(size: number): object {
    const pairs = Array.from({ length: size }, () => [String(this.value()), this.value()]);
    return Object.fromEntries(pairs) as object;
  }
}

/** Of texts below 64 KiB, small counts, booleans, null, and maps of fewer than sixteen such. */
export function writeMsgpack(value: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytesOf(value));
}

function bytesOf(value: unknown): number[] {
  if (value === null) return [0xc0];
  if (typeof value === 'boolean') return [value ? 0xc3 : 0xc2];
  if (typeof value === 'number') return value < 0x80 ? [value] : [0xcd, value >> 8, value & 0xff];
  if (typeof value === 'string') {
    const text = BYTES.encode(value);
    return [0xda, text.length >> 8, text.length & 0xff, ...text];
  }
  const pairs = Object.entries(value as object);
  return [
    0x80 | pairs.length,
    ...pairs.flatMap(([name, one]) => [...bytesOf(name), ...bytesOf(one)]),
  ];
}
