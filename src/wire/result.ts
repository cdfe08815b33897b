/**
 * What a publisher is told of a committed message. Written by hand, one per publish: nothing in it
 * needs escaping, by the grammars of topics, ids and epochs.
 */
import { isoTime } from '../core/time.js';
import { formatUuid } from '../core/uuid.js';
import { ByteWriter } from './byte-writer.js';
import type { Ref } from './frame-types.js';
import {
  fixedStr,
  writeInt,
  writeMapHeader,
  writeNumber,
  writeStr,
  writeUint64,
} from './msgpack-write.js';
import { WIRE_JSON, type WireFormat } from './server-frame.js';

const TYPE_PUBLISHED = Uint8Array.of(...fixedStr('type'), ...fixedStr('published'));
const REF = fixedStr('ref');
const MESSAGE_ID = fixedStr('message_id');
const TOPIC = fixedStr('topic');
const SEQUENCE = fixedStr('sequence');
const EPOCH = fixedStr('epoch');
const SUBSCRIBERS = fixedStr('subscribers');
const PUBLISHED_AT = fixedStr('published_at');
const DUPLICATE = Uint8Array.of(...fixedStr('duplicate'), 0xc3);

const writer = new ByteWriter();

function writeText(name: Uint8Array, text: string): void {
  writer.bytes(name);
  writeStr(writer, text);
}

/**
 * JSON text of the answer to POST /api/publish. `messageId`: 16 bytes from `messageIdAt`; `epoch`: 1
 * to 32 of 0-9 a-z; `duplicate` true: an earlier publish with the same dedupe key gave this result.
 */
export function publishedJson(
  topic: string,
  messageId: Uint8Array,
  messageIdAt: number,
  sequence: number,
  epoch: string,
  subscribers: number,
  publishedAtMs: number,
  duplicate: boolean,
): string {
  const id = formatUuid(messageId, messageIdAt);
  const end = duplicate ? '","duplicate":true}' : '"}';
  return `{"message_id":"${id}","topic":"${topic}","sequence":${sequence},"epoch":"${epoch}","subscribers":${subscribers},"published_at":"${isoTime(publishedAtMs)}${end}`;
}

/** The same as a msgpack map, to be copied and not transferred; `sequence` is a uint64. */
export function publishedMsgpack(
  topic: string,
  messageId: Uint8Array,
  messageIdAt: number,
  sequence: number,
  epoch: string,
  subscribers: number,
  publishedAtMs: number,
  duplicate: boolean,
): Uint8Array {
  writer.reset();
  writeMapHeader(writer, duplicate ? 7 : 6);
  writeText(MESSAGE_ID, formatUuid(messageId, messageIdAt));
  writeText(TOPIC, topic);
  writer.bytes(SEQUENCE);
  writeUint64(writer, sequence);
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
  ref: Ref,
  topic: string,
  messageId: Uint8Array,
  messageIdAt: number,
  sequence: number,
  publishedAtMs: number,
  duplicate: boolean,
): Uint8Array | string {
  const id = formatUuid(messageId, messageIdAt);
  const publishedAt = isoTime(publishedAtMs);
  if (format === WIRE_JSON) {
    const start = ref === null ? '' : `"ref":${JSON.stringify(ref)},`;
    const end = duplicate ? '","duplicate":true}' : '"}';
    return `{"type":"published",${start}"message_id":"${id}","topic":"${topic}","sequence":${sequence},"published_at":"${publishedAt}${end}`;
  }
  writer.reset();
  writeMapHeader(writer, 5 + Number(ref !== null) + Number(duplicate));
  writer.bytes(TYPE_PUBLISHED);
  if (ref !== null) {
    writer.bytes(REF);
    if (typeof ref === 'number') writeNumber(writer, ref);
    else writeStr(writer, ref);
  }
  writeText(MESSAGE_ID, id);
  writeText(TOPIC, topic);
  writer.bytes(SEQUENCE);
  writeUint64(writer, sequence);
  writeText(PUBLISHED_AT, publishedAt);
  if (duplicate) writer.bytes(DUPLICATE);
  return writer.take();
}
