/**
 * Frames the server sends. `message` frames are written by hand into one slab per thread, since they
 * are the product's bulk; all others are small and rare and go through a generic encoder.
 */
import { CONTENT_JSON, CONTENT_MSGPACK, type LogRow } from '../core/message.js';
import { isoTime } from '../core/time.js';
import { ByteWriter } from './byte-writer.js';
import { writeValue } from './msgpack-value.js';
import { fixedStr, writeInt, writeStr } from './msgpack-write.js';
import type { ServerFrame } from './server-frame-types.js';
import { writeMsgpackAsJson } from './transcode-to-json.js';
import { writeJsonAsMsgpack } from './transcode-to-msgpack.js';

/** 0: JSON text frames; 1: msgpack binary frames. */
export type WireFormat = 0 | 1;
export const WIRE_JSON = 0;
export const WIRE_MSGPACK = 1;

/** Stands between joined JSON frames (RFC 7464): no JSON text can hold it raw. */
export const FRAME_SEPARATOR = 0x1e;

const UUID_CHARS = 36;
const TIME_CHARS = 24;
const STR8 = 0xd9;

const JSON_HEAD = ascii('{"type":"message","message_id":"');
const JSON_PUBLISHED = ascii(',"published_at":"');
const JSON_SEQUENCE = ascii('","sequence":');
const JSON_ATTEMPT = ascii(',"attempt":');
const JSON_SUBSCRIPTION = ascii(',"subscription":"');
const JSON_KEY = ascii(',"key":');
const JSON_HEADERS = ascii(',"headers":');

// The first byte is the map's header; the number of its pairs is put in for each frame.
const MSGPACK_HEAD = Uint8Array.of(
  0x80,
  ...fixedStr('type'),
  ...fixedStr('message'),
  ...fixedStr('message_id'),
);
const MSGPACK_TOPIC = fixedStr('topic');
const MSGPACK_PAYLOAD = fixedStr('payload');
const MSGPACK_PUBLISHED = fixedStr('published_at');
const MSGPACK_SEQUENCE = fixedStr('sequence');
const MSGPACK_ATTEMPT = fixedStr('attempt');
const MSGPACK_SUBSCRIPTION = fixedStr('subscription');
const MSGPACK_KEY = fixedStr('key');
const MSGPACK_HEADERS = fixedStr('headers');
/** type, message_id, topic, payload, published_at, sequence, attempt. */
const MSGPACK_PAIRS = 7;

/** From the first byte of a `message` frame to the first of the 36 characters of its message_id. */
export const MESSAGE_ID_OFFSET_JSON = JSON_HEAD.length;
export const MESSAGE_ID_OFFSET_MSGPACK = MSGPACK_HEAD.length + 2;

const writer = new ByteWriter();

/** What the frames of one call have in common. */
interface Frame {
  /** The bytes from after the message_id to before the payload. */
  topicBytes: Uint8Array;
  attempt: number;
  subscription: string | null;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

const time: { ms: number; bytes: Uint8Array } = { ms: Number.NaN, bytes: new Uint8Array(0) };

function timeBytes(ms: number): Uint8Array {
  if (ms !== time.ms) {
    time.bytes = ascii(isoTime(ms));
    time.ms = ms;
  }
  return time.bytes;
}

const lastTopic: { format: WireFormat; topic: string; bytes: Uint8Array } = {
  format: WIRE_JSON,
  topic: '',
  bytes: new Uint8Array(0),
};

function topicBytes(format: WireFormat, topic: string): Uint8Array {
  if (topic === lastTopic.topic && format === lastTopic.format) return lastTopic.bytes;
  lastTopic.topic = topic;
  lastTopic.format = format;
  lastTopic.bytes =
    format === WIRE_JSON ? ascii(`","topic":"${topic}","payload":`) : msgpackTopicBytes(topic);
  return lastTopic.bytes;
}

function msgpackTopicBytes(topic: string): Uint8Array {
  const header = topic.length < 32 ? [0xa0 | topic.length] : [STR8, topic.length];
  return Uint8Array.of(...MSGPACK_TOPIC, ...header, ...ascii(topic), ...MSGPACK_PAYLOAD);
}

/**
 * `message` frames of `rows`, all of one topic, first delivery: JSON with 0x1E between them,
 * msgpack one after another. The bytes are the caller's, to be copied and
 * not transferred: small ones share their ArrayBuffer. Throws
 * RequestError if a payload of the other format is not valid.
 */
export function encodeMessages(
  format: WireFormat,
  topic: string,
  rows: readonly LogRow[],
): Uint8Array {
  const frame = { topicBytes: topicBytes(format, topic), attempt: 1, subscription: null };
  writer.reset();
  rows.forEach((row, at) => {
    if (at > 0 && format === WIRE_JSON) writer.byte(FRAME_SEPARATOR);
    writeMessage(format, frame, row);
  });
  return writer.take();
}

/** A message on its way to one subscription. */
export interface MessageDelivery {
  row: LogRow;
  /** From 1. */
  attempt: number;
}

/** What frames of several messages have in common. */
export interface DeliveryFrames {
  encoding: WireFormat;
  topic: string;
  /** Null: ephemeral. */
  subscription: string | null;
}

/** The same for deliveries of one subscription. */
export function encodeDeliveries(
  { encoding: format, topic, subscription }: DeliveryFrames,
  deliveries: readonly MessageDelivery[],
): Uint8Array {
  const bytes = topicBytes(format, topic);
  writer.reset();
  deliveries.forEach(({ row, attempt }, at) => {
    if (at > 0 && format === WIRE_JSON) writer.byte(FRAME_SEPARATOR);
    writeMessage(format, { topicBytes: bytes, attempt, subscription }, row);
  });
  return writer.take();
}

function writeMessage(format: WireFormat, frame: Frame, row: LogRow): void {
  if (format === WIRE_JSON) writeJsonMessage(frame, row);
  else writeMsgpackMessage(frame, row);
}

function writeJsonMessage(frame: Frame, row: LogRow): void {
  writer.bytes(JSON_HEAD);
  writer.uuid(row.messageId);
  writer.bytes(frame.topicBytes);
  if (row.contentType === CONTENT_JSON) writer.bytes(row.payload);
  else writeMsgpackAsJson(writer, row.payload);
  writer.bytes(JSON_PUBLISHED);
  writer.bytes(timeBytes(row.publishedAtMs));
  writer.bytes(JSON_SEQUENCE);
  writer.decimal(row.sequence);
  writer.bytes(JSON_ATTEMPT);
  writer.decimal(frame.attempt);
  if (frame.subscription !== null) {
    writer.bytes(JSON_SUBSCRIPTION);
    writer.ascii(frame.subscription);
    writer.byte(0x22);
  }
  if (row.key !== null) {
    writer.bytes(JSON_KEY);
    writer.utf8(JSON.stringify(row.key));
  }
  if (row.headers !== null) {
    writer.bytes(JSON_HEADERS);
    writer.utf8(row.headers);
  }
  writer.byte(0x7d);
}

function writeMsgpackMessage(frame: Frame, row: LogRow): void {
  const { subscription } = frame;
  const { key, headers } = row;
  const optional = Number(subscription !== null) + Number(key !== null) + Number(headers !== null);
  const start = writer.at;
  writer.bytes(MSGPACK_HEAD);
  writer.buffer[start] = 0x80 | (MSGPACK_PAIRS + optional);
  writer.byte(STR8);
  writer.byte(UUID_CHARS);
  writer.uuid(row.messageId);
  writer.bytes(frame.topicBytes);
  if (row.contentType === CONTENT_MSGPACK) writer.bytes(row.payload);
  else writeJsonAsMsgpack(writer, row.payload);
  writer.bytes(MSGPACK_PUBLISHED);
  writer.byte(0xa0 | TIME_CHARS);
  writer.bytes(timeBytes(row.publishedAtMs));
  writer.bytes(MSGPACK_SEQUENCE);
  writeInt(writer, row.sequence);
  writer.bytes(MSGPACK_ATTEMPT);
  writeInt(writer, frame.attempt);
  if (subscription !== null) {
    writer.bytes(MSGPACK_SUBSCRIPTION);
    writeStr(writer, subscription);
  }
  if (key !== null) {
    writer.bytes(MSGPACK_KEY);
    writeStr(writer, key);
  }
  if (headers !== null) {
    writer.bytes(MSGPACK_HEADERS);
    writeJsonAsMsgpack(writer, Buffer.from(headers, 'utf8'));
  }
}

/** Any other frame: text for JSON, bytes for msgpack. */
export function encodeFrame(format: WireFormat, frame: ServerFrame): Uint8Array | string {
  if (format === WIRE_JSON) return JSON.stringify(frame);
  writer.reset();
  writeValue(writer, frame);
  return writer.take();
}
