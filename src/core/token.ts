/**
 * Tokens that nodes make, as text: `cdtt_<claims>.<seal>`. The claims are JSON in base64url; the seal is an
 * HMAC-SHA256 of them and of the digest of the API key that they come of, under the secret of the
 * installation. There is one algorithm, so nothing in a token names one; and a token is good only where
 * its key is there, with the same digest. Claims are nobody's word before `isSealed` says so.
 */
import { createHmac } from 'node:crypto';
import { isSameDigest } from './api-key.js';
import type { TokenRecord } from './token-record.js';

/** Of any token, ours or not: the head of a request has room for 4 KiB, with all else that browsers send. */
export const TOKEN_CHARS_MAX = 2_560;
export const SUBJECT_CHARS_MAX = 255;
export const TOKEN_SECRET_BYTES = 32;

const PREFIX = 'cdtt_';
const PATTERN = /^cdtt_([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;
/** Three parts, the first of which is JSON that begins with a brace (RFC 7519). */
const JWT = /^ey[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export interface TokenClaims extends TokenRecord {
  /** Id of the API key that it comes of. */
  key: string;
}

/** What a token is sealed with: the installation's secret, and the digest of the API key. */
export interface SealedBy {
  secret: Uint8Array;
  digest: Buffer;
}

export interface ReadToken {
  claims: TokenClaims;
  /** The claims as they are in the text. */
  body: string;
  seal: string;
}

/** Whether it may be a token, ours or a JWT. */
export function isToken(text: string): boolean {
  return text.length <= TOKEN_CHARS_MAX && (isOwnToken(text) || JWT.test(text));
}

/** Whether it says of itself that a node made it. */
export function isOwnToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

export function makeToken(claims: TokenClaims, by: SealedBy): string {
  const body = Buffer.from(JSON.stringify(claims), 'utf8').toString('base64url');
  return `${PREFIX}${body}.${sealOf(body, by)}`;
}

/** Null: no node can have made it. */
export function readToken(text: string): ReadToken | null {
  const [, body = '', seal = ''] = PATTERN.exec(text) ?? [];
  const claims = body === '' ? null : claimsIn(body);
  return claims === null ? null : { claims, body, seal };
}

/** Whether a node made it, of this key. Compared as text: a seal has one way to be written. */
export function isSealed({ body, seal }: ReadToken, by: SealedBy): boolean {
  return isSameDigest(Buffer.from(sealOf(body, by)), Buffer.from(seal));
}

function sealOf(body: string, { secret, digest }: SealedBy): string {
  return createHmac('sha256', secret).update(digest).update(body).digest('base64url');
}

/** Of what it names only the key is looked at before the seal is. */
function claimsIn(body: string): TokenClaims | null {
  try {
    const claims: TokenClaims | null = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    return typeof claims?.key === 'string' ? claims : null;
  } catch {
    return null;
  }
}
