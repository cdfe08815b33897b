/**
 * A page of the log as one ArrayBuffer, so that it changes threads by transfer: nothing is cloned,
 * and the reader's payloads and ids are views of the one buffer.
 */
import type { ContentType, LogRow } from '../../core/message.js';
import type { LogPage } from './message-log.js';

/** first sequence f64, last sequence f64, rows u32. */
const HEAD_BYTES = 20;
/**
 * sequence f64, published at f64, expires at f64, payload bytes u32, key bytes u32 (+ 1; 0: none),
 * headers bytes u32 (+ 1; 0: none), content type u8, message id 16; then payload, key, headers.
 */
const ROW_HEAD_BYTES = 53;

export function packPage(page: LogPage): ArrayBuffer {
  const texts = page.rows.map((row) => [bytesOf(row.key), bytesOf(row.headers)] as const);
  let size = HEAD_BYTES;
  page.rows.forEach((row, index) => {
    const [key, headers] = texts[index] ?? [null, null];
    size += ROW_HEAD_BYTES + row.payload.length + (key?.length ?? 0) + (headers?.length ?? 0);
  });
  const packed = new ArrayBuffer(size);
  const view = new DataView(packed);
  const bytes = new Uint8Array(packed);
  view.setFloat64(0, page.firstSequence);
  view.setFloat64(8, page.lastSequence);
  view.setUint32(16, page.rows.length);
  let at = HEAD_BYTES;
  page.rows.forEach((row, index) => {
    const [key, headers] = texts[index] ?? [null, null];
    view.setFloat64(at, row.sequence);
    view.setFloat64(at + 8, row.publishedAtMs);
    view.setFloat64(at + 16, row.expiresAtMs);
    view.setUint32(at + 24, row.payload.length);
    view.setUint32(at + 28, key === null ? 0 : key.length + 1);
    view.setUint32(at + 32, headers === null ? 0 : headers.length + 1);
    view.setUint8(at + 36, row.contentType);
    bytes.set(row.messageId, at + 37);
    at += ROW_HEAD_BYTES;
    for (const part of [row.payload, key, headers]) {
      if (part === null) continue;
      bytes.set(part, at);
      at += part.length;
    }
  });
  return packed;
}

/** Keeps `packed`: the rows are views of it. */
export function unpackPage(packed: ArrayBuffer): LogPage {
  const view = new DataView(packed);
  const rows: LogRow[] = new Array<LogRow>(view.getUint32(16));
  let at = HEAD_BYTES;
  for (let n = 0; n < rows.length; n++) {
    const payloadAt = at + ROW_HEAD_BYTES;
    const keyAt = payloadAt + view.getUint32(at + 24);
    const keyBytes = view.getUint32(at + 28);
    const headersAt = keyAt + Math.max(keyBytes - 1, 0);
    const headersBytes = view.getUint32(at + 32);
    rows[n] = {
      sequence: view.getFloat64(at),
      publishedAtMs: view.getFloat64(at + 8),
      expiresAtMs: view.getFloat64(at + 16),
      contentType: view.getUint8(at + 36) as ContentType,
      messageId: new Uint8Array(packed, at + 37, 16),
      payload: new Uint8Array(packed, payloadAt, keyAt - payloadAt),
      key: textOf(packed, keyAt, keyBytes),
      headers: textOf(packed, headersAt, headersBytes),
    };
    at = headersAt + Math.max(headersBytes - 1, 0);
  }
  return { rows, firstSequence: view.getFloat64(0), lastSequence: view.getFloat64(8) };
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'utf8');
}

function textOf(packed: ArrayBuffer, at: number, bytesPlusOne: number): string | null {
  return bytesPlusOne === 0 ? null : Buffer.from(packed, at, bytesPlusOne - 1).toString('utf8');
}
