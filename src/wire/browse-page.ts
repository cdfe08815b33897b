/** Messages as GET /api/topics/:name/messages gives them: one JSON array, payloads byte for byte. */
import { CONTENT_JSON, type LogRow } from '../core/message.js';
import { isoTime } from '../core/time.js';
import { formatUuid } from '../core/uuid.js';
import { ByteWriter } from './byte-writer.js';
import { writeMsgpackAsJson } from './transcode-to-json.js';

/** JSON text of an array of {message_id, topic, payload, published_at, sequence, key?, headers?}. */
export function browsePage(topic: string, rows: readonly LogRow[]): string {
  const writer = new ByteWriter();
  writer.byte(0x5b);
  rows.forEach((row, i) => {
    const id = formatUuid(row.messageId);
    writer.utf8(`${i === 0 ? '' : ','}{"message_id":"${id}","topic":"${topic}","payload":`);
    if (row.contentType === CONTENT_JSON) writer.bytes(row.payload);
    else writeMsgpackAsJson(writer, row.payload);
    const key = row.key === null ? '' : `,"key":${JSON.stringify(row.key)}`;
    const headers = row.headers === null ? '' : `,"headers":${row.headers}`;
    const publishedAt = isoTime(row.publishedAtMs);
    writer.utf8(`,"published_at":"${publishedAt}","sequence":${row.sequence}${key}${headers}}`);
  });
  writer.byte(0x5d);
  const bytes = writer.take();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
