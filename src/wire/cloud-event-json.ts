/**
 * CloudEvents in the JSON format: one, `application/cloudevents+json`, or a list of them,
 * `application/cloudevents-batch+json`. The data is found and not decoded. Throws RequestError.
 */
import { isUtf8 } from 'node:buffer';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import {
  type Attributes,
  addAttribute,
  binaryPayload,
  eventPublish,
  invalid,
} from './cloud-event.js';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  jsonError,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  scanString,
  scanValue,
  skipSpace,
} from './json-scan.js';
import type { BatchItem } from './publish-batch.js';
import type { PublishRequest } from './publish-fields.js';

const NOTHING = Uint8Array.from(Buffer.from('null'));
const fieldOf = (name: string): string => name;

/** What is looked through. */
interface Text {
  bytes: Buffer;
  end: number;
  depthMax: number;
}

/** From where to where a value stands. */
type Span = readonly [from: number, to: number];

export function decodeEvent(body: Uint8Array, topic: string, limits: Limits): PublishRequest {
  const text = textOf(body, limits);
  const from = skipSpace(text.bytes, 0, text.end);
  if (text.bytes[from] !== OPEN_BRACE) {
    throw new RequestError('body_must_be_object', 'the body must be a JSON object: one event');
  }
  const [members, to] = membersOf(text, from);
  checkEnd(text, to);
  return publishOf({ text, members, topic }, limits);
}

/** Each event has its own result. */
export function decodeEvents(body: Uint8Array, topic: string, limits: Limits): BatchItem[] {
  const text = textOf(body, limits);
  const { bytes, end, depthMax } = text;
  let at = skipSpace(bytes, 0, end);
  if (bytes[at] !== OPEN_BRACKET) throw invalid('events', 'must be a JSON array of events');
  const spans: Span[] = [];
  at = skipSpace(bytes, at + 1, end);
  while (bytes[at] !== CLOSE_BRACKET) {
    const to = scanValue(bytes, at, end, depthMax + 1);
    spans.push([at, to]);
    at = skipSpace(bytes, to, end);
    if (bytes[at] === CLOSE_BRACKET) break;
    if (bytes[at] !== COMMA) throw jsonError(bytes, at, end);
    at = skipSpace(bytes, at + 1, end);
    if (bytes[at] === CLOSE_BRACKET) throw jsonError(bytes, at, end);
  }
  checkEnd(text, at + 1);
  if (spans.length > limits.batchItemsMax) {
    const detail = `at most ${limits.batchItemsMax} events (BATCH_ITEMS_MAX)`;
    throw new RequestError('batch_too_large', detail, 'events');
  }
  return spans.map(([from]) => itemOf(text, from, topic, limits));
}

function itemOf(text: Text, from: number, topic: string, limits: Limits): BatchItem {
  try {
    if (text.bytes[from] !== OPEN_BRACE) {
      throw new RequestError('body_must_be_object', 'must be an object: an event');
    }
    const [members] = membersOf(text, from);
    return publishOf({ text, members, topic }, limits);
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
}

function textOf(body: Uint8Array, { depthMax }: Limits): Text {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  if (bytes.length === 0) throw new RequestError('empty_body', 'the body is empty');
  if (!isUtf8(bytes)) throw new RequestError('invalid_utf8', 'the body is not valid UTF-8');
  return { bytes, end: bytes.length, depthMax };
}

function checkEnd({ bytes, end }: Text, from: number): void {
  const after = skipSpace(bytes, from, end);
  if (after < end) throw jsonError(bytes, after, end);
}

/** Of the object at `from`, and where it ends. */
function membersOf({ bytes, end, depthMax }: Text, from: number): [Map<string, Span>, number] {
  const members = new Map<string, Span>();
  let at = skipSpace(bytes, from + 1, end);
  if (bytes[at] === CLOSE_BRACE) return [members, at + 1];
  for (;;) {
    if (bytes[at] !== QUOTE) throw jsonError(bytes, at, end);
    const nameEnd = scanString(bytes, at, end);
    const name = JSON.parse(bytes.toString('utf8', at, nameEnd)) as string;
    at = skipSpace(bytes, nameEnd, end);
    if (bytes[at] !== COLON) throw jsonError(bytes, at, end);
    const valueAt = skipSpace(bytes, at + 1, end);
    const to = scanValue(bytes, valueAt, end, depthMax);
    if (members.has(name)) throw new RequestError('duplicate_key', 'given twice', name);
    members.set(name, [valueAt, to]);
    at = skipSpace(bytes, to, end);
    if (bytes[at] === CLOSE_BRACE) return [members, at + 1];
    if (bytes[at] !== COMMA) throw jsonError(bytes, at, end);
    at = skipSpace(bytes, at + 1, end);
  }
}

function publishOf(
  { text, members, topic }: { text: Text; members: Map<string, Span>; topic: string },
  limits: Limits,
): PublishRequest {
  const attributes: Attributes = new Map();
  for (const [name, [from, to]] of members) {
    if (name === 'data' || name === 'data_base64') continue;
    const value: unknown = JSON.parse(text.bytes.toString('utf8', from, to));
    addAttribute(attributes, [name, value], fieldOf);
  }
  const payload = dataOf(text, members);
  return eventPublish({ topic, attributes, payload, fieldOf }, limits);
}

function dataOf({ bytes }: Text, members: Map<string, Span>): Uint8Array {
  const data = members.get('data');
  const base64 = members.get('data_base64');
  if (data !== undefined && base64 !== undefined) {
    throw invalid('data_base64', 'an event has data or data_base64, not both');
  }
  if (data !== undefined) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset + data[0], data[1] - data[0]);
  }
  if (base64 === undefined) return NOTHING;
  const value: unknown = JSON.parse(bytes.toString('utf8', ...base64));
  if (value === null) return NOTHING;
  const payload = typeof value === 'string' ? binaryPayload(value) : null;
  if (payload === null) throw invalid('data_base64', 'must be base64');
  return payload;
}
