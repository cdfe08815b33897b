/** One JSON object of the product's own making: finds its known members and skips the others. */
import type { FieldSpans } from './field-spans.js';
import {
  BACKSLASH,
  CLOSE_BRACE,
  COLON,
  COMMA,
  jsonError,
  OPEN_BRACE,
  QUOTE,
  scanString,
  scanValue,
  skipSpace,
} from './json-scan.js';
import type { NameTable } from './name-table.js';

const LETTER_U = 0x75;

/**
 * Scans the object that begins at `from` and notes in `spans`, cleared first, where each member of a
 * known name has its value. Gives one past the closing brace. A value may nest to `depthMax`, the
 * object itself not counted. Throws RequestError invalid_json or too_deep; what was found by then
 * stays in `spans`.
 */
export function scanObject(
  bytes: Buffer,
  from: number,
  end: number,
  depthMax: number,
  spans: FieldSpans,
): number {
  spans.clear();
  if (from >= end || bytes[from] !== OPEN_BRACE) throw jsonError(bytes, from, end);
  let at = skipSpace(bytes, from + 1, end);
  if (at < end && bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (at >= end || bytes[at] !== QUOTE) throw jsonError(bytes, at, end);
    const nameEnd = scanString(bytes, at, end);
    const place = placeOf(bytes, at, nameEnd, spans.names);
    const colon = skipSpace(bytes, nameEnd, end);
    if (colon >= end || bytes[colon] !== COLON) throw jsonError(bytes, colon, end);
    const valueFrom = skipSpace(bytes, colon + 1, end);
    const valueEnd = scanValue(bytes, valueFrom, end, depthMax);
    if (place >= 0) spans.set(place, valueFrom, valueEnd);
    at = skipSpace(bytes, valueEnd, end);
    const next = at < end ? bytes[at] : 0;
    if (next === CLOSE_BRACE) return at + 1;
    if (next !== COMMA) throw jsonError(bytes, at, end);
    at = skipSpace(bytes, at + 1, end);
  }
}

/** Members of a valid object of strings: more than it has names when one of them came again. */
export function countMembers(bytes: Buffer, from: number, end: number): number {
  let strings = 0;
  for (let at = from + 1; at < end; ) {
    if (bytes[at] === QUOTE) {
      strings++;
      at = scanString(bytes, at, end);
    } else at++;
  }
  return strings / 2;
}

/** Place of the member name whose quotes are at `from` and `to - 1`; -1: not a known one. */
export function placeOf(bytes: Uint8Array, from: number, to: number, names: NameTable): number {
  const place = names.find(bytes, from + 1, to - 1);
  if (place >= 0) return place;
  for (let at = from + 1; at < to - 1; at++) {
    if (bytes[at] === BACKSLASH) return placeOfEscaped(bytes, from + 1, to - 1, names);
  }
  return -1;
}

const unescaped = new Uint8Array(32);

/**
 * The same for a valid name with escapes in it. Known names are ASCII letters and underscores, so any
 * escape but `\u00xx` settles it; a body full of escaped names must not cost a JSON.parse for each.
 */
function placeOfEscaped(bytes: Uint8Array, from: number, to: number, names: NameTable): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    let byte = bytes[at] ?? 0;
    if (byte === BACKSLASH) {
      if (bytes[at + 1] !== LETTER_U) return -1;
      byte = hexValue(bytes, at + 2);
      at += 5;
    }
    if (byte > 0x7f || count === unescaped.length) return -1;
    unescaped[count++] = byte;
  }
  return names.find(unescaped, 0, count);
}

/** The four hex digits at `from`. */
function hexValue(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; at < from + 4; at++) {
    const byte = bytes[at] ?? 0;
    value = value * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
  }
  return value;
}
