/**
 * Texts of others (payloads, reasons, names of clients) as they may stand on a terminal: nothing in them
 * moves a cursor, sets a title or hides what follows.
 */

const CONTROLS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** Of those no JSON text has the lower ones raw; written as escapes the others are the same value. */
const RAW_IN_JSON = /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** Of lines of JSON all but what ends them. */
const RAW_IN_JSON_LINES = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** On one line. */
export function printable(text: string): string {
  return text.replace(CONTROLS, escaped);
}

/** The same JSON value; `text` is JSON on one line. */
export function printableJson(text: string): string {
  return text.replace(RAW_IN_JSON, escaped);
}

/** The same JSON values, a value a line. */
export function printableLines(text: string): string {
  return text.replace(RAW_IN_JSON_LINES, escaped);
}

/** JSON that is shown as it came: what JSON.parse makes of it may be another value. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** How a value stands in a table or behind a name. */
export function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'string') return printable(value);
  if (value instanceof JsonText) return printableJson(value.text);
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) {
    return value.length === 0 ? '-' : printable(value.join(','));
  }
  return printableJson(JSON.stringify(value));
}
