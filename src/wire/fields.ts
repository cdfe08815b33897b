/**
 * Every field a client may send, in a publish or in a frame, under one number; and the rules for
 * single values that several of them share. Null counts as absent wherever a field is optional.
 */
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { quoteShort } from '../core/quote.js';
import { FieldSpans } from './field-spans.js';
import { NameTable } from './name-table.js';
import type { ValueReader } from './value-reader.js';

const NAMES = [
  'type',
  'ref',
  'topic',
  'payload',
  'key',
  'headers',
  'dedupe_key',
  'ttl_ms',
  'delay_ms',
  'deliver_at',
  'message_id',
  'sequence',
  'cumulative',
  'subscription',
  'ack',
  'max_in_flight',
  'start',
  'ack_wait_ms',
  'max_deliver',
  'ordering',
  'exclusive',
  'reason',
  'ms',
  'token',
  'client',
  'version',
] as const;

export type FieldName = (typeof NAMES)[number];

/** Place of each field in `newFieldSpans()`. */
export const FIELD = Object.freeze(
  Object.fromEntries(NAMES.map((name, place) => [name, place])),
) as Readonly<Record<FieldName, number>>;

const TABLE = new NameTable(NAMES);

export function newFieldSpans(): FieldSpans {
  return new FieldSpans(TABLE);
}

/** One map that was scanned: its bytes, its format and where its fields are. */
export interface Fields {
  readonly bytes: Buffer;
  readonly reader: ValueReader;
  readonly spans: FieldSpans;
}

/** What an integer may be. `variable`: that sets `max`, for the error. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  readonly variable?: string;
}

export const POSITIVE: IntegerRange = { min: 1, max: Number.MAX_SAFE_INTEGER };

let delays: IntegerRange = { min: 0, max: Number.NaN };

/** Of delay_ms. The last one is kept: it is asked for with every publish that has more than a payload. */
export function delayRange({ delayMsMax: max }: Limits): IntegerRange {
  if (delays.max !== max) delays = { min: 0, max, variable: 'DELAY_MS_MAX' };
  return delays;
}

/** `an integer from 1 to 1000 (PAGE_ITEMS_MAX)`. */
export function integerText({ min, max, variable }: IntegerRange): string {
  return `an integer from ${min} to ${max}${variable === undefined ? '' : ` (${variable})`}`;
}

export function invalidField(field: string, detail: string): RequestError {
  return new RequestError('invalid_field', detail, field);
}

/**
 * Throws RequestError duplicate_key for a map that has a known field twice: readers differ in which of the
 * two they take. `within`: of which field the map is the value, with its dot; '' for the whole.
 */
export function refuseRepeated({ repeated, names }: FieldSpans, within = ''): void {
  if (repeated === 0) return;
  throw duplicateKey(`${within}${names.nameAt(31 - Math.clz32(repeated))}`);
}

/** Of a body, a frame or a map in one of them. */
export function duplicateKey(field: string): RequestError {
  return new RequestError('duplicate_key', `${quoteShort(field)} is given more than once`, field);
}

/** Whether `place` is there and not null. */
export function has(fields: Fields, place: number): boolean {
  const from = fields.spans.start(place);
  return from >= 0 && !fields.reader.isNull(fields.bytes, from);
}

function wrong(place: number, detail: string): RequestError {
  const name = NAMES[place] ?? '';
  return invalidField(name, `${name} ${detail}`);
}

/** The string; null: absent. Throws RequestError invalid_field for another type. */
export function textField(fields: Fields, place: number): string | null {
  if (!has(fields, place)) return null;
  const { bytes, reader, spans } = fields;
  const text = reader.text(bytes, spans.start(place), spans.end(place));
  if (text === null) throw wrong(place, 'must be a string');
  return text;
}

/** The integer; null: absent. Throws RequestError invalid_field for another type or out of range. */
export function integerField(fields: Fields, place: number, range: IntegerRange): number | null {
  if (!has(fields, place)) return null;
  const { bytes, reader, spans } = fields;
  const value = reader.number(bytes, spans.start(place), spans.end(place));
  if (value === null || !Number.isInteger(value) || value < range.min || value > range.max) {
    throw wrong(place, `must be ${integerText(range)}`);
  }
  // Not -0.
  return value + 0;
}

/** False when absent. Throws RequestError invalid_field for another type. */
export function flagField(fields: Fields, place: number): boolean {
  if (!has(fields, place)) return false;
  const value = fields.reader.boolean(fields.bytes, fields.spans.start(place));
  if (value === null) throw wrong(place, 'must be true or false');
  return value;
}

/** One of `choices`; null: absent. Throws RequestError invalid_field for anything else. */
export function choiceField<T extends string>(
  fields: Fields,
  place: number,
  choices: readonly T[],
): T | null {
  if (!has(fields, place)) return null;
  const text = textField(fields, place);
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw wrong(place, `must be one of ${choices.join(', ')}`);
  return choice;
}
