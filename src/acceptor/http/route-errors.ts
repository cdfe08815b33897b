/** Which errors a route may answer: its own, and those that its parts bring with them. */
import { z } from 'zod';
import type { ErrorCode } from '../../core/errors.js';
import type { Route } from './route.js';

/** Of any request, by its head alone. */
const ANY: readonly ErrorCode[] = ['internal', 'host_refused', 'bad_request'];
/** Of whatever asks workers, or the log. */
const ASKS: readonly ErrorCode[] = [
  'busy',
  'topic_busy',
  'log_unavailable',
  'log_read_only',
  'log_full',
  'outcome_unknown',
  'draining',
];
const KEYED: readonly ErrorCode[] = ['unauthorized', 'forbidden'];
const BODY: readonly ErrorCode[] = [
  'empty_body',
  'invalid_utf8',
  'invalid_json',
  'body_must_be_object',
  'too_deep',
  'duplicate_key',
  'invalid_field',
  'body_too_large',
  'request_timeout',
  'unsupported_media_type',
  'unsupported_encoding',
];
const TOPIC: readonly ErrorCode[] = [
  'topic_required',
  'topic_type',
  'topic_chars',
  'topic_too_long',
];

export function errorsOf(route: Route): Set<ErrorCode> {
  const { askedBy, scope, params, query, body, errors } = route;
  const names = [params, query, body].flatMap((schema) => membersOf(schema));
  return new Set([
    ...ANY,
    ...errors,
    ...(askedBy === 'anyone' ? [] : (['origin_refused'] as const)),
    ...(scope === 'anyone' ? [] : [...KEYED, ...ASKS]),
    ...(query === null ? [] : (['invalid_query'] as const)),
    ...(body === null ? [] : BODY),
    ...(names.includes('topic') || names.includes('name') ? TOPIC : []),
    ...(names.includes('subscription') || names.includes('name')
      ? (['invalid_field'] as const)
      : []),
  ]);
}

function membersOf(schema: z.core.$ZodType | null): string[] {
  if (schema instanceof z.ZodPipe) return membersOf(schema.in);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
