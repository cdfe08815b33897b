/**
 * The table of routes, read as what it says of the API, and what it says of an answer: which shape it has,
 * and which errors it may be. Nothing here runs a route.
 */
import type { z } from 'zod';
import type { Route } from '../../../src/acceptor/http/route.js';
import { errorsOf } from '../../../src/acceptor/http/route-errors.js';
import { routeTable, type TableParts } from '../../../src/acceptor/routes/table/table.js';
import type { ErrorCode } from '../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { LETTER } from '../../../src/wire/schemas/dead-letters.js';

/** Built without what runs them. */
const NO_PARTS = { limits: DEFAULT_LIMITS, nodeId: 'n' } as unknown as TableParts;

export const ROUTES: readonly Route[] = routeTable(NO_PARTS);

/** Bodies that no schema describes. */
const NO_JSON = ['text/event-stream', 'text/plain; version=0.0.4; charset=utf-8'];

export interface SeenAnswer {
  status: number;
  type: string;
  text: string;
}

/** The route of a request; of two that fit, the one without a parameter. */
export function routeOf(method: string, path: string): Route | undefined {
  const fits = ROUTES.filter((route) => {
    const pattern = route.path.replace(/:\w+/g, '[^/]+').replace(/\./g, '\\.');
    return route.method === method && new RegExp(`^${pattern}$`).test(path);
  });
  return fits.find(({ params }) => params === null) ?? fits[0];
}

/** What of an answer its route does not say; null: nothing. */
export function surpriseIn(method: string, target: string, answer: SeenAnswer): string | null {
  const route = routeOf(method, target.split('?')[0] ?? '');
  if (route === undefined) return null;
  const what = `${method} ${target} ${answer.status}`;
  if (answer.status >= 400 && answer.type.includes('problem+json')) {
    const { code } = JSON.parse(answer.text) as { code: ErrorCode };
    return errorsOf(route).has(code) ? null : `${what}: ${code} is not among its errors`;
  }
  const schema = route.answer[answer.status];
  if (schema === undefined) return `${what}: it has no such answer`;
  if (schema === null) {
    const isSilent = answer.text === '' || NO_JSON.includes(answer.type);
    return isSilent ? null : `${what}: it has no body`;
  }
  if (!answer.type.includes('ndjson')) return misfit(what, schema, answer.text);
  const lines = answer.text.split('\n').filter((line) => line !== '');
  return lines.map((line) => misfit(what, LETTER, line)).find((one) => one !== null) ?? null;
}

function misfit(what: string, schema: z.ZodType, text: string): string | null {
  const read = schema.safeParse(JSON.parse(text));
  return read.success ? null : `${what}: ${JSON.stringify(read.error.issues)} in ${text}`;
}
