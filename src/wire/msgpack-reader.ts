/** ValueReader for msgpack. */
import { LIMITS } from '../core/limits.js';
import { CONTENT_MSGPACK } from '../core/message.js';
import type { FieldSpans } from './field-spans.js';
import { isMap, MapScanner } from './msgpack-map.js';
import { FALSE, headerBytes, KIND_STR, kindOf, lengthOf, NIL, TRUE } from './msgpack-scan.js';
import { type StringMap, stringMapOf, type ValueReader } from './value-reader.js';

const UINT64 = 0xcf;
const INT64 = 0xd3;

/** For values that were scanned before: it finds no faults, only bounds. */
const scanner = new MapScanner();

function textStart(bytes: Buffer, from: number): number {
  const byte = bytes[from] ?? 0;
  return kindOf(byte) === KIND_STR ? from + headerBytes(byte) : -1;
}

function text(bytes: Buffer, from: number, to: number): string | null {
  const start = textStart(bytes, from);
  return start < 0 ? null : bytes.toString('utf8', start, to);
}

/** Any int or float form; null: another type. 64-bit integers are rounded beyond 2^53. */
export function readNumber(bytes: Buffer, from: number): number | null {
  const byte = bytes[from] ?? 0;
  if (byte < 0x80) return byte;
  if (byte >= 0xe0) return byte - 0x100;
  switch (byte) {
    case 0xca:
      return bytes.readFloatBE(from + 1);
    case 0xcb:
      return bytes.readDoubleBE(from + 1);
    case 0xcc:
      return bytes.readUInt8(from + 1);
    case 0xcd:
      return bytes.readUInt16BE(from + 1);
    case 0xce:
      return bytes.readUInt32BE(from + 1);
    case UINT64:
      return bytes.readUInt32BE(from + 1) * 2 ** 32 + bytes.readUInt32BE(from + 5);
    case 0xd0:
      return bytes.readInt8(from + 1);
    case 0xd1:
      return bytes.readInt16BE(from + 1);
    case 0xd2:
      return bytes.readInt32BE(from + 1);
    case INT64:
      return bytes.readInt32BE(from + 1) * 2 ** 32 + bytes.readUInt32BE(from + 5);
    default:
      return null;
  }
}

/** Beyond 2^53 there is no telling what was rounded. */
function number(bytes: Buffer, from: number): number | null {
  const value = readNumber(bytes, from);
  return is64Bit(bytes[from] ?? 0) && !Number.isSafeInteger(value) ? Number.NaN : value;
}

function is64Bit(byte: number): boolean {
  return byte === UINT64 || byte === INT64;
}

function mark(bytes: Buffer, from: number): number | bigint | null {
  if (!is64Bit(bytes[from] ?? 0)) return readNumber(bytes, from);
  const value = number(bytes, from) ?? Number.NaN;
  return value < -0x80000000 || value > 0xffffffff ? BigInt(value) : value;
}

function boolean(bytes: Buffer, from: number): boolean | null {
  if (bytes[from] === TRUE) return true;
  return bytes[from] === FALSE ? false : null;
}

function fields(bytes: Buffer, from: number, to: number, spans: FieldSpans): boolean {
  if (!isMap(bytes, from, to)) return false;
  scanner.scanMap(bytes, from, to, LIMITS.depthMax.max, spans);
  return true;
}

function stringMap(bytes: Buffer, from: number, to: number): StringMap | null {
  if (!isMap(bytes, from, to)) return null;
  const map: Record<string, unknown> = Object.create(null);
  let at = from + headerBytes(bytes[from] ?? 0);
  const sent = lengthOf(bytes, from);
  for (let left = sent; left > 0; left--) {
    const nameEnd = scanner.scan(bytes, at, to, LIMITS.depthMax.max);
    const name = text(bytes, at, nameEnd);
    const valueEnd = scanner.scan(bytes, nameEnd, to, LIMITS.depthMax.max);
    const value = text(bytes, nameEnd, valueEnd);
    if (name === null || value === null) return null;
    map[name] = value;
    at = valueEnd;
  }
  return stringMapOf(map, sent);
}

export const MSGPACK_READER: ValueReader = {
  contentType: CONTENT_MSGPACK,
  textTail: 0,
  isNull: (bytes, from) => bytes[from] === NIL,
  textStart,
  text,
  number,
  mark,
  boolean,
  fields,
  stringMap,
};
