/**
 * What a publisher is told of a committed message. Written by hand, one per publish: nothing in it
 * needs escaping, by the grammars of topics, ids and epochs.
 */
import { isoTime } from '../core/time.js';
import { formatUuid } from '../core/uuid.js';
import { ByteWriter } from './byte-writer.js';
import type { Ref } from './frame-types.js';
import { fixedStr, writeInt, writeMapHeader, writeRef, writeStr } from './msgpack-write.js';
import { WIRE_JSON, type WireFormat } from './server-frame.js';

const TYPE_PUBLISHED = Uint8Array.of(...fixedStr('type'), ...fixedStr('published'));
const REF = fixedStr('ref');
const MESSAGE_ID = fixedStr('message_id');
/** The name, and the header of a str of 36 bytes. */
const MESSAGE_ID_HEAD = Uint8Array.of(...MESSAGE_ID, 0xd9, 36);
const TOPIC = fixedStr('topic');
const SEQUENCE = fixedStr('sequence');
const EPOCH = fixedStr('epoch');
const SUBSCRIBERS = fixedStr('subscribers');
const PUBLISHED_AT = fixedStr('published_at');
const DUPLICATE = Uint8Array.of(...fixedStr('duplicate'), 0xc3);

const JSON_MESSAGE_ID = Buffer.from('{"message_id":"');
const JSON_TOPIC = Buffer.from('","topic":"');
const JSON_SEQUENCE = Buffer.from('","sequence":');

/** What is known of a committed message. */
export interface Published {
  /** 16 bytes. */
  readonly messageId: Uint8Array;
  readonly sequence: number;
  /** 1 to 32 of 0-9 a-z. */
  readonly epoch: string;
  readonly subscribers: number;
  readonly publishedAtMs: number;
  /** An earlier publish with the same dedupe key gave this result. */
  readonly duplicate: boolean;
}

/** What of it frames and batches say. */
export type PublishedPlace = Omit<Published, 'epoch' | 'subscribers'>;

/** Of the publish frame that is answered. */
export interface PublishMark {
  readonly ref: Ref;
  readonly topic: string;
}

const writer = new ByteWriter();
const pairs = new ByteWriter();

function writeText(name: Uint8Array, text: string): void {
  writer.bytes(name);
  writeStr(writer, text);
}

/**
 * JSON of the answer to POST /api/publish, in bytes that are valid until the next result is written:
 * a string of these parts would be joined, and then taken apart again by whoever sends it.
 */
export function publishedJson(topic: string, published: Published): Uint8Array {
  writer.reset();
  writer.bytes(JSON_MESSAGE_ID);
  writer.uuid(published.messageId);
  writer.bytes(JSON_TOPIC);
  writer.ascii(topic);
  writer.bytes(JSON_SEQUENCE);
  writer.decimal(published.sequence);
  writer.bytes(jsonTail(published));
  return writer.view();
}

/** What follows the sequence in the JSON answer, with what it says. */
interface Tail {
  epoch: string;
  subscribers: number;
  publishedAtMs: number;
  duplicate: boolean;
  bytes: Uint8Array;
}

let lastTail: Tail = newTail({ epoch: '', subscribers: 0, publishedAtMs: 0, duplicate: false });

/** It is the same for all that was committed together, so the last one is kept (it saves 240 ns). */
function jsonTail(published: Published): Uint8Array {
  const same =
    lastTail.publishedAtMs === published.publishedAtMs &&
    lastTail.epoch === published.epoch &&
    lastTail.subscribers === published.subscribers &&
    lastTail.duplicate === published.duplicate;
  if (!same) lastTail = newTail(published);
  return lastTail.bytes;
}

function newTail(of: Omit<Tail, 'bytes'>): Tail {
  const { epoch, subscribers, publishedAtMs, duplicate } = of;
  const end = duplicate ? '","duplicate":true}' : '"}';
  const text = `,"epoch":"${epoch}","subscribers":${subscribers},"published_at":"${isoTime(publishedAtMs)}${end}`;
  return { epoch, subscribers, publishedAtMs, duplicate, bytes: Buffer.from(text, 'latin1') };
}

/** The same as a msgpack map, to be copied and not transferred. */
export function publishedMsgpack(topic: string, published: Published): Uint8Array {
  const { messageId, sequence, epoch, subscribers, publishedAtMs, duplicate } = published;
  writer.reset();
  writeMapHeader(writer, duplicate ? 7 : 6);
  writeText(MESSAGE_ID, formatUuid(messageId));
  writeText(TOPIC, topic);
  writer.bytes(SEQUENCE);
  writeInt(writer, sequence);
  writeText(EPOCH, epoch);
  writer.bytes(SUBSCRIBERS);
  writeInt(writer, subscribers);
  writeText(PUBLISHED_AT, isoTime(publishedAtMs));
  if (duplicate) writer.bytes(DUPLICATE);
  return writer.take();
}

/** The `published` frame; `ref` as the client sent it, null: left out. */
export function publishedFrame(
  format: WireFormat,
  { ref, topic }: PublishMark,
  { messageId, sequence, publishedAtMs, duplicate }: PublishedPlace,
): Uint8Array | string {
  if (format === WIRE_JSON) {
    const id = formatUuid(messageId);
    const publishedAt = isoTime(publishedAtMs);
    const start =
      ref === null ? '' : `"ref":${typeof ref === 'string' ? JSON.stringify(ref) : ref},`;
    const end = duplicate ? '","duplicate":true}' : '"}';
    return `{"type":"published",${start}"message_id":"${id}","topic":"${topic}","sequence":${sequence},"published_at":"${publishedAt}${end}`;
  }
  writer.reset();
  writeMapHeader(writer, 5 + Number(ref !== null) + Number(duplicate));
  writer.bytes(TYPE_PUBLISHED);
  if (ref !== null) {
    writer.bytes(REF);
    writeRef(writer, ref);
  }
  writer.bytes(MESSAGE_ID_HEAD);
  writer.uuid(messageId);
  writer.bytes(topicPair(topic));
  writer.bytes(SEQUENCE);
  writeInt(writer, sequence);
  writer.bytes(publishedAtPair(publishedAtMs));
  if (duplicate) writer.bytes(DUPLICATE);
  return writer.take();
}

let lastTopic: { topic: string; pair: Uint8Array } = { topic: '', pair: new Uint8Array(0) };
let lastPublishedAt: { publishedAtMs: number; pair: Uint8Array } = {
  publishedAtMs: -1,
  pair: new Uint8Array(0),
};

/** Name and value; the last one is kept, since a batch is mostly of one topic. */
function topicPair(topic: string): Uint8Array {
  if (lastTopic.topic !== topic) lastTopic = { topic, pair: pairOf(TOPIC, topic) };
  return lastTopic.pair;
}

/** The same; what was committed together has one time. */
function publishedAtPair(publishedAtMs: number): Uint8Array {
  if (lastPublishedAt.publishedAtMs !== publishedAtMs) {
    lastPublishedAt = { publishedAtMs, pair: pairOf(PUBLISHED_AT, isoTime(publishedAtMs)) };
  }
  return lastPublishedAt.pair;
}

function pairOf(name: Uint8Array, text: string): Uint8Array {
  pairs.bytes(name);
  writeStr(pairs, text);
  return pairs.take();
}
