/** Items of a list that a node answered, byte for byte: a payload that is a large number stays what it is. */
import { LIMITS } from '../../core/limits.js';
import {
  CLOSE_BRACKET,
  COMMA,
  QUOTE,
  scanString,
  scanValue,
  skipSpace,
} from '../../wire/json-scan.js';

const DEPTH_MAX = LIMITS.depthMax.max;

/** `text` is a JSON object that JSON.parse took; [] where the member is absent or no array. */
export function itemTexts(text: string, member: string): string[] {
  const list = memberBytes(text, member);
  return list === null ? [] : arrayItems(list);
}

/** The value of a member, as it came; null: there is none. */
export function memberText(text: string, member: string): string | null {
  const value = memberBytes(text, member);
  return value === null ? null : oneLine(value.toString('utf8'));
}

function memberBytes(text: string, member: string): Buffer | null {
  const bytes = Buffer.from(text);
  const end = bytes.length;
  let at = skipSpace(bytes, 0, end) + 1;
  for (;;) {
    at = skipSpace(bytes, at, end);
    if (bytes[at] !== QUOTE) return null;
    const nameEnd = scanString(bytes, at, end);
    const name: unknown = JSON.parse(bytes.toString('utf8', at, nameEnd));
    const from = skipSpace(bytes, skipSpace(bytes, nameEnd, end) + 1, end);
    const to = scanValue(bytes, from, end, DEPTH_MAX);
    if (name === member) return bytes.subarray(from, to);
    at = skipSpace(bytes, to, end);
    if (bytes[at] !== COMMA) return null;
    at++;
  }
}

function arrayItems(bytes: Buffer): string[] {
  const end = bytes.length;
  const items: string[] = [];
  if (bytes[0] !== CLOSE_BRACKET - 2) return items;
  let at = skipSpace(bytes, 1, end);
  while (at < end && bytes[at] !== CLOSE_BRACKET) {
    const to = scanValue(bytes, at, end, DEPTH_MAX);
    items.push(oneLine(bytes.toString('utf8', at, to)));
    at = skipSpace(bytes, to, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1, end);
  }
  return items;
}

/** Raw line breaks of JSON stand outside strings. */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]/g, ' ');
}
