/**
 * Typed reading of values that a scanner has already found valid, the same for both formats, so that
 * each rule about fields is written once. A reader keeps nothing between calls. `from` and `to` bound
 * one whole value.
 */
import type { ContentType } from '../core/message.js';
import type { FieldSpans } from './field-spans.js';

export interface ValueReader {
  readonly contentType: ContentType;
  /** Bytes that end a string after its text: the quote in JSON, none in msgpack. */
  readonly textTail: number;
  isNull(bytes: Buffer, from: number): boolean;
  /** First byte of a string's text, escapes as sent; -1: not a string. */
  textStart(bytes: Buffer, from: number): number;
  /** The string, escapes resolved (so a lone surrogate is possible in JSON); null: not a string. */
  text(bytes: Buffer, from: number, to: number): string | null;
  /** The number; NaN: a float64 does not hold it as it was sent; null: not a number. */
  number(bytes: Buffer, from: number, to: number): number | null;
  /** The same; a bigint: an integer beyond 32 bits, within +-(2^53-1), that came in a 64-bit form. */
  mark(bytes: Buffer, from: number, to: number): number | bigint | null;
  /** Null: not a boolean. */
  boolean(bytes: Buffer, from: number): boolean | null;
  /** Notes where the known fields of a map are; false: not a map. */
  fields(bytes: Buffer, from: number, to: number, spans: FieldSpans): boolean;
  /** JSON text, without spaces, of a map of string to string, and its pairs; null: not such a map. */
  stringMap(bytes: Buffer, from: number, to: number): StringMap | null;
}

export interface StringMap {
  readonly json: string;
  readonly pairs: number;
  /** A name came more than once. */
  readonly repeated: boolean;
}

/**
 * `map`: made from a null prototype or by JSON.parse, so that `__proto__` is a key like others;
 * `sent`: how many pairs it was made of.
 */
export function stringMapOf(map: Record<string, unknown>, sent: number): StringMap | null {
  const values = Object.values(map);
  if (values.some((value) => typeof value !== 'string')) return null;
  return { json: JSON.stringify(map), pairs: values.length, repeated: sent > values.length };
}

/** `body` as a Buffer over the same bytes: its text methods are the fast ones. */
export function asBuffer(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
