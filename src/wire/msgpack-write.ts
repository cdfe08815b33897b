/** Single msgpack values, each in its shortest form, written to a ByteWriter. */
import type { ByteWriter } from './byte-writer.js';

const UINT8 = 0xcc;
const UINT16 = 0xcd;
const UINT32 = 0xce;
const UINT64 = 0xcf;
const INT8 = 0xd0;
const INT16 = 0xd1;
const INT32 = 0xd2;
const INT64 = 0xd3;
const FLOAT64 = 0xcb;
const STR8 = 0xd9;
const STR16 = 0xda;
const STR32 = 0xdb;
/** Up to this length two loops are sooner done than two calls out of JavaScript. */
const SHORT_CHARS = 64;

/** Header of a str of `count` bytes. */
export function writeStrHeader(writer: ByteWriter, count: number): void {
  if (count < 32) {
    writer.byte(0xa0 | count);
  } else if (count <= 0xff) {
    writer.byte(STR8);
    writer.byte(count);
  } else if (count <= 0xffff) {
    writer.byte(STR16);
    writer.uint16(count);
  } else {
    writer.byte(STR32);
    writer.uint32(count);
  }
}

/** Lone surrogates become U+FFFD: a str must be UTF-8. */
export function writeStr(writer: ByteWriter, text: string): void {
  if (text.length <= SHORT_CHARS && isAscii(text)) {
    writeStrHeader(writer, text.length);
    writer.ascii(text);
    return;
  }
  writeStrHeader(writer, Buffer.byteLength(text));
  writer.utf8(text);
}

/** The whole value of a text below 32 ASCII characters, for what is written again and again. */
export function fixedStr(text: string): Uint8Array {
  return Uint8Array.of(0xa0 | text.length, ...Buffer.from(text, 'latin1'));
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) >= 0x80) return false;
  }
  return true;
}

/** An integer from -2^53 to 2^53, in its shortest form. */
export function writeInt(writer: ByteWriter, value: number): void {
  if (value < 0) {
    writeNegative(writer, value);
  } else if (value < 0x80) {
    writer.byte(value);
  } else if (value <= 0xff) {
    writer.byte(UINT8);
    writer.byte(value);
  } else if (value <= 0xffff) {
    writer.byte(UINT16);
    writer.uint16(value);
  } else if (value <= 0xffffffff) {
    writer.byte(UINT32);
    writer.uint32(value);
  } else {
    writer.byte(UINT64);
    writer.uint64(value);
  }
}

function writeNegative(writer: ByteWriter, value: number): void {
  if (value >= -0x20) {
    writer.byte(value & 0xff);
  } else if (value >= -0x80) {
    writer.byte(INT8);
    writer.byte(value & 0xff);
  } else if (value >= -0x8000) {
    writer.byte(INT16);
    writer.uint16(value & 0xffff);
  } else if (value >= -0x80000000) {
    writer.byte(INT32);
    writer.uint32(value);
  } else {
    writer.byte(INT64);
    writer.uint64(value);
  }
}

/** False: not between -2^63 and 2^64-1, nothing written. */
export function writeBigInt(writer: ByteWriter, value: bigint): boolean {
  if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value) return false;
  writer.byte(value < 0n ? INT64 : UINT64);
  const bits = BigInt.asUintN(64, value);
  writer.uint32(Number(bits >> 32n));
  writer.uint32(Number(bits & 0xffffffffn));
  return true;
}

export function writeFloat64(writer: ByteWriter, value: number): void {
  writer.byte(FLOAT64);
  writer.float64(value);
}

/** A safe integer as int, all else, -0 too, as float64. */
export function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) writeInt(writer, value);
  else writeFloat64(writer, value);
}

/**
 * A client's own mark in the kind of form it came in: a bigint came as a 64-bit integer; a number that
 * 32 bits do not hold came as a float. Many decoders give the two different types.
 */
export function writeRef(writer: ByteWriter, ref: string | number | bigint): void {
  if (typeof ref === 'string') writeStr(writer, ref);
  else if (typeof ref === 'bigint') writeInt(writer, Number(ref));
  else if (ref >= -0x80000000 && ref <= 0xffffffff) writeNumber(writer, ref);
  else writeFloat64(writer, ref);
}

/** Header of an array of `count` items. */
export function writeArrayHeader(writer: ByteWriter, count: number): void {
  if (count < 16) {
    writer.byte(0x90 | count);
  } else if (count <= 0xffff) {
    writer.byte(0xdc);
    writer.uint16(count);
  } else {
    writer.byte(0xdd);
    writer.uint32(count);
  }
}

/** Header of a map of `count` pairs. */
export function writeMapHeader(writer: ByteWriter, count: number): void {
  if (count < 16) {
    writer.byte(0x80 | count);
  } else if (count <= 0xffff) {
    writer.byte(0xde);
    writer.uint16(count);
  } else {
    writer.byte(0xdf);
    writer.uint32(count);
  }
}
