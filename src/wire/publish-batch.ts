/**
 * Bodies of POST /api/publish/batch in three forms. One pass over the body: each message is read where
 * it is found. What is wrong with one message becomes its item; what makes the ends of messages
 * unknown (syntax, nesting) throws for the whole body.
 */
import { isUtf8 } from 'node:buffer';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { FieldSpans } from './field-spans.js';
import { duplicateKey, type Fields, invalidField, newFieldSpans } from './fields.js';
import { placeOf as jsonPlaceOf, scanObject } from './json-object.js';
import { JSON_READER } from './json-reader.js';
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
import { isMap, MapScanner, placeOf as msgpackPlaceOf, openMap } from './msgpack-map.js';
import { MSGPACK_READER } from './msgpack-reader.js';
import { headerBytes, KIND_ARRAY, kindOf, lengthOf, msgpackError } from './msgpack-scan.js';
import { NameTable } from './name-table.js';
import { type PublishRequest, readPublish } from './publish-fields.js';
import { asBuffer } from './value-reader.js';

/** A message, or what is wrong with it; in the order and place of the body. */
export type BatchItem = PublishRequest | RequestError;

const NEWLINE = 0x0a;

const spans = newFieldSpans();
const scanner = new MapScanner();
/** The one field of the map around a batch. */
const batchSpans = new FieldSpans(new NameTable(['messages']));

/** Where the scan of a body has got to, and what it found. */
interface Batch {
  readonly bytes: Buffer;
  readonly end: number;
  readonly limits: Limits;
  /** Whether the member that has the messages came by. */
  messages: 'missing' | 'found';
  /** Null: no list of messages seen yet. */
  items: BatchItem[] | null;
}

function openBatch(body: Uint8Array, limits: Limits): Batch {
  const bytes = asBuffer(body);
  if (bytes.length === 0) throw new RequestError('empty_body', 'the body is empty');
  return { bytes, end: bytes.length, limits, messages: 'missing', items: null };
}

/** Of two lists one would be dropped. */
function foundMessages(batch: Batch): void {
  if (batch.messages === 'found') throw duplicateKey('messages');
  batch.messages = 'found';
}

function itemsOf(batch: Batch): BatchItem[] {
  if (batch.items === null) throw invalidField('messages', 'messages must be a list');
  return batch.items;
}

function addItem(batch: Batch, items: BatchItem[], item: BatchItem): void {
  if (items.length >= batch.limits.batchItemsMax) {
    const detail = `more than ${batch.limits.batchItemsMax} messages (BATCH_ITEMS_MAX)`;
    throw new RequestError('batch_too_large', detail, 'messages');
  }
  items.push(item);
}

function itemOf(fields: Fields, limits: Limits): BatchItem {
  try {
    return readPublish(fields, limits);
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
}

function notAnObject(): RequestError {
  return new RequestError('body_must_be_object', 'a message must be an object');
}

/** `{"messages":[{...},...]}`, other members ignored, or the list alone. */
export function decodeBatchJson(body: Uint8Array, limits: Limits): BatchItem[] {
  const batch = openBatch(body, limits);
  const { bytes, end } = batch;
  if (!isUtf8(bytes)) throw new RequestError('invalid_utf8', 'the body is not valid UTF-8');
  const from = skipSpace(bytes, 0, end);
  const first = from < end ? bytes[from] : 0;
  const isBatch = first === OPEN_BRACE || first === OPEN_BRACKET;
  let to: number;
  if (first === OPEN_BRACE) to = jsonWrapper(batch, from);
  else if (first === OPEN_BRACKET) to = jsonList(batch, from);
  else to = scanValue(bytes, from, end, limits.depthMax);
  const after = skipSpace(bytes, to, end);
  if (after < end) throw jsonError(bytes, after, end);
  if (!isBatch) {
    throw new RequestError('body_must_be_object', 'the body must be an object or a list');
  }
  return itemsOf(batch);
}

/** Reads the object at `from`, its list of messages on the way; gives one past it. */
function jsonWrapper(batch: Batch, from: number): number {
  const { bytes, end, limits } = batch;
  let at = skipSpace(bytes, from + 1, end);
  if (at < end && bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (at >= end || bytes[at] !== QUOTE) throw jsonError(bytes, at, end);
    const nameEnd = scanString(bytes, at, end);
    const isMessages = jsonPlaceOf(bytes, at, nameEnd, batchSpans.names) === 0;
    const colon = skipSpace(bytes, nameEnd, end);
    if (colon >= end || bytes[colon] !== COLON) throw jsonError(bytes, colon, end);
    const value = skipSpace(bytes, colon + 1, end);
    if (isMessages) foundMessages(batch);
    if (isMessages && bytes[value] === OPEN_BRACKET) at = jsonList(batch, value);
    else at = scanValue(bytes, value, end, limits.depthMax);
    at = skipSpace(bytes, at, end);
    const next = at < end ? bytes[at] : 0;
    if (next === CLOSE_BRACE) return at + 1;
    if (next !== COMMA) throw jsonError(bytes, at, end);
    at = skipSpace(bytes, at + 1, end);
  }
}

/** Reads the list at `from` into `batch.items`; gives one past it. */
function jsonList(batch: Batch, from: number): number {
  const { bytes, end } = batch;
  const items: BatchItem[] = [];
  batch.items = items;
  let at = skipSpace(bytes, from + 1, end);
  if (at < end && bytes[at] === CLOSE_BRACKET) return at + 1;
  for (;;) {
    at = skipSpace(bytes, jsonItem(batch, items, at), end);
    const next = at < end ? bytes[at] : 0;
    if (next === CLOSE_BRACKET) return at + 1;
    if (next !== COMMA) throw jsonError(bytes, at, end);
    at = skipSpace(bytes, at + 1, end);
  }
}

function jsonItem(batch: Batch, items: BatchItem[], from: number): number {
  const { bytes, end, limits } = batch;
  if (from < end && bytes[from] === OPEN_BRACE) {
    const to = scanObject(bytes, from, end, limits.depthMax, spans);
    addItem(batch, items, itemOf({ bytes, reader: JSON_READER, spans }, limits));
    return to;
  }
  const to = scanValue(bytes, from, end, limits.depthMax);
  addItem(batch, items, notAnObject());
  return to;
}

/** One JSON object a line. Blank lines are skipped; each line has a result of its own, syntax too. */
export function decodeBatchNdjson(body: Uint8Array, limits: Limits): BatchItem[] {
  const batch = openBatch(body, limits);
  const { bytes, end } = batch;
  const isText = isUtf8(bytes);
  const items: BatchItem[] = [];
  // A line break is whitespace of JSON too, so this skips blank lines however many.
  let at = skipSpace(bytes, 0, end);
  while (at < end) {
    const newline = bytes.indexOf(NEWLINE, at);
    const lineEnd = newline < 0 ? end : newline;
    const isLineText = isText || isUtf8(bytes.subarray(at, lineEnd));
    addItem(batch, items, isLineText ? lineItem(batch, at, lineEnd) : badLine(at));
    at = skipSpace(bytes, lineEnd, end);
  }
  return items;
}

function badLine(from: number): RequestError {
  return new RequestError('invalid_utf8', `the line at byte ${from} is not valid UTF-8`);
}

function lineItem(batch: Batch, from: number, end: number): BatchItem {
  const { bytes, limits } = batch;
  try {
    const isObject = bytes[from] === OPEN_BRACE;
    const to = isObject
      ? scanObject(bytes, from, end, limits.depthMax, spans)
      : scanValue(bytes, from, end, limits.depthMax);
    const after = skipSpace(bytes, to, end);
    if (after < end) return jsonError(bytes, after, end);
    return isObject ? readPublish({ bytes, reader: JSON_READER, spans }, limits) : notAnObject();
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
}

/** A map with `messages`, other fields ignored, or the array alone. */
export function decodeBatchMsgpack(body: Uint8Array, limits: Limits): BatchItem[] {
  const batch = openBatch(body, limits);
  const { bytes, end } = batch;
  scanner.fault = null;
  const kind = kindOf(bytes[0] ?? 0);
  const isBatch = kind === KIND_ARRAY || isMap(bytes, 0, end);
  let to: number;
  if (kind === KIND_ARRAY) to = msgpackList(batch, 0);
  else if (isBatch) to = msgpackWrapper(batch, 0);
  else to = scanner.scan(bytes, 0, end, limits.depthMax);
  if (scanner.fault !== null) throw scanner.fault;
  if (to < end) throw msgpackError(bytes, to, end);
  if (!isBatch) {
    throw new RequestError('body_must_be_object', 'the body must be a map or an array');
  }
  return itemsOf(batch);
}

function msgpackWrapper(batch: Batch, from: number): number {
  const { bytes, end, limits } = batch;
  let left = openMap(bytes, from, end);
  let at = from + headerBytes(bytes[from] ?? 0);
  for (; left > 0; left--) {
    const nameEnd = scanner.scan(bytes, at, end, limits.depthMax);
    const isMessages = msgpackPlaceOf(bytes, at, nameEnd, batchSpans) === 0;
    if (isMessages) foundMessages(batch);
    const isList = nameEnd < end && kindOf(bytes[nameEnd] ?? 0) === KIND_ARRAY;
    at =
      isMessages && isList
        ? msgpackList(batch, nameEnd)
        : scanner.scan(bytes, nameEnd, end, limits.depthMax);
  }
  return at;
}

/** A fault outside the messages stays in the scanner for the caller; one inside becomes an item. */
function msgpackList(batch: Batch, from: number): number {
  const { bytes, end } = batch;
  const items: BatchItem[] = [];
  batch.items = items;
  const outside = scanner.fault;
  let at = from + headerBytes(bytes[from] ?? 0);
  if (at > end) throw msgpackError(bytes, end, end);
  const count = lengthOf(bytes, from);
  if (count > end - at) throw msgpackError(bytes, end, end);
  for (let left = count; left > 0; left--) {
    scanner.fault = null;
    at = msgpackItem(batch, items, at);
  }
  scanner.fault = outside;
  return at;
}

function msgpackItem(batch: Batch, items: BatchItem[], from: number): number {
  const { bytes, end, limits } = batch;
  if (isMap(bytes, from, end)) {
    const to = scanner.scanMap(bytes, from, end, limits.depthMax, spans);
    const fields = { bytes, reader: MSGPACK_READER, spans };
    addItem(batch, items, scanner.fault ?? itemOf(fields, limits));
    return to;
  }
  const to = scanner.scan(bytes, from, end, limits.depthMax);
  addItem(batch, items, scanner.fault ?? notAnObject());
  return to;
}
