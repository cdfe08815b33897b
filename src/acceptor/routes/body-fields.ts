/** Fields of small control bodies, checked. Throws RequestError that names the field. */
import { RequestError } from '../../core/errors.js';
import { type IntegerRange, integerText } from '../../wire/fields.js';
import { type StartPosition, startOf } from '../../wire/start.js';

export type Body = Readonly<Record<string, unknown>>;

/** A field that the route does not know was meant to do something. */
export function knownFields(body: Body, names: readonly string[]): void {
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const detail = `unknown field; known: ${names.join(', ')}`;
  throw new RequestError('invalid_field', detail, unknown.slice(0, 60));
}

/** null: left out, or null. */
export function integerOf(body: Body, name: string, range: IntegerRange): number | null {
  const value = body[name] ?? null;
  if (value === null) return null;
  const { min, max } = range;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw new RequestError('invalid_field', `must be ${integerText(range)}`, name);
}

/** null: left out, or null. */
export function textOf(body: Body, name: string): string | null {
  const value = body[name] ?? null;
  if (value === null || typeof value === 'string') return value;
  throw new RequestError('invalid_field', 'must be a string', name);
}

/** 1 to `max` positive integers; null: left out. */
export function idsOf(body: Body, name: string, max: number): number[] | null {
  const value = body[name] ?? null;
  if (value === null) return null;
  const isId = (one: unknown): one is number => Number.isSafeInteger(one) && Number(one) > 0;
  if (Array.isArray(value) && value.length > 0 && value.length <= max && value.every(isId)) {
    return value;
  }
  throw new RequestError('invalid_field', `must be an array of 1 to ${max} ids`, name);
}

/** Where to go on, as `start` of subscribe. */
export function positionOf(body: Body): StartPosition {
  knownFields(body, ['from', 'sequence', 'epoch', 'time']);
  const parts = {
    from: textOf(body, 'from'),
    sequence: integerOf(body, 'sequence', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    epoch: textOf(body, 'epoch'),
    time: textOf(body, 'time'),
  };
  return startOf(parts, (part, detail) => new RequestError('bad_cursor', detail, part));
}
