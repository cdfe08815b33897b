/**
 * What the schemas of requests and answers are made of, so that each rule has one wording. A member that is
 * null counts as left out wherever it is optional; whoever reads it gets null. Descriptions and units are
 * for the description of the API that is made from the schemas.
 */
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import { type IntegerRange, integerText } from '../fields.js';

/** Any integer that a float64 holds. */
const COUNT: IntegerRange = { min: 0, max: Number.MAX_SAFE_INTEGER };

/** A body that clients see: what the schema of the answer says. */
export type View<S extends z.ZodType> = z.output<S>;

/** An object of these members and no other: what is not known was meant to do something. */
export function members<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape).join(', ') || 'none';
  const error = (issue: { code?: string }): string =>
    issue.code === 'unrecognized_keys' ? `known: ${known}` : `must be an object of ${known}`;
  return z.strictObject(shape, { error });
}

/** Null for what is null or left out. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? null);
}

/** `fallback` for what is null or left out. */
export function withDefault<T extends z.ZodType>(schema: T, fallback: z.output<T>) {
  return schema.nullish().transform((value) => value ?? fallback);
}

export function integer(range: IntegerRange, description: string) {
  const error = sayIf(`must be ${integerText(range)}`);
  const within = z.int({ error }).min(range.min, { error }).max(range.max, { error });
  // Not -0.
  return within.overwrite((value) => value + 0).describe(description);
}

export function text(description: string) {
  return z.string({ error: sayIf('must be a string') }).describe(description);
}

export function oneOf<const T extends readonly string[]>(values: T, description: string) {
  return z.enum(values, { error: sayIf(`takes ${values.join(' or ')}`) }).describe(description);
}

/** Members of answers. */
export function count(description: string) {
  return integer(COUNT, description);
}

export function time(description: string) {
  return z.iso
    .datetime({ precision: 3 })
    .describe(`${description} RFC 3339, UTC, in milliseconds.`);
}

export function uuid(description: string) {
  return z.guid().describe(description);
}

/** For `transform`: what `read` throws as a RequestError keeps its code, and its field if it names one. */
export function via<I, O>(read: (value: I) => O): (value: I, context: z.RefinementCtx) => O {
  return (value, context) => {
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { message } = error;
      context.issues.push({ code: 'custom', input: value, message, params: { refused: error } });
      return z.NEVER;
    }
  };
}

function sayIf(rule: string): (issue: { input?: unknown }) => string {
  return ({ input }) => (input === undefined || input === null ? 'is required' : rule);
}
