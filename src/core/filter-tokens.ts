/** The words of a filter of messages, each with where it stands. Pure; what is no word is refused. */
import { RequestError } from './errors.js';

/** In UTF-16 units. */
export const FILTER_CHARS_MAX = 1_024;

export type FilterSign =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '&&'
  | '||'
  | '!'
  | '('
  | ')'
  | '['
  | ']'
  | '.'
  | ',';

export type FilterToken =
  | { kind: 'sign'; sign: FilterSign; at: number }
  | { kind: 'name'; name: string; at: number }
  | { kind: 'value'; value: string | number; at: number }
  | { kind: 'end'; at: number };

const TOKEN =
  /\s*(?:(==|!=|<=|>=|&&|\|\||[<>!()[\].,])|([A-Za-z_$][\w$-]*)|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))/uy;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/** `at`: of the first character that is wrong, from 0; told from 1. */
export function badFilter(at: number, detail: string): RequestError {
  return new RequestError('invalid_query', `${detail}, at character ${at + 1}`, 'filter');
}

/** Throws `invalid_query`, which says where. The last one is the end. */
export function filterTokens(text: string): FilterToken[] {
  if (text.length > FILTER_CHARS_MAX) {
    throw badFilter(FILTER_CHARS_MAX, `is longer than ${FILTER_CHARS_MAX} characters`);
  }
  const tokens: FilterToken[] = [];
  const end = text.trimEnd().length;
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < end) {
    const from = pattern.lastIndex;
    const found = pattern.exec(text);
    if (found === null) throw badFilter(wordAt(text, from), 'takes no such character');
    tokens.push(tokenOf(found, pattern.lastIndex));
  }
  tokens.push({ kind: 'end', at: end });
  return tokens;
}

function wordAt(text: string, from: number): number {
  return from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0);
}

function tokenOf([all, sign, name, digits, quoted]: RegExpExecArray, end: number): FilterToken {
  const at = end - all.trimStart().length;
  if (sign !== undefined) return { kind: 'sign', sign: sign as FilterSign, at };
  if (name !== undefined) return { kind: 'name', name, at };
  if (digits !== undefined) return { kind: 'value', value: Number(digits), at };
  return { kind: 'value', value: unquoted(quoted ?? ''), at };
}

function unquoted(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(/\\u([0-9a-fA-F]{4})|\\(.)/gsu, (_, code: string | undefined, sign = '') =>
      code === undefined ? (ESCAPES[sign] ?? sign) : String.fromCharCode(Number.parseInt(code, 16)),
    );
}
