/**
 * Bodies of POST /api/publish and /api/publish/batch. Runs on the acceptor's thread for every message,
 * so it scans bytes, makes few objects and never parses the payload, which stays a view of the body.
 * All throw RequestError; `limits.depthMax` bounds the nesting of the payload itself.
 */
import { isUtf8 } from 'node:buffer';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { newFieldSpans } from './fields.js';
import { scanObject } from './json-object.js';
import { JSON_READER } from './json-reader.js';
import { jsonError, OPEN_BRACE, scanValue, skipSpace } from './json-scan.js';
import { isMap, MapScanner } from './msgpack-map.js';
import { MSGPACK_READER } from './msgpack-reader.js';
import { msgpackError } from './msgpack-scan.js';
import { type PublishRequest, readPublish } from './publish-fields.js';
import { asBuffer } from './value-reader.js';

export {
  type BatchItem,
  decodeBatchJson,
  decodeBatchMsgpack,
  decodeBatchNdjson,
} from './publish-batch.js';
export { isDedupeKey, type PublishRequest } from './publish-fields.js';

const spans = newFieldSpans();
const scanner = new MapScanner();

/** One JSON object and nothing else. */
export function decodePublishJson(body: Uint8Array, limits: Limits): PublishRequest {
  const bytes = asBuffer(body);
  const end = bytes.length;
  if (end === 0) throw new RequestError('empty_body', 'the body is empty');
  if (!isUtf8(bytes)) throw new RequestError('invalid_utf8', 'the body is not valid UTF-8');
  const from = skipSpace(bytes, 0, end);
  const isObject = bytes[from] === OPEN_BRACE;
  const to = isObject
    ? scanObject(bytes, from, end, limits.depthMax, spans)
    : scanValue(bytes, from, end, limits.depthMax);
  const after = skipSpace(bytes, to, end);
  if (after < end) throw jsonError(bytes, after, end);
  if (!isObject) throw new RequestError('body_must_be_object', 'the body must be a JSON object');
  return readPublish({ bytes, reader: JSON_READER, spans }, limits);
}

/** One msgpack map and nothing else. */
export function decodePublishMsgpack(body: Uint8Array, limits: Limits): PublishRequest {
  const bytes = asBuffer(body);
  const end = bytes.length;
  if (end === 0) throw new RequestError('empty_body', 'the body is empty');
  scanner.fault = null;
  const isObject = isMap(bytes, 0, end);
  const to = isObject
    ? scanner.scanMap(bytes, 0, end, limits.depthMax, spans)
    : scanner.scan(bytes, 0, end, limits.depthMax);
  if (scanner.fault !== null) throw scanner.fault;
  if (to < end) throw msgpackError(bytes, to, end);
  if (!isObject) throw new RequestError('body_must_be_object', 'the body must be a msgpack map');
  return readPublish({ bytes, reader: MSGPACK_READER, spans }, limits);
}
