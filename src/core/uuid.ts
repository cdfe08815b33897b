/**
 * Message ids: UUIDv7 (RFC 9562 section 5.7) as 16 bytes in the product, as 36 characters outside.
 * Owns a pool of random bytes per thread; a message costs no system call of its own.
 */
import { randomFillSync } from 'node:crypto';

const UUID_CHARS = 36;
const TWO_32 = 2 ** 32;
/** Random bytes of one id: 62 bits, the upper two replaced by the variant. */
const RANDOM_BYTES = 8;
const POOL_BYTES = 1024 * RANDOM_BYTES;

const DASH = 0x2d;
const HEX_CHARS = '0123456789abcdef';
const HEX_PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);
const HIGH_CHAR = Uint8Array.from(HEX_PAIRS, (pair) => pair.charCodeAt(0));
const LOW_CHAR = Uint8Array.from(HEX_PAIRS, (pair) => pair.charCodeAt(1));

/** Where byte n of the id has its two characters among the 36. */
const CHAR_AT = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

const NOT_HEX = 0xff;
const HEX_VALUE = new Uint8Array(256).fill(NOT_HEX);
for (let value = 0; value < 16; value++) {
  HEX_VALUE[HEX_CHARS.charCodeAt(value)] = value;
  HEX_VALUE[HEX_CHARS.toUpperCase().charCodeAt(value)] = value;
}

function pair(bytes: Uint8Array, at: number): string {
  return HEX_PAIRS[bytes[at] ?? 0] ?? '';
}

/** The 36 characters of 16 bytes, lower case. */
export function formatUuid(bytes: Uint8Array): string {
  return (
    pair(bytes, 0) +
    pair(bytes, 1) +
    pair(bytes, 2) +
    pair(bytes, 3) +
    '-' +
    pair(bytes, 4) +
    pair(bytes, 5) +
    '-' +
    pair(bytes, 6) +
    pair(bytes, 7) +
    '-' +
    pair(bytes, 8) +
    pair(bytes, 9) +
    '-' +
    pair(bytes, 10) +
    pair(bytes, 11) +
    pair(bytes, 12) +
    pair(bytes, 13) +
    pair(bytes, 14) +
    pair(bytes, 15)
  );
}

/** Writes the 36 ASCII bytes of the first 16 bytes of `id` at `target[at]`. */
export function writeUuid(target: Uint8Array, at: number, id: Uint8Array): void {
  for (let n = 0; n < 16; n++) {
    const byte = id[n] ?? 0;
    const to = at + (CHAR_AT[n] ?? 0);
    target[to] = HIGH_CHAR[byte] ?? 0;
    target[to + 1] = LOW_CHAR[byte] ?? 0;
  }
  target[at + 8] = DASH;
  target[at + 13] = DASH;
  target[at + 18] = DASH;
  target[at + 23] = DASH;
}

/** A fresh 16-byte id from 36 ASCII bytes at `source[at]`, either case; null: not a UUID. */
export function readUuid(source: Uint8Array, at: number): Uint8Array | null {
  if (at + UUID_CHARS > source.length) return null;
  if (source[at + 8] !== DASH || source[at + 13] !== DASH) return null;
  if (source[at + 18] !== DASH || source[at + 23] !== DASH) return null;
  const id = new Uint8Array(16);
  let seen = 0;
  for (let n = 0; n < 16; n++) {
    const from = at + (CHAR_AT[n] ?? 0);
    const high = HEX_VALUE[source[from] ?? 0] ?? NOT_HEX;
    const low = HEX_VALUE[source[from + 1] ?? 0] ?? NOT_HEX;
    seen |= high | low;
    id[n] = (high << 4) | low;
  }
  return seen > 15 ? null : id;
}

const text36 = Buffer.alloc(UUID_CHARS);

/** A fresh 16-byte id from its 36-character text, either case; null: not a UUID. */
export function parseUuid(text: string): Uint8Array | null {
  if (text.length !== UUID_CHARS) return null;
  // A character outside Latin-1 would lose its high byte in the copy and could pass for a digit.
  if (text36.write(text, 0, 'utf8') !== UUID_CHARS) return null;
  return readUuid(text36, 0);
}

const pool = new Uint8Array(POOL_BYTES);
let poolAt = POOL_BYTES;

/**
 * A fresh UUIDv7. `nowMs`: integer Unix milliseconds below 2^48. `randA`: the 12 bits after the
 * version, higher bits are ignored; a counter here keeps the ids of one millisecond in order.
 */
export function makeUuidV7(nowMs: number, randA: number): Uint8Array {
  if (poolAt === POOL_BYTES) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const id = new Uint8Array(16);
  const high = Math.floor(nowMs / TWO_32);
  const low = nowMs >>> 0;
  id[0] = high >>> 8;
  id[1] = high;
  id[2] = low >>> 24;
  id[3] = low >>> 16;
  id[4] = low >>> 8;
  id[5] = low;
  id[6] = 0x70 | ((randA >>> 8) & 0x0f);
  id[7] = randA;
  for (let n = 0; n < RANDOM_BYTES; n++) id[8 + n] = pool[poolAt + n] ?? 0;
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  poolAt += RANDOM_BYTES;
  return id;
}

/** The Unix milliseconds of a UUIDv7: its first 48 bits. Of any other id: some number below 2^48. */
export function uuidTimeMs(id: Uint8Array): number {
  let ms = 0;
  for (let at = 0; at < 6; at++) ms = ms * 256 + (id[at] ?? 0);
  return ms;
}
