/**
 * Messages as clients see them: JSON text, written where they are read, since payloads go into it byte for
 * byte.
 */
import { CONTENT_JSON, type LogRow } from '../../core/message.js';
import { isoTime } from '../../core/time.js';
import { formatUuid } from '../../core/uuid.js';
import { ByteWriter } from '../byte-writer.js';
import { writeMsgpackAsJson } from '../transcode-to-json.js';

/** What a message has beside its payload, about. */
const ROW_BYTES = 512;

/** Of one topic, in order. */
export interface MessagePage {
  topic: string;
  rows: readonly LogRow[];
  /** What to go on from; null: that was all. */
  next: number | null;
  /** Of a filter: how many messages were looked at for them; absent: none was asked for. */
  scanned?: number;
}

/**
 * JSON text of {messages, scanned?, matched?, next?}: messages of {message_id, topic, payload,
 * published_at, sequence, key?, headers?}.
 */
export function messagePageView({ topic, rows, next, scanned }: MessagePage): Uint8Array {
  const writer = new ByteWriter();
  // Grown step by step, a page of 4 MiB would leave four times its size behind.
  writer.reserve(rows.reduce((sum, row) => sum + row.payload.length + ROW_BYTES, 0));
  writer.utf8('{"messages":[');
  rows.forEach((row, i) => {
    if (i > 0) writer.byte(0x2c);
    writeMessage(writer, topic, row, null);
  });
  const counts = scanned === undefined ? '' : `,"scanned":${scanned},"matched":${rows.length}`;
  writer.utf8(next === null ? `]${counts}}` : `]${counts},"next":${next}}`);
  return writer.view();
}

/** JSON text of one such message, with the fields of `more` after its own. */
export function messageView(topic: string, row: LogRow, more: object): Uint8Array {
  const writer = new ByteWriter();
  writeMessage(writer, topic, row, more);
  return writer.take();
}

function writeMessage(writer: ByteWriter, topic: string, row: LogRow, more: object | null): void {
  const id = formatUuid(row.messageId);
  writer.utf8(`{"message_id":"${id}","topic":"${topic}","payload":`);
  if (row.contentType === CONTENT_JSON) writer.bytes(row.payload);
  else writeMsgpackAsJson(writer, row.payload);
  const key = row.key === null ? '' : `,"key":${JSON.stringify(row.key)}`;
  const headers = row.headers === null ? '' : `,"headers":${row.headers}`;
  const publishedAt = isoTime(row.publishedAtMs);
  const others = more === null ? '}' : `,${JSON.stringify(more).slice(1)}`;
  writer.utf8(
    `,"published_at":"${publishedAt}","sequence":${row.sequence}${key}${headers}${others}`,
  );
}
