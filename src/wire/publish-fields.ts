/** What a publish says, read out of a scanned map; the same for HTTP bodies, batches and frames. */
import { RequestError } from '../core/errors.js';
import { LIMITS, type Limits } from '../core/limits.js';
import type { ContentType } from '../core/message.js';
import { parseRfc3339 } from '../core/time.js';
import {
  delayRange,
  duplicateKey,
  FIELD,
  type Fields,
  has,
  integerField,
  invalidField,
  POSITIVE,
  refuseRepeated,
  textField,
} from './fields.js';
import { topicField } from './topic-text.js';

export interface PublishRequest {
  topic: string;
  contentType: ContentType;
  /** The value as sent, 1 to payloadBytesMax bytes: a view of the body, not a copy. */
  payload: Uint8Array;
  /** 1 to keyBytesMax bytes of UTF-8 without NUL; null: none. */
  key: string | null;
  /** JSON text of an object of string to string, no spaces, at least one pair; null: none. */
  headers: string | null;
  /** 1 to dedupeKeyBytesMax bytes without control characters; null: none. */
  dedupeKey: string | null;
  /** From 1; 0: for ever. Never above the longest retention there is. */
  ttlMs: number;
  /** From 1 to delayMsMax; 0: none. */
  delayMs: number;
  /** Unix milliseconds from 1, may be past; 0: none. */
  deliverAtMs: number;
}

const HOUR_MS = 3_600_000;
/** Beyond this a ttl has no effect: retention is shorter. It also keeps sums within Date's range. */
const TTL_MS_MAX = LIMITS.retentionHours.max * HOUR_MS;

/** Most publishes have none of these. */
const OPTIONAL_BITS =
  (1 << FIELD.key) |
  (1 << FIELD.headers) |
  (1 << FIELD.dedupe_key) |
  (1 << FIELD.ttl_ms) |
  (1 << FIELD.delay_ms) |
  (1 << FIELD.deliver_at);

/** Throws RequestError for the first field that is missing or wrong. */
export function readPublish(fields: Fields, limits: Limits): PublishRequest {
  refuseRepeated(fields.spans);
  const topic = topicField(fields, limits);
  const payload = readPayload(fields, limits);
  if ((fields.spans.present & OPTIONAL_BITS) === 0) return plainPublish(fields, topic, payload);
  const delayMs = integerField(fields, FIELD.delay_ms, delayRange(limits)) ?? 0;
  const deliverAtMs = readDeliverAt(fields);
  if (deliverAtMs > 0 && has(fields, FIELD.delay_ms)) {
    throw invalidField('deliver_at', 'delay_ms and deliver_at exclude each other');
  }
  const ttlMs = integerField(fields, FIELD.ttl_ms, POSITIVE) ?? 0;
  return {
    topic,
    contentType: fields.reader.contentType,
    payload,
    key: readKey(fields, limits),
    headers: readHeaders(fields, limits),
    dedupeKey: readDedupeKey(fields, limits),
    ttlMs: Math.min(ttlMs, TTL_MS_MAX),
    delayMs,
    deliverAtMs,
  };
}

function plainPublish({ reader }: Fields, topic: string, payload: Uint8Array): PublishRequest {
  return {
    topic,
    contentType: reader.contentType,
    payload,
    key: null,
    headers: null,
    dedupeKey: null,
    ttlMs: 0,
    delayMs: 0,
    deliverAtMs: 0,
  };
}

function readPayload({ bytes, spans }: Fields, limits: Limits): Uint8Array {
  const from = spans.start(FIELD.payload);
  if (from < 0) throw new RequestError('payload_required', 'payload is missing', 'payload');
  const to = spans.end(FIELD.payload);
  if (to - from > limits.payloadBytesMax) {
    const detail = `payload has ${to - from} bytes, at most ${limits.payloadBytesMax} (PAYLOAD_BYTES_MAX)`;
    throw new RequestError('payload_too_large', detail, 'payload');
  }
  // No Buffer: that costs four times a plain view.
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
}

function readDeliverAt(fields: Fields): number {
  const text = textField(fields, FIELD.deliver_at);
  if (text === null) return 0;
  const atMs = parseRfc3339(text);
  if (atMs === null) throw invalidField('deliver_at', 'deliver_at must be an RFC 3339 time');
  return Math.max(1, atMs);
}

function readKey(fields: Fields, limits: Limits): string | null {
  const key = textField(fields, FIELD.key);
  if (key === null) return null;
  if (isKey(key, limits.keyBytesMax)) return key;
  throw invalidField('key', `key must be 1 to ${limits.keyBytesMax} bytes (KEY_BYTES_MAX) of text`);
}

/** Whether `key` is 1 to `bytesMax` bytes of UTF-8 without NUL. */
export function isKey(key: string, bytesMax: number): boolean {
  return isLength(key, bytesMax) && !key.includes('\0') && isWellFormed(key);
}

function isLength(text: string, bytesMax: number): boolean {
  if (text.length === 0 || text.length > bytesMax) return false;
  return text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax;
}

/**
 * Whether `key` is 1 to `bytesMax` bytes of UTF-8 without control characters; the rule for dedupe_key
 * and for the Idempotency-Key header.
 */
export function isDedupeKey(key: string, bytesMax: number): boolean {
  return isLength(key, bytesMax) && !hasControl(key) && isWellFormed(key);
}

/** C0, DEL and C1. */
function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return true;
  }
  return false;
}

/** False with a lone surrogate in it: that has no UTF-8 and would be stored as another key. */
function isWellFormed(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(at + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    at++;
  }
  return true;
}

function readDedupeKey(fields: Fields, limits: Limits): string | null {
  if (!has(fields, FIELD.dedupe_key)) return null;
  const { bytes, reader, spans } = fields;
  const key = reader.text(bytes, spans.start(FIELD.dedupe_key), spans.end(FIELD.dedupe_key));
  if (key !== null && isDedupeKey(key, limits.dedupeKeyBytesMax)) return key;
  const max = `${limits.dedupeKeyBytesMax} bytes (DEDUPE_KEY_BYTES_MAX)`;
  const detail = `dedupe_key must be 1 to ${max} without control characters`;
  throw new RequestError('dedupe_key_invalid', detail, 'dedupe_key');
}

function readHeaders(fields: Fields, limits: Limits): string | null {
  if (!has(fields, FIELD.headers)) return null;
  const { bytes, reader, spans } = fields;
  const from = spans.start(FIELD.headers);
  const to = spans.end(FIELD.headers);
  const tooLong = `headers have more than ${limits.headerBytesMax} bytes (HEADER_BYTES_MAX)`;
  // Written compactly it is no longer than as sent, save for msgpack; that is looked at again below.
  if (to - from > limits.headerBytesMax) throw invalidField('headers', tooLong);
  const map = reader.stringMap(bytes, from, to);
  if (map === null) throw invalidField('headers', 'headers must map strings to strings');
  if (map.repeated) throw duplicateKey('headers');
  if (map.pairs > limits.headerPairsMax) {
    throw invalidField('headers', `more than ${limits.headerPairsMax} headers (HEADER_PAIRS_MAX)`);
  }
  if (Buffer.byteLength(map.json) > limits.headerBytesMax) throw invalidField('headers', tooLong);
  return map.pairs === 0 ? null : map.json;
}
