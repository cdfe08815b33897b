/** The path and the query of a request, read by the schemas of its route. Throws RequestError. */
import type { HttpRequest } from 'uWebSockets.js';
import { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import { quoteShort } from '../../core/quote.js';
import { BODY, type Container, QUERY, refusalOf } from '../../wire/schemas/refusal.js';

const DIGITS = /^\d{1,16}$/;

/** The value as the schema makes it. */
export function readValue<S extends z.ZodType>(
  schema: S,
  value: unknown,
  container: Container,
): z.output<S> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw refusalOf(read.error, container);
}

/** The names in its path, as far as it has them, with slashes between. */
export function pathNames(req: HttpRequest, count: number): string {
  return Array.from({ length: count }, (_, n) => decoded(req.getParameter(n) ?? '')).join('/');
}

/** By the members' places in the path. */
export function readPath<S extends z.ZodObject>(schema: S, req: HttpRequest): z.output<S> {
  const names = Object.keys(schema.shape);
  const entries = names.map((name, n) => [name, decoded(req.getParameter(n) ?? '')]);
  return readValue(schema, Object.fromEntries(entries), BODY);
}

/** What is not percent-encoded UTF-8 stays as it is, and is no name then. */
function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return segment;
  }
}

export function readQuery<S extends z.ZodObject>(schema: S, text: string): z.output<S> {
  const params = new URLSearchParams(text);
  const values: Record<string, unknown> = {};
  for (const [name, value] of params) {
    if (Object.hasOwn(values, name)) {
      throw new RequestError('invalid_query', 'given more than once', name);
    }
    const isNumber = DIGITS.test(value) && isNumeric(schema.shape[name]);
    const given = isNumber ? Number(value) : value;
    Object.defineProperty(values, name, { value: given, enumerable: true });
  }
  return readQueryValues(schema, values, params);
}

function readQueryValues<S extends z.ZodObject>(
  schema: S,
  values: Record<string, unknown>,
  params: URLSearchParams,
): z.output<S> {
  const read = schema.safeParse(values);
  if (read.success) return read.data;
  const { code, message, field = '' } = refusalOf(read.error, QUERY);
  // Of a parameter it knows: what was got says where it went wrong.
  const isKnown = code === QUERY.code && Object.hasOwn(schema.shape, field) && params.has(field);
  const detail = isKnown ? `got ${quoteShort(params.get(field) ?? '')}, ${message}` : message;
  throw new RequestError(code, detail, field);
}

/** Whether its text is to be read as a number, whatever it may be left out for. */
function isNumeric(schema: z.core.$ZodType | undefined): boolean {
  if (schema instanceof z.ZodPipe) return isNumeric(schema.in);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return isNumeric(schema.unwrap());
  }
  return schema instanceof z.ZodNumber;
}
