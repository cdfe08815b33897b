/** What a request says its body is. Refused: another content type or charset, a content encoding. */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import { CONTENT_ENCODING, CONTENT_TYPE } from './header-bytes.js';

export type BodyType = 'json' | 'msgpack' | 'ndjson' | 'event' | 'events';

/** Of a publish, and of many. */
export const PUBLISH_TYPES = ['json', 'msgpack'] as const;
export const BATCH_TYPES = [...PUBLISH_TYPES, 'ndjson'] as const;

/** Of CloudEvents, in their own formats. */
export const EVENT_TYPES = ['event', 'events'] as const;

const TYPES: Readonly<Record<string, BodyType>> = {
  'application/json': 'json',
  'application/msgpack': 'msgpack',
  'application/x-ndjson': 'ndjson',
  'application/cloudevents+json': 'event',
  'application/cloudevents-batch+json': 'events',
};

/** The content type of the request; throws 415. A request that names none sends JSON. */
export function bodyType<T extends BodyType>(req: HttpRequest, allowed: readonly T[]): T {
  refuseEncoded(req);
  const header = req.getHeader(CONTENT_TYPE);
  const type = header === '' || header === 'application/json' ? 'json' : parseType(header);
  const taken = allowed.find((one) => one === type);
  if (taken !== undefined) return taken;
  const names = Object.keys(TYPES).filter((name) => allowed.some((one) => one === TYPES[name]));
  const detail = `Content-Type must be ${names.join(' or ')}, in UTF-8`;
  throw new RequestError('unsupported_media_type', detail, 'Content-Type');
}

export function refuseEncoded(req: HttpRequest): void {
  const encoding = req.getHeader(CONTENT_ENCODING);
  if (encoding === '' || encoding === 'identity') return;
  const detail = 'the body must be sent without Content-Encoding';
  throw new RequestError('unsupported_encoding', detail, 'Content-Encoding');
}

/**
 * Refuses a header of which only the first would be believed. It looks at all headers, which costs as much
 * as a tenth of a publish: for requests that bring no message, or many.
 */
export function refuseRepeated(req: HttpRequest): void {
  let types = 0;
  let keys = 0;
  req.forEach((name) => {
    if (name === 'content-type') types++;
    else if (name === 'idempotency-key') keys++;
  });
  if (types > 1) {
    throw new RequestError('unsupported_media_type', 'may be given once', 'Content-Type');
  }
  if (keys > 1)
    throw new RequestError('dedupe_key_invalid', 'may be given once', 'Idempotency-Key');
}

function parseType(header: string): BodyType | null {
  const [name = '', ...parameters] = header.toLowerCase().split(';');
  const charsets = parameters.map((p) => p.trim()).filter((p) => /^charset\s*=/.test(p));
  const isUtf8 = charsets.every((charset) => /^charset\s*=\s*("utf-?8"|utf-?8)$/.test(charset));
  return isUtf8 && charsets.length <= 1 ? (TYPES[name.trim()] ?? null) : null;
}
