/**
 * API keys as text: `cdt_<id>_<secret>`, the secret ending in a checksum, so that what was mistyped or made
 * up is refused without a look-up, and a scanner of sources finds what leaked. The id is no secret: keys are
 * looked up by it. What is stored of a secret is its digest; digests are compared here and nowhere else.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from './crc32.js';

/** Of what is sent as a key, configured ones included. */
export const API_KEY_CHARS_MAX = 255;

/** Crockford's: no i, l, o, u, which are mistaken for others. */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
const DIGIT_BITS = 5;
const ID_CHARS = 16;
/** 160 bits. */
const SECRET_CHARS = 32;
/** 35 bits hold the 32 of a CRC. */
const CHECK_CHARS = 7;
const ID = `[${DIGITS}]{${ID_CHARS}}`;
const ID_ALONE = new RegExp(`^${ID}$`);
const PATTERN = new RegExp(
  `^(cdt_(${ID})_[${DIGITS}]{${SECRET_CHARS}})([${DIGITS}]{${CHECK_CHARS}})$`,
);

export interface MadeKey {
  id: string;
  /** Shown once. */
  text: string;
}

export function makeApiKey(): MadeKey {
  const id = randomText(ID_CHARS);
  const body = `cdt_${id}_${randomText(SECRET_CHARS)}`;
  return { id, text: `${body}${checkOf(body)}` };
}

/** Of a key of this form with its checksum right; null: it is none of those that are made here. */
export function apiKeyId(text: string): string | null {
  const [, body = '', id = '', check] = PATTERN.exec(text) ?? [];
  return check !== undefined && checkOf(body) === check ? id : null;
}

/** Whether it may be the id of a key. */
export function isApiKeyId(text: string): boolean {
  return ID_ALONE.test(text);
}

/** SHA-256 of the whole text, 32 bytes. */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** In a time that does not tell where they differ. */
export function isSameDigest(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** 256 is a multiple of 32, so each digit is as likely as another. */
function randomText(chars: number): string {
  return Array.from(randomBytes(chars), (byte) => DIGITS[byte % DIGITS.length]).join('');
}

function checkOf(body: string): string {
  let left = crc32(body);
  let text = '';
  for (let n = 0; n < CHECK_CHARS; n++) {
    text = `${DIGITS[left % DIGITS.length]}${text}`;
    left = Math.floor(left / 2 ** DIGIT_BITS);
  }
  return text;
}
