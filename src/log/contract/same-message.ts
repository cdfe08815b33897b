/**
 * Whether two publishes under one dedupe key are the same message although their bytes differ: a client
 * that writes its JSON anew for a retry may order and space it otherwise. Only asked when fingerprints
 * differ. Pure.
 */
import type { Publication } from '../../core/message.js';
import { CONTENT_MSGPACK } from '../../core/message.js';
import { withoutContext } from '../../core/trace-context.js';
import { msgpackToJson } from '../../wire/transcode-to-json.js';

/** Larger payloads are compared byte for byte: to parse them would hold up the thread. */
export const COMPARED_BYTES_MAX = 16 * 1024;

export const MISMATCH =
  'the dedupe key was used for another message: payload, key and headers are compared by value, ' +
  'payloads over 16 KiB byte for byte';

type Compared = Pick<Publication, 'contentType' | 'payload' | 'key' | 'headers'>;

/** By value: order of members, white space, escapes, ways to write a number, and traces do not matter. */
export function isSameMessage(one: Compared, other: Compared): boolean {
  if (one.key !== other.key) return false;
  if (!isSameJson(withoutContext(one.headers), withoutContext(other.headers))) return false;
  if (one.contentType === other.contentType && Buffer.compare(one.payload, other.payload) === 0) {
    return true;
  }
  if (Math.max(one.payload.length, other.payload.length) > COMPARED_BYTES_MAX) return false;
  return isSameJson(textOf(one), textOf(other));
}

function textOf({ contentType, payload }: Compared): string {
  const json = contentType === CONTENT_MSGPACK ? msgpackToJson(payload) : payload;
  return Buffer.from(json.buffer, json.byteOffset, json.length).toString('utf8');
}

function isSameJson(one: string | null, other: string | null): boolean {
  if (one === other) return true;
  if (one === null || other === null) return false;
  const [a, b] = [plainJson(one), plainJson(other)];
  return a !== null && a === b;
}

/** A string, a mark, or a literal. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** The one text for all texts of that value; null: it is not valid JSON, as a key's value never is. */
function plainJson(text: string): string | null {
  const tokens = text.match(TOKEN) ?? [];
  let at = 0;
  const value = (): string => {
    const token = tokens[at++] ?? '';
    if (token === '{') return `{${members().sort().join(',')}}`;
    if (token === '[') return `[${elements(']', value).join(',')}]`;
    if (token.startsWith('"')) return plainString(token);
    return plainNumber(token);
  };
  const members = (): string[] =>
    elements('}', () => {
      const name = plainString(tokens[at++] ?? '');
      at++;
      return `${name}:${value()}`;
    });
  const elements = (end: string, next: () => string): string[] => {
    const found: string[] = [];
    while (at < tokens.length && tokens[at] !== end) {
      found.push(next());
      if (tokens[at] === ',') at++;
    }
    at++;
    return found;
  };
  try {
    return value();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function plainString(token: string): string {
  return JSON.stringify(JSON.parse(token));
}

/** Digits without zeros at either end, and an exponent: exact, whatever a double can hold. */
function plainNumber(token: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(token) ?? [];
  if (sign === undefined) return token;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const zeros = BigInt(digits.length - significant.length - fraction.length);
  return `${sign}${significant}e${BigInt(exponent) + zeros}`;
}
