/**
 * A small JSON body as a plain object: of a control request, never of a publish. It names no member twice,
 * at whatever level, since JSON.parse would take the last and drop the others without a word. It is never
 * written again, so its depth could hurt only here, where each level that is open is held.
 */
import { isUtf8 } from 'node:buffer';
import { RequestError } from '../core/errors.js';
import { duplicateKey } from './fields.js';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  scanString,
  skipSpace,
  tooDeep,
} from './json-scan.js';
import { asBuffer } from './value-reader.js';

const FIELD_CHARS_MAX = 60;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const NUMBER_CHARS_MAX = 40;
const NUMBER_BYTES = Buffer.from('-+.0123456789eE');

/**
 * A member's value may nest to `depthMax`. Throws RequestError: empty_body, invalid_utf8, invalid_json,
 * body_must_be_object, too_deep, duplicate_key; invalid_field for a number that JSON.parse would round to
 * another integer.
 */
export function parseJsonBody(body: Uint8Array, depthMax: number): Record<string, unknown> {
  const bytes = asBuffer(body);
  if (bytes.length === 0) throw new RequestError('empty_body', 'the body is empty');
  if (!isUtf8(bytes)) throw new RequestError('invalid_utf8', 'the body is not valid UTF-8');
  const value = parse(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RequestError('body_must_be_object', 'the body must be a JSON object');
  }
  checkMembers(bytes, depthMax);
  return value as Record<string, unknown>;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const detail = 'the body is not valid JSON in UTF-8';
    throw new RequestError('invalid_json', detail, { cause });
  }
}

/** An object or a list that is open: the names it has had, and the one whose value comes. */
interface Level {
  /** Null: a list, or it has had none yet. */
  names: Set<string> | null;
  name: string;
}

/** Throws too_deep, or with the member's path duplicate_key or invalid_field. `bytes`: valid JSON. */
function checkMembers(bytes: Buffer, depthMax: number): void {
  const levels: Level[] = [];
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      // The body itself is not counted.
      if (levels.length > depthMax) throw tooDeep(depthMax, at);
      levels.push({ names: null, name: '' });
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) levels.pop();
    if (isNumberByte(byte)) {
      at = checkNumber(bytes, at, levels);
      continue;
    }
    if (byte !== QUOTE) {
      at++;
      continue;
    }
    const end = scanString(bytes, at, bytes.length);
    // Nothing but a member's name has a colon behind it.
    const isName = bytes[skipSpace(bytes, end, bytes.length)] === COLON;
    if (isName) nameMember(levels, JSON.parse(bytes.toString('utf8', at, end)) as string);
    at = end;
  }
}

function nameMember(levels: readonly Level[], name: string): void {
  const level = levels.at(-1);
  if (level === undefined) return;
  level.name = name;
  level.names ??= new Set();
  if (level.names.has(name)) {
    throw duplicateKey(pathOf(levels));
  }
  level.names.add(name);
}

function pathOf(levels: readonly Level[]): string {
  const path = levels.map((one) => one.name).filter((one) => one !== '');
  return path.join('.').slice(0, FIELD_CHARS_MAX);
}

/** A number begins with it. */
function isNumberByte(byte: number | undefined): boolean {
  return byte === MINUS || (byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_9);
}

/** Gives where the number that begins at `from` ends. */
function checkNumber(bytes: Buffer, from: number, levels: readonly Level[]): number {
  let to = from;
  while (NUMBER_BYTES.includes(bytes[to] ?? 0)) to++;
  if (to - from <= NUMBER_CHARS_MAX && isKept(bytes.toString('latin1', from, to))) return to;
  const detail = `takes numbers of at most ${NUMBER_CHARS_MAX} characters, between -2^53 and 2^53`;
  throw new RequestError('invalid_field', detail, pathOf(levels));
}

/** Whether JSON.parse makes no other integer of it, nor one of what is none. */
function isKept(text: string): boolean {
  const value = Number(text);
  if (!Number.isInteger(value)) return Number.isFinite(value);
  return Number.isSafeInteger(value) && isWhole(text);
}

function isWhole(text: string): boolean {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  const kept = digits.replace(/0+$/, '');
  return kept === '' || Number(exponent) - fraction.length + digits.length - kept.length >= 0;
}
