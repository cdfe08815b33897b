/**
 * Reading a request's body within a bound. Refused: another content type, a content encoding, a
 * Content-Length over the bound (at once), more bytes than the bound (while they come).
 */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../core/errors.js';
import { type Exchange, faultOfOurs } from './exchange.js';
import { CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE } from './header-bytes.js';

export type BodyType = 'json' | 'msgpack' | 'ndjson';

const TYPES: Readonly<Record<string, BodyType>> = {
  'application/json': 'json',
  'application/msgpack': 'msgpack',
  'application/x-ndjson': 'ndjson',
};

/** The content type of the request; throws 415. A request that names none sends JSON. */
export function bodyType(req: HttpRequest, allowed: readonly BodyType[]): BodyType {
  const encoding = req.getHeader(CONTENT_ENCODING);
  if (encoding !== '' && encoding !== 'identity') {
    const detail = 'the body must be sent without Content-Encoding';
    throw new RequestError('unsupported_encoding', detail, 'Content-Encoding');
  }
  const header = req.getHeader(CONTENT_TYPE);
  const type = header === '' || header === 'application/json' ? 'json' : parseType(header);
  if (type !== null && allowed.includes(type)) return type;
  const names = Object.keys(TYPES).filter((name) => allowed.some((one) => one === TYPES[name]));
  const detail = `Content-Type must be ${names.join(' or ')}, in UTF-8`;
  throw new RequestError('unsupported_media_type', detail, 'Content-Type');
}

function parseType(header: string): BodyType | null {
  const [name = '', ...parameters] = header.toLowerCase().split(';');
  const charsets = parameters.map((p) => p.trim()).filter((p) => /^charset\s*=/.test(p));
  const isUtf8 = charsets.every((charset) => /^charset\s*=\s*("utf-?8"|utf-?8)$/.test(charset));
  return isUtf8 && charsets.length <= 1 ? (TYPES[name.trim()] ?? null) : null;
}

export interface BodyBound {
  bytesMax: number;
  /** The variable that sets it, for the error. */
  name: string;
}

/**
 * Gives the whole body to `use`, once; the bytes are valid during that call only. What `use` throws as
 * a RequestError is answered; anything else goes to `onFault`, and is answered 500.
 */
export function readBody(
  exchange: Exchange,
  req: HttpRequest,
  bound: BodyBound,
  use: (body: Uint8Array) => void,
  onFault: (error: unknown) => void,
): void {
  const declared = Number(req.getHeader(CONTENT_LENGTH));
  if (declared > bound.bytesMax) {
    exchange.failAndClose(tooLarge(bound));
    return;
  }
  let parts: Buffer[] | null = null;
  let bytes = 0;
  exchange.res.onData((chunk, isLast) => {
    if (!exchange.isOpen) return;
    try {
      bytes += chunk.byteLength;
      if (bytes > bound.bytesMax) {
        exchange.failAndClose(tooLarge(bound));
      } else if (isLast && parts === null) {
        use(Buffer.from(chunk));
      } else {
        parts ??= [];
        // A copy: uWS takes the chunk back when this returns.
        parts.push(Buffer.from(Buffer.from(chunk)));
        if (isLast) use(Buffer.concat(parts));
      }
    } catch (error) {
      if (!(error instanceof RequestError)) onFault(error);
      exchange.fail(error instanceof RequestError ? error : faultOfOurs());
    }
  });
}

function tooLarge(bound: BodyBound): RequestError {
  return new RequestError(
    'body_too_large',
    `the body has more than ${bound.bytesMax} bytes (${bound.name})`,
  );
}
