/**
 * A strict scanner for RFC 8259: finds where a value ends and decodes nothing. Iterative, so nesting
 * costs no stack; it takes a position and gives one, and throws RequestError invalid_json (with the
 * byte at fault) or too_deep. UTF-8 is the caller's check: here bytes from 0x80 may stand in strings.
 */
import { RequestError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const LETTER_E = 0x65;
const LETTER_U = 0x75;

const TRUE = Uint8Array.from(Buffer.from('true'));
const FALSE = Uint8Array.from(Buffer.from('false'));
const NULL = Uint8Array.from(Buffer.from('null'));

/** 1: may follow a backslash; 2: begins four hex digits. */
const ESCAPES = new Uint8Array(256);
for (const char of '"\\/bfnrt') ESCAPES[char.charCodeAt(0)] = 1;
ESCAPES[LETTER_U] = 2;

const IS_HEX = new Uint8Array(256);
for (const char of '0123456789abcdefABCDEF') IS_HEX[char.charCodeAt(0)] = 1;

/** Strings up to this long are looked at byte by byte: a view of words would cost more than it saves. */
const SHORT_BYTES = 128;

/** The byte that closes each open container, by depth from 1. Only valid during one scan. */
const closers = new Uint8Array(LIMITS.depthMax.max + 1);

/** The error for the byte at `at`; `end` bounds the document. */
export function jsonError(bytes: Uint8Array, at: number, end: number): RequestError {
  if (at >= end) return new RequestError('invalid_json', `unexpected end at byte ${at}`);
  const byte = bytes[at] ?? 0;
  const bom = at === 0 && byte === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  if (bom) return new RequestError('invalid_json', 'byte order mark at byte 0');
  const shown =
    byte > 0x20 && byte < 0x7f
      ? `'${String.fromCharCode(byte)}'`
      : `0x${byte.toString(16).padStart(2, '0')}`;
  return new RequestError('invalid_json', `unexpected ${shown} at byte ${at}`);
}

/** First byte from `at` that is not one of the four kinds of JSON whitespace, or `end`. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end) {
    const byte = bytes[next] ?? 0;
    if (byte > 0x20) return next;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return next;
    next++;
  }
  return next;
}

/** One past the closing quote of the string whose opening quote is at `from`. */
export function scanString(bytes: Uint8Array, from: number, end: number): number {
  let at = from + 1;
  let skipAt = at + SHORT_BYTES;
  while (at < end) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) throw jsonError(bytes, at, end);
    at = byte === BACKSLASH ? scanEscape(bytes, at, end) : at + 1;
    if (at >= skipAt) {
      at = skipPlain(bytes, at, end);
      skipAt = at + SHORT_BYTES;
    }
  }
  throw jsonError(bytes, end, end);
}

/**
 * A place inside the string, from `from` on, before which no byte is a quote, a backslash or a control
 * character. Four bytes at a time: 64 KiB take a quarter of the time that one by one takes.
 */
function skipPlain(bytes: Uint8Array, from: number, end: number): number {
  const aligned = from + (-(bytes.byteOffset + from) & 3);
  if (aligned >= end) return from;
  for (let at = from; at < aligned; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) return at;
  }
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (end - aligned) >> 2);
  let n = 0;
  for (; n < words.length; n++) {
    const word = words[n] ?? 0;
    // (y - x) & ~y has the high bit of a byte of y below x; what a borrow adds beyond the first such
    // byte does no harm. Bit 1 flipped puts the quote, and nothing else, below 0x21 with the controls.
    const quoteOrControl = word ^ 0x02020202;
    const backslash = word ^ 0x5c5c5c5c;
    const below = (quoteOrControl - 0x21212121) & ~quoteOrControl;
    if (((below | ((backslash - 0x01010101) & ~backslash)) & 0x80808080) !== 0) break;
  }
  return aligned + n * 4;
}

function scanEscape(bytes: Uint8Array, from: number, end: number): number {
  const at = from + 1;
  if (at >= end) throw jsonError(bytes, end, end);
  const kind = ESCAPES[bytes[at] ?? 0];
  if (kind === 1) return at + 1;
  if (kind !== 2) throw jsonError(bytes, at, end);
  for (let digit = at + 1; digit < at + 5; digit++) {
    if (digit >= end || IS_HEX[bytes[digit] ?? 0] !== 1) throw jsonError(bytes, digit, end);
  }
  return at + 5;
}

function isDigit(bytes: Uint8Array, at: number, end: number): boolean {
  if (at >= end) return false;
  const byte = bytes[at] ?? 0;
  return byte >= 0x30 && byte <= 0x39;
}

function scanDigits(bytes: Uint8Array, from: number, end: number): number {
  if (!isDigit(bytes, from, end)) throw jsonError(bytes, from, end);
  let at = from + 1;
  while (isDigit(bytes, at, end)) at++;
  return at;
}

function scanNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  const leadingZero = at < end && bytes[at] === 0x30;
  at = leadingZero ? at + 1 : scanDigits(bytes, at, end);
  if (at < end && bytes[at] === DOT) at = scanDigits(bytes, at + 1, end);
  if (at < end && ((bytes[at] ?? 0) | 0x20) === LETTER_E) {
    const sign = at + 1 < end ? bytes[at + 1] : 0;
    at = scanDigits(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1, end);
  }
  return at;
}

function scanLiteral(bytes: Uint8Array, from: number, end: number, word: Uint8Array): number {
  for (let n = 0; n < word.length; n++) {
    if (from + n >= end || bytes[from + n] !== word[n]) throw jsonError(bytes, from + n, end);
  }
  return from + word.length;
}

function scanScalar(bytes: Uint8Array, from: number, end: number): number {
  if (from >= end) throw jsonError(bytes, end, end);
  switch (bytes[from]) {
    case QUOTE:
      return scanString(bytes, from, end);
    case 0x74:
      return scanLiteral(bytes, from, end, TRUE);
    case 0x66:
      return scanLiteral(bytes, from, end, FALSE);
    case 0x6e:
      return scanLiteral(bytes, from, end, NULL);
    default:
      return scanNumber(bytes, from, end);
  }
}

/** One past the colon after the member name that must begin at `from`. */
function scanName(bytes: Uint8Array, from: number, end: number): number {
  if (from >= end || bytes[from] !== QUOTE) throw jsonError(bytes, from, end);
  const colon = skipSpace(bytes, scanString(bytes, from, end), end);
  if (colon >= end || bytes[colon] !== COLON) throw jsonError(bytes, colon, end);
  return colon + 1;
}

/** One past the value that begins at `from` or after whitespace there. `depthMax`: <= 256. */
export function scanValue(bytes: Uint8Array, from: number, end: number, depthMax: number): number {
  let at = from;
  let depth = 0;
  for (;;) {
    at = skipSpace(bytes, at, end);
    const byte = at < end ? bytes[at] : 0;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > depthMax) throw tooDeep(depthMax, at);
      // In ASCII both closing brackets stand two after their opening ones.
      closers[depth] = byte + 2;
      at = skipSpace(bytes, at + 1, end);
      if (at >= end || bytes[at] !== byte + 2) {
        if (byte === OPEN_BRACE) at = scanName(bytes, at, end);
        continue;
      }
    } else {
      at = scanScalar(bytes, at, end);
    }

    for (;;) {
      if (depth === 0) return at;
      at = skipSpace(bytes, at, end);
      const next = at < end ? bytes[at] : 0;
      if (next === COMMA) break;
      if (next !== closers[depth]) throw jsonError(bytes, at, end);
      depth--;
      at++;
    }
    at++;
    if (closers[depth] === CLOSE_BRACE) at = scanName(bytes, skipSpace(bytes, at, end), end);
  }
}

/** The error for nesting beyond `depthMax`, in JSON and msgpack. */
export function tooDeep(depthMax: number, at: number): RequestError {
  return new RequestError('too_deep', `nested deeper than ${depthMax} (DEPTH_MAX) at byte ${at}`);
}
