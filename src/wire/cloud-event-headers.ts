/**
 * CloudEvents in the binary mode of HTTP: attributes in headers `ce-<name>`, the data in the body, of which
 * Content-Type says what it is. Header values are percent-encoded UTF-8. Throws RequestError.
 */
import { isUtf8 } from 'node:buffer';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import {
  ATTRIBUTE,
  type Attributes,
  addAttribute,
  binaryPayload,
  eventPublish,
  invalid,
  isJsonType,
  isTextType,
} from './cloud-event.js';
import { jsonError, scanValue, skipSpace } from './json-scan.js';
import type { PublishRequest } from './publish-fields.js';

const NOTHING = Uint8Array.from(Buffer.from('null'));
const PRINTABLE = /^[\x20-\x7e]*$/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/;
const fieldOf = (name: string): string => `${ATTRIBUTE}${name}`;

/** Names are in lower case. */
export type HeaderPair = readonly [name: string, value: string];

/** The attributes among the headers of a request. */
export function readAttributes(headers: readonly HeaderPair[], contentType: string): Attributes {
  const attributes: Attributes = new Map();
  for (const [header, value] of headers) {
    if (!header.startsWith(ATTRIBUTE)) continue;
    const name = header.slice(ATTRIBUTE.length);
    if (name === 'datacontenttype') throw invalid(header, 'is what Content-Type says');
    addAttribute(attributes, [name, decoded(header, value)], fieldOf);
  }
  if (attributes.size === 0) {
    const detail =
      'is required: attributes are headers, or the body is application/cloudevents+json';
    throw invalid(fieldOf('specversion'), detail);
  }
  if (contentType !== '') attributes.set('datacontenttype', contentType);
  return attributes;
}

export function decodeBinaryEvent(
  body: Uint8Array,
  { topic, attributes }: { topic: string; attributes: Attributes },
  limits: Limits,
): PublishRequest {
  const payload = payloadOf(body, attributes.get('datacontenttype') ?? '', limits);
  return eventPublish({ topic, attributes, payload, fieldOf }, limits);
}

function payloadOf(body: Uint8Array, type: string, { depthMax }: Limits): Uint8Array {
  if (body.length === 0) return NOTHING;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  if (type === '' || isJsonType(type)) return jsonOf(bytes, depthMax);
  if (!isTextType(type)) return binaryPayload(bytes.toString('base64')) ?? NOTHING;
  if (!isUtf8(bytes)) throw new RequestError('invalid_utf8', 'the body is not valid UTF-8');
  return Buffer.from(JSON.stringify(bytes.toString('utf8')));
}

/** One value, and nothing else. */
function jsonOf(bytes: Buffer, depthMax: number): Uint8Array {
  if (!isUtf8(bytes)) throw new RequestError('invalid_utf8', 'the body is not valid UTF-8');
  const from = skipSpace(bytes, 0, bytes.length);
  const to = scanValue(bytes, from, bytes.length, depthMax);
  const after = skipSpace(bytes, to, bytes.length);
  if (after < bytes.length) throw jsonError(bytes, after, bytes.length);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
}

/** As the HTTP binding says: unquoted, then percent-decoded; a percent sign of nothing stays. */
function decoded(header: string, value: string): string {
  if (!PRINTABLE.test(value)) {
    throw invalid(header, 'must be ASCII: other characters are percent-encoded UTF-8');
  }
  const [, inner] = QUOTED.exec(value) ?? [];
  const text = inner === undefined ? value : inner.replace(/\\(.)/g, '$1');
  if (!text.includes('%')) return text;
  try {
    return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => decodeURIComponent(run));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw invalid(header, 'is not percent-encoded UTF-8');
  }
}
