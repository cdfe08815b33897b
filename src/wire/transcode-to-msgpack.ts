/**
 * JSON text to msgpack, for a JSON payload on its way to a msgpack subscriber. Iterative. Exact, save:
 * - a number with fraction or exponent, or an integer outside -2^63 to 2^64-1, becomes the nearest
 *   float64 (1e999: Infinity); -0 becomes float64 -0;
 * - a lone surrogate escape becomes U+FFFD, since a str must be UTF-8.
 * Duplicate names are kept. Containers and strings take the shortest header.
 */
import { LIMITS } from '../core/limits.js';
import { ByteWriter } from './byte-writer.js';
import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  jsonError,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  scanString,
  scanValue,
  skipSpace,
  tooDeep,
} from './json-scan.js';
import {
  writeArrayHeader,
  writeBigInt,
  writeFloat64,
  writeInt,
  writeMapHeader,
  writeStr,
  writeStrHeader,
} from './msgpack-write.js';
import { asBuffer } from './value-reader.js';

const DEPTH_MAX = LIMITS.depthMax.max;
/** Digits that always make an integer below 2^53. */
const EXACT_DIGITS = 15;
const INTEGER = /^-?\d+$/;

/** Open containers, by depth: closing byte, place of the header in the output, items so far. */
const closers = new Uint8Array(DEPTH_MAX + 1);
const headers = new Float64Array(DEPTH_MAX + 1);
const counts = new Float64Array(DEPTH_MAX + 1);

/** `json`: valid JSON text. Throws RequestError invalid_json or too_deep if it is not. */
export function jsonToMsgpack(json: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writeJsonAsMsgpack(writer, json);
  return writer.take();
}

/** The same, appended to `writer`. */
export function writeJsonAsMsgpack(writer: ByteWriter, text: Uint8Array): void {
  const json = asBuffer(text);
  const end = json.length;
  let at = 0;
  let depth = 0;
  for (;;) {
    at = skipSpace(json, at, end);
    const byte = json[at] ?? 0;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > DEPTH_MAX) throw tooDeep(DEPTH_MAX, at);
      closers[depth] = byte + 2;
      headers[depth] = writer.at;
      counts[depth] = 0;
      // Most containers have fewer than 16 items, whose header is this one byte.
      writer.byte(0);
      at = skipSpace(json, at + 1, end);
      if (json[at] !== byte + 2) {
        if (byte === OPEN_BRACE) at = writeName(writer, json, at);
        continue;
      }
    } else {
      at = writeLeaf(writer, json, at);
      counts[depth] = (counts[depth] ?? 0) + 1;
    }

    for (;;) {
      if (depth === 0) return;
      at = skipSpace(json, at, end);
      if (json[at] !== closers[depth]) break;
      closeContainer(writer, depth);
      depth--;
      counts[depth] = (counts[depth] ?? 0) + 1;
      at++;
    }
    if (json[at] !== COMMA) throw jsonError(json, at, end);
    at++;
    if (closers[depth] === CLOSE_BRACE) at = writeName(writer, json, skipSpace(json, at, end));
  }
}

/** Fills in the header, shifting what follows when it needs more than the one byte kept for it. */
function closeContainer(writer: ByteWriter, depth: number): void {
  const count = counts[depth] ?? 0;
  const header = headers[depth] ?? 0;
  const grow = count < 16 ? 0 : count <= 0xffff ? 2 : 4;
  const to = writer.at;
  if (grow > 0) {
    writer.reserve(grow);
    writer.buffer.copyWithin(header + 1 + grow, header + 1, to);
  }
  writer.at = header;
  if (closers[depth] === CLOSE_BRACE) writeMapHeader(writer, count);
  else writeArrayHeader(writer, count);
  writer.at = to + grow;
}

function writeName(writer: ByteWriter, json: Buffer, from: number): number {
  const to = scanString(json, from, json.length);
  writeString(writer, json, from, to);
  return skipSpace(json, to, json.length) + 1;
}

function writeString(writer: ByteWriter, json: Buffer, from: number, to: number): void {
  for (let at = from + 1; at < to - 1; at++) {
    if (json[at] !== BACKSLASH) continue;
    writeStr(writer, JSON.parse(json.toString('utf8', from, to)));
    return;
  }
  writeStrHeader(writer, to - from - 2);
  writer.slice(json, from + 1, to - 1);
}

/** A string, number or literal; gives one past it. */
function writeLeaf(writer: ByteWriter, json: Buffer, from: number): number {
  const to = scanValue(json, from, json.length, 0);
  switch (json[from]) {
    case QUOTE:
      writeString(writer, json, from, to);
      break;
    case 0x6e:
      writer.byte(0xc0);
      break;
    case 0x66:
      writer.byte(0xc2);
      break;
    case 0x74:
      writer.byte(0xc3);
      break;
    default:
      writeJsonNumber(writer, json, from, to);
  }
  return to;
}

function writeJsonNumber(writer: ByteWriter, json: Buffer, from: number, to: number): void {
  const small = to - from <= EXACT_DIGITS ? digitsValue(json, from, to) : -1;
  if (small >= 0) {
    writeInt(writer, small);
    return;
  }
  const text = json.toString('latin1', from, to);
  const value = Number(text);
  const isInteger = INTEGER.test(text) && !Object.is(value, -0);
  if (!isInteger || !writeInteger(writer, text, value)) writeFloat64(writer, value);
}

/** -1: something else than digits in it. */
function digitsValue(json: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = (json[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** False: beyond 64 bits. Twenty characters hold the longest that fits, `-9223372036854775808`. */
function writeInteger(writer: ByteWriter, text: string, value: number): boolean {
  if (Number.isSafeInteger(value)) {
    writeInt(writer, value);
    return true;
  }
  return text.length <= 20 && writeBigInt(writer, BigInt(text));
}
