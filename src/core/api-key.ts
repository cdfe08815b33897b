/**
 * API keys as text: `cdt_<id>_<secret>`, the secret ending in a checksum, so that what was mistyped or made
 * up is refused without a look-up, and a scanner of sources finds what leaked. The id is no secret: keys are
 * looked up by it. What is stored of a secret is its digest; digests are compared here and nowhere else.
 * Logins, which a browser shows in the place of a key, are `cdl_<id>_<secret>`, and the same otherwise.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

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
  `^((cd[tl]_${ID})_[${DIGITS}]{${SECRET_CHARS}})([${DIGITS}]{${CHECK_CHARS}})$`,
);
const KEY = 'cdt_';
const LOGIN = 'cdl_';

export interface MadeKey {
  id: string;
  /** Shown once. */
  text: string;
}

export function makeApiKey(): MadeKey {
  const id = randomText(ID_CHARS);
  return { id, text: withSecret(`${KEY}${id}`) };
}

/** Of a key of this form with its checksum right; null: it is none of those that are made here. */
export function apiKeyId(text: string): string | null {
  const label = labelOf(text);
  return label?.startsWith(KEY) === true ? label.slice(KEY.length) : null;
}

/** Its id has the prefix, so that none is a key's. */
export function makeLogin(): MadeKey {
  const id = `${LOGIN}${randomText(ID_CHARS)}`;
  return { id, text: withSecret(id) };
}

/** The same of a login. */
export function loginId(text: string): string | null {
  const label = labelOf(text);
  return label?.startsWith(LOGIN) === true ? label : null;
}

export function isLoginId(id: string): boolean {
  return id.startsWith(LOGIN);
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

/** The same of texts of any length. */
export function isSameSecret(one: string, other: string): boolean {
  return isSameDigest(digestOf(one), digestOf(other));
}

function withSecret(label: string): string {
  const body = `${label}_${randomText(SECRET_CHARS)}`;
  return `${body}${checkOf(body)}`;
}

/** What stands before the secret; null: it has another form, or another checksum. */
function labelOf(text: string): string | null {
  const [, body = '', label = '', check] = PATTERN.exec(text) ?? [];
  return check !== undefined && checkOf(body) === check ? label : null;
}

/** 256 is a multiple of 32, so each digit is as likely as another. */
function randomText(chars: number): string {
  return Array.from(randomBytes(chars), (byte) => DIGITS[byte % DIGITS.length]).join('');
}

/** The end of a key, of all that stands before it. */
export function checkOf(body: string): string {
  let left = crc32(body);
  let text = '';
  for (let n = 0; n < CHECK_CHARS; n++) {
    text = `${DIGITS[left % DIGITS.length]}${text}`;
    left = Math.floor(left / 2 ** DIGIT_BITS);
  }
  return text;
}
