/**
 * A strict scanner for msgpack: finds where a value ends and decodes nothing. Iterative; a length that
 * claims more than there is fails before anything is reserved for it. Faults that leave the bounds
 * sound (ext types, bad UTF-8) are noted in `fault` and the scan goes on, so that a reader of several
 * values can skip one; all others throw RequestError invalid_msgpack or too_deep.
 */
import { isUtf8 } from 'node:buffer';
import { RequestError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { tooDeep } from './json-scan.js';

/** Up to this length a loop finds text to be ASCII sooner than isUtf8 is called. */
const SHORT_TEXT_BYTES = 64;

export const NIL = 0xc0;
export const FALSE = 0xc2;
export const TRUE = 0xc3;

/** What the bytes 0xc0 to 0xdf begin. */
export const KIND_FIXED = 1;
export const KIND_BIN = 2;
export const KIND_EXT = 3;
export const KIND_STR = 4;
export const KIND_ARRAY = 5;
export const KIND_MAP = 6;
const KIND_NEVER = 0;

const F = KIND_FIXED;
const E = KIND_EXT;
const S = KIND_STR;
const B = KIND_BIN;
const A = KIND_ARRAY;
const M = KIND_MAP;
/** By first byte - 0xc0. */
// biome-ignore format: a row is sixteen first bytes
const KINDS = Uint8Array.of(
  F, KIND_NEVER, F, F, B, B, B, E, E, E, F, F, F, F, F, F,
  F, F, F, F, E, E, E, E, E, S, S, S, A, A, M, M,
);
/** Bytes after the first one: of the value if KIND_FIXED, else of the length (fixext: none). */
// biome-ignore format: a row is sixteen first bytes
const SIZES = Uint8Array.of(
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
  1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
);

/** Kind of the value that begins with `byte`, fix forms included. */
export function kindOf(byte: number): number {
  if (byte < 0x80 || byte >= 0xe0) return KIND_FIXED;
  if (byte < 0x90) return KIND_MAP;
  if (byte < 0xa0) return KIND_ARRAY;
  if (byte < 0xc0) return KIND_STR;
  return KINDS[byte - 0xc0] ?? KIND_NEVER;
}

/** Bytes of the header of a str, bin, array or map that begins with `byte`. */
export function headerBytes(byte: number): number {
  return byte < 0xc0 ? 1 : 1 + (SIZES[byte - 0xc0] ?? 0);
}

/** Bytes of a str or bin, items of an array, pairs of a map; its header lies within `bytes`. */
export function lengthOf(bytes: Uint8Array, from: number): number {
  const byte = bytes[from] ?? 0;
  if (byte < 0xa0) return byte & 0x0f;
  if (byte < 0xc0) return byte & 0x1f;
  return readUint(bytes, from + 1, SIZES[byte - 0xc0] ?? 0);
}

/** Big-endian, `size` 1 to 4 bytes. */
export function readUint(bytes: Uint8Array, from: number, size: number): number {
  let value = 0;
  for (let at = from; at < from + size; at++) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

/** The error for the byte at `at`; `end` bounds the document. */
export function msgpackError(bytes: Uint8Array, at: number, end: number): RequestError {
  if (at >= end) return new RequestError('invalid_msgpack', `cut short at byte ${end}`);
  const shown = (bytes[at] ?? 0).toString(16).padStart(2, '0');
  return new RequestError('invalid_msgpack', `unexpected 0x${shown} at byte ${at}`);
}

function isValidText(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from <= SHORT_TEXT_BYTES) {
    let seen = 0;
    for (let at = from; at < to; at++) seen |= bytes[at] ?? 0;
    if (seen < 0x80) return true;
  }
  return isUtf8(bytes.subarray(from, to));
}

export class MsgpackScanner {
  /** First fault since it was last set to null that left all bounds sound. */
  fault: RequestError | null = null;
  /** Values still to come in each open container, by depth. */
  readonly #left = new Float64Array(LIMITS.depthMax.max + 1);

  /** One past the value that begins at `from`. `depthMax`: <= 256. */
  scan(bytes: Uint8Array, from: number, end: number, depthMax: number): number {
    const left = this.#left;
    let at = from;
    let depth = 0;
    left[0] = 1;
    for (;;) {
      let more = left[depth] ?? 0;
      while (more === 0) {
        if (depth === 0) return at;
        more = left[--depth] ?? 0;
      }
      left[depth] = more - 1;
      if (at >= end) throw msgpackError(bytes, at, end);
      const byte = bytes[at] ?? 0;
      if (byte < 0x80 || byte >= 0xe0) {
        at++;
        continue;
      }
      const kind = kindOf(byte);
      if (kind !== KIND_ARRAY && kind !== KIND_MAP) {
        at = this.#scanLeaf(bytes, at, end, kind);
        continue;
      }
      if (++depth > depthMax) throw tooDeep(depthMax, at);
      const body = at + headerBytes(byte);
      if (body > end) throw msgpackError(bytes, end, end);
      const values = kind === KIND_MAP ? lengthOf(bytes, at) * 2 : lengthOf(bytes, at);
      // A value is a byte at least.
      if (values > end - body) throw msgpackError(bytes, end, end);
      left[depth] = values;
      at = body;
    }
  }

  #scanLeaf(bytes: Uint8Array, from: number, end: number, kind: number): number {
    const byte = bytes[from] ?? 0;
    if (kind === KIND_NEVER) throw msgpackError(bytes, from, end);
    if (kind === KIND_EXT) return this.#scanExt(bytes, from, end);
    const body = from + headerBytes(byte);
    if (body > end) throw msgpackError(bytes, end, end);
    if (kind === KIND_FIXED) return body;
    const length = lengthOf(bytes, from);
    if (length > end - body) throw msgpackError(bytes, end, end);
    if (kind === KIND_STR && !isValidText(bytes, body, body + length)) {
      this.fault ??= new RequestError('invalid_utf8', `not valid UTF-8 in the str at byte ${from}`);
    }
    return body + length;
  }

  #scanExt(bytes: Uint8Array, from: number, end: number): number {
    this.fault ??= new RequestError('ext_not_allowed', `ext type at byte ${from}`);
    const byte = bytes[from] ?? 0;
    const header = from + headerBytes(byte);
    if (header > end) throw this.fault;
    // fixext 1 to 16 are 0xd4 to 0xd8; after the length comes one byte for the type.
    const length = byte >= 0xd4 ? 1 << (byte - 0xd4) : lengthOf(bytes, from);
    const to = header + 1 + length;
    if (to > end) throw this.fault;
    return to;
  }
}
