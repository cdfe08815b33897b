/**
 * msgpack to JSON text, for a msgpack payload on its way to a JSON subscriber. Iterative. Lossy only
 * where JSON has no such thing:
 * - bin becomes {"$binary":"<base64>"};
 * - NaN and the infinities become null; floats are written with the shortest digits that read back
 *   as the same float64; 64-bit integers keep all their digits;
 * - a map key that is no str becomes the JSON text of its value as a string; a key that is itself an
 *   array or map becomes the text {"$msgpack":"<base64>"}: quoting JSON within JSON within JSON would
 *   double its length at each level.
 * Duplicate keys are kept, those that become equal too.
 */
import { LIMITS } from '../core/limits.js';
import { ByteWriter } from './byte-writer.js';
import { readNumber } from './msgpack-reader.js';
import {
  FALSE,
  headerBytes,
  KIND_ARRAY,
  KIND_BIN,
  KIND_MAP,
  KIND_STR,
  kindOf,
  lengthOf,
  MsgpackScanner,
  msgpackError,
  NIL,
  TRUE,
} from './msgpack-scan.js';
import { asBuffer } from './value-reader.js';

const DEPTH_MAX = LIMITS.depthMax.max;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const UINT64 = 0xcf;
const INT64 = 0xd3;

/** Open containers, by depth: values still to come, 1 if a map, values written. */
const left = new Float64Array(DEPTH_MAX + 1);
const isMapAt = new Uint8Array(DEPTH_MAX + 1);
const done = new Float64Array(DEPTH_MAX + 1);
const scanner = new MsgpackScanner();

const ESCAPED: readonly string[] = Array.from({ length: 0x20 }, (_, byte) =>
  JSON.stringify(String.fromCharCode(byte)).slice(1, -1),
);

/** `value`: one valid msgpack value without ext types. Throws RequestError invalid_msgpack if not. */
export function msgpackToJson(value: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writeMsgpackAsJson(writer, value);
  return writer.take();
}

/** The same, appended to `writer`. */
export function writeMsgpackAsJson(writer: ByteWriter, value: Uint8Array): void {
  const bytes = asBuffer(value);
  // Once over it first: what follows can then trust every length.
  scanner.fault = null;
  scanner.scan(bytes, 0, bytes.length, DEPTH_MAX);
  if (scanner.fault !== null) throw scanner.fault;
  let at = 0;
  let depth = 0;
  for (;;) {
    if (depth > 0 && separate(writer, depth)) {
      at = writeKey(writer, bytes, at);
      writer.byte(0x3a);
      count(depth);
    }
    const kind = kindOf(bytes[at] ?? 0);
    if (kind === KIND_ARRAY || kind === KIND_MAP) {
      depth++;
      left[depth] = lengthOf(bytes, at) * (kind === KIND_MAP ? 2 : 1);
      isMapAt[depth] = kind === KIND_MAP ? 1 : 0;
      done[depth] = 0;
      writer.byte(kind === KIND_MAP ? 0x7b : 0x5b);
      at += headerBytes(bytes[at] ?? 0);
    } else {
      at = writeLeaf(writer, bytes, at);
      if (depth > 0) count(depth);
    }
    while (depth > 0 && left[depth] === 0) {
      writer.byte(isMapAt[depth] === 1 ? 0x7d : 0x5d);
      depth--;
      if (depth > 0) count(depth);
    }
    if (depth === 0) return;
  }
}

function count(depth: number): void {
  left[depth] = (left[depth] ?? 0) - 1;
  done[depth] = (done[depth] ?? 0) + 1;
}

/** Writes the comma before the next item of the container; true: a key comes next. */
function separate(writer: ByteWriter, depth: number): boolean {
  if ((done[depth] ?? 0) > 0) writer.byte(0x2c);
  return isMapAt[depth] === 1;
}

function writeKey(writer: ByteWriter, bytes: Buffer, from: number): number {
  const byte = bytes[from] ?? 0;
  const kind = kindOf(byte);
  if (kind === KIND_STR) return writeLeaf(writer, bytes, from);
  const to = scanner.scan(bytes, from, bytes.length, DEPTH_MAX);
  if (kind === KIND_BIN) {
    const base64 = bytes.toString('base64', from + headerBytes(byte), to);
    writer.ascii(`"{\\"$binary\\":\\"${base64}\\"}"`);
  } else if (kind === KIND_ARRAY || kind === KIND_MAP) {
    writer.ascii(`"{\\"$msgpack\\":\\"${bytes.toString('base64', from, to)}\\"}"`);
  } else {
    writer.byte(QUOTE);
    writeLeaf(writer, bytes, from);
    writer.byte(QUOTE);
  }
  return to;
}

/** Anything but an array or map; gives one past it. */
function writeLeaf(writer: ByteWriter, bytes: Buffer, from: number): number {
  const byte = bytes[from] ?? 0;
  const kind = kindOf(byte);
  const body = from + headerBytes(byte);
  if (kind === KIND_STR) {
    const to = body + lengthOf(bytes, from);
    writeString(writer, bytes, body, to);
    return to;
  }
  if (kind === KIND_BIN) {
    const to = body + lengthOf(bytes, from);
    writer.ascii(`{"$binary":"${bytes.toString('base64', body, to)}"}`);
    return to;
  }
  writer.ascii(plainText(bytes, from));
  return byte < 0x80 || byte >= 0xe0 ? from + 1 : body;
}

function plainText(bytes: Buffer, from: number): string {
  switch (bytes[from]) {
    case NIL:
      return 'null';
    case FALSE:
      return 'false';
    case TRUE:
      return 'true';
    case UINT64:
      return String(bytes.readBigUInt64BE(from + 1));
    case INT64:
      return String(bytes.readBigInt64BE(from + 1));
    default:
      return numberText(bytes, from);
  }
}

function numberText(bytes: Buffer, from: number): string {
  const value = readNumber(bytes, from);
  if (value === null) throw msgpackError(bytes, from, bytes.length);
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? String(value) : 'null';
}

/** The UTF-8 of `[from, to)` as a JSON string; only what JSON forbids is escaped. */
function writeString(writer: ByteWriter, bytes: Buffer, from: number, to: number): void {
  writer.byte(QUOTE);
  let plainFrom = from;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) continue;
    writer.slice(bytes, plainFrom, at);
    writer.ascii(byte < 0x20 ? (ESCAPED[byte] ?? '') : `\\${String.fromCharCode(byte)}`);
    plainFrom = at + 1;
  }
  writer.slice(bytes, plainFrom, to);
  writer.byte(QUOTE);
}
