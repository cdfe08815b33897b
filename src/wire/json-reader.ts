/** ValueReader for JSON. */
import { LIMITS } from '../core/limits.js';
import { CONTENT_JSON } from '../core/message.js';
import type { FieldSpans } from './field-spans.js';
import { countMembers, scanObject } from './json-object.js';
import { BACKSLASH, OPEN_BRACE, QUOTE } from './json-scan.js';
import { type StringMap, stringMapOf, type ValueReader } from './value-reader.js';

const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const LETTER_F = 0x66;
/** Digits that always make an integer below 2^53. */
const EXACT_DIGITS = 15;
/** Twice what any float64 needs; more digits than that are work for nothing. */
const NUMBER_CHARS_MAX = 50;

function text(bytes: Buffer, from: number, to: number): string | null {
  if (bytes[from] !== QUOTE) return null;
  let seen = 0;
  for (let at = from + 1; at < to - 1; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === BACKSLASH) return JSON.parse(bytes.toString('utf8', from, to));
    seen |= byte;
  }
  return bytes.toString(seen < 0x80 ? 'latin1' : 'utf8', from + 1, to - 1);
}

function isNumber(byte: number): boolean {
  return byte === 0x2d || (byte >= 0x30 && byte <= 0x39);
}

function number(bytes: Buffer, from: number, to: number): number | null {
  if (!isNumber(bytes[from] ?? 0)) return null;
  if (to - from <= EXACT_DIGITS) {
    let value = 0;
    let at = from;
    for (; at < to; at++) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at === to) return value;
  }
  if (to - from > NUMBER_CHARS_MAX) return Number.NaN;
  const text = bytes.toString('latin1', from, to);
  const value = Number(text);
  return significant(text) === significant(String(value)) ? value : Number.NaN;
}

/** The digits that make a number's value, wherever its point is: equal ones were not rounded. */
function significant(text: string): string {
  const [mantissa = ''] = text.toLowerCase().split('e', 1);
  return mantissa.replace(/[-.]/g, '').replace(/^0+|0+$/g, '');
}

function boolean(bytes: Buffer, from: number): boolean | null {
  if (bytes[from] === LETTER_T) return true;
  return bytes[from] === LETTER_F ? false : null;
}

function fields(bytes: Buffer, from: number, to: number, spans: FieldSpans): boolean {
  if (bytes[from] !== OPEN_BRACE) return false;
  scanObject(bytes, from, to, LIMITS.depthMax.max, spans);
  return true;
}

function stringMap(bytes: Buffer, from: number, to: number): StringMap | null {
  if (bytes[from] !== OPEN_BRACE) return null;
  return stringMapOf(JSON.parse(bytes.toString('utf8', from, to)), countMembers(bytes, from, to));
}

export const JSON_READER: ValueReader = {
  contentType: CONTENT_JSON,
  textTail: 1,
  isNull: (bytes, from) => bytes[from] === LETTER_N,
  textStart: (bytes, from) => (bytes[from] === QUOTE ? from + 1 : -1),
  text,
  number,
  mark: number,
  boolean,
  fields,
  stringMap,
};
