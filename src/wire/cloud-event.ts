/**
 * CloudEvents 1.0 as they come in: what is a message of them. Attributes are headers `ce-<name>`, the data is
 * the payload, byte for byte where it is JSON; see docs/protocol.md. All throw RequestError.
 */
import { createHash } from 'node:crypto';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { CONTENT_JSON } from '../core/message.js';
import { parseRfc3339 } from '../core/time.js';
import type { PublishRequest } from './publish-fields.js';

/** What begins the name of a header that is an attribute. */
export const ATTRIBUTE = 'ce-';
const NAME = /^[a-z0-9]+$/;
const REQUIRED = ['id', 'source', 'specversion', 'type'] as const;
/** No control characters, no lone surrogates: what CloudEvents take in a string. */
const TEXT = /^[^\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]+$/u;
const MEDIA_TYPE = /^[\w.!#$&^+-]+\/[\w.!#$&^+*-]+\s*(;.*)?$/;
const JSON_TYPE = /^[\w.!#$&^+*-]+\/([\w.!#$&^-]+\+)?json\s*(;|$)/i;
const TEXT_TYPE = /^(text\/|[\w.!#$&^+*-]+\/([\w.!#$&^-]+\+)?xml\s*(;|$))/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** An attribute's name and its value as text. */
export type Attributes = Map<string, string>;

/** How a field of it is called where it came from. */
export type FieldOf = (attribute: string) => string;

export interface EventParts {
  topic: string;
  attributes: Attributes;
  /** JSON. */
  payload: Uint8Array;
  fieldOf: FieldOf;
}

export function isJsonType(type: string): boolean {
  return JSON_TYPE.test(type);
}

export function isTextType(type: string): boolean {
  return TEXT_TYPE.test(type);
}

/** Null: it is no base64. */
export function binaryPayload(base64: string): Uint8Array | null {
  return BASE64.test(base64) ? Buffer.from(`{"$binary":"${base64}"}`) : null;
}

/** `value`: of an attribute, as JSON has it; null: it is not there. */
export function addAttribute(
  attributes: Attributes,
  [name, value]: readonly [string, unknown],
  fieldOf: FieldOf,
): void {
  if (!NAME.test(name)) {
    throw invalid(fieldOf(name), 'the name of an attribute has letters a to z and digits alone');
  }
  if (attributes.has(name)) throw new RequestError('duplicate_key', 'given twice', fieldOf(name));
  if (value === null) return;
  const isInteger = typeof value === 'number' && Number.isInteger(value) && (value | 0) === value;
  if (typeof value !== 'string' && typeof value !== 'boolean' && !isInteger) {
    throw invalid(fieldOf(name), 'must be a string, a boolean or an integer of 32 bits');
  }
  attributes.set(name, String(value));
}

/** The message that an event is. */
export function eventPublish(event: EventParts, limits: Limits): PublishRequest {
  const { topic, attributes, payload, fieldOf } = event;
  checkAttributes(attributes, fieldOf);
  if (payload.length > limits.payloadBytesMax) {
    const detail = `payload has ${payload.length} bytes, at most ${limits.payloadBytesMax} (PAYLOAD_BYTES_MAX)`;
    throw new RequestError('payload_too_large', detail, 'data');
  }
  const key = attributes.get('partitionkey') ?? null;
  if (key !== null && Buffer.byteLength(key) > limits.keyBytesMax) {
    const detail = `has more than ${limits.keyBytesMax} bytes (KEY_BYTES_MAX)`;
    throw invalid(fieldOf('partitionkey'), detail);
  }
  const headers = headersOf(attributes, limits);
  const dedupeKey = dedupeKeyOf(attributes, limits);
  const times = { ttlMs: 0, delayMs: 0, deliverAtMs: 0 };
  return { topic, contentType: CONTENT_JSON, payload, key, headers, dedupeKey, ...times };
}

function checkAttributes(attributes: Attributes, fieldOf: FieldOf): void {
  for (const name of REQUIRED) {
    if (!attributes.has(name)) throw invalid(fieldOf(name), 'is required');
  }
  if (attributes.get('specversion') !== '1.0') {
    throw invalid(fieldOf('specversion'), 'must be 1.0: no other version is taken');
  }
  for (const [name, value] of attributes) {
    if (!TEXT.test(value)) {
      throw invalid(
        fieldOf(name),
        'must be text of one character or more, without control characters',
      );
    }
  }
  const source = attributes.get('source') ?? '';
  if (/\s/.test(source)) throw invalid(fieldOf('source'), 'must be a URI reference');
  const time = attributes.get('time');
  if (time !== undefined && parseRfc3339(time) === null) {
    throw invalid(fieldOf('time'), 'must be an RFC 3339 time');
  }
  const type = attributes.get('datacontenttype');
  if (type !== undefined && !MEDIA_TYPE.test(type)) {
    throw invalid(fieldOf('datacontenttype'), 'must be a media type');
  }
}

function headersOf(attributes: Attributes, limits: Limits): string {
  // In one order, whichever mode it came in: it is the same message then.
  const names = [...attributes.keys()].filter((name) => name !== 'partitionkey').sort();
  if (names.length > limits.headerPairsMax) {
    throw invalid('headers', `more than ${limits.headerPairsMax} attributes (HEADER_PAIRS_MAX)`);
  }
  const named = names.map((name) => [`${ATTRIBUTE}${name}`, attributes.get(name)]);
  const json = JSON.stringify(Object.fromEntries(named));
  if (Buffer.byteLength(json) <= limits.headerBytesMax) return json;
  const detail = `attributes have more than ${limits.headerBytesMax} bytes (HEADER_BYTES_MAX)`;
  throw invalid('headers', detail);
}

/** An event is known by its source and id: a space between, which no source has; long ones by their hash. */
function dedupeKeyOf(attributes: Attributes, { dedupeKeyBytesMax }: Limits): string {
  const key = `${attributes.get('source')} ${attributes.get('id')}`;
  if (Buffer.byteLength(key) <= dedupeKeyBytesMax) return key;
  const hash = createHash('sha256').update(key).digest('base64url');
  return `ce:${hash}`.slice(0, dedupeKeyBytesMax);
}

export function invalid(field: string, detail: string): RequestError {
  return new RequestError('invalid_field', detail, field);
}
