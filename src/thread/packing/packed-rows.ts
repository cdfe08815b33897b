/**
 * Committed messages as one run of bytes behind a head of the caller's: pages of the log between threads, and
 * envelopes between nodes. Rows that are read are views of the buffer that they were packed into.
 */
import { CONTENT_MSGPACK, type ContentType, type LogRow } from '../../core/message.js';

/** How many rows follow, u32. */
const COUNT_BYTES = 4;
/**
 * sequence f64, published at f64, expires at f64, payload bytes u32, key bytes u32 (+ 1; 0: none),
 * headers bytes u32 (+ 1; 0: none), content type u8, message id 16; then payload, key, headers.
 */
const ROW_HEAD_BYTES = 53;

/** A buffer of exactly that size, its first `headBytes` zero, for the caller to fill. */
export function packRows(rows: readonly LogRow[], headBytes: number): ArrayBuffer {
  const texts = rows.map((row) => [bytesOf(row.key), bytesOf(row.headers)] as const);
  let size = headBytes + COUNT_BYTES;
  rows.forEach((row, index) => {
    const [key, headers] = texts[index] ?? [null, null];
    size += ROW_HEAD_BYTES + row.payload.length + (key?.length ?? 0) + (headers?.length ?? 0);
  });
  const packed = new ArrayBuffer(size);
  const view = new DataView(packed);
  const bytes = new Uint8Array(packed);
  view.setUint32(headBytes, rows.length);
  let at = headBytes + COUNT_BYTES;
  rows.forEach((row, index) => {
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

/** Keeps `packed`. Throws RangeError where it is not what packRows made with a head of that length. */
export function unpackRows(packed: ArrayBuffer, headBytes: number): LogRow[] {
  const view = new DataView(packed);
  const count = view.getUint32(headBytes);
  let at = headBytes + COUNT_BYTES;
  if (count * ROW_HEAD_BYTES > packed.byteLength - at) throw new RangeError('rows are cut off');
  const rows: LogRow[] = new Array<LogRow>(count);
  for (let n = 0; n < count; n++) {
    const payloadAt = at + ROW_HEAD_BYTES;
    const keyAt = payloadAt + view.getUint32(at + 24);
    const keyBytes = view.getUint32(at + 28);
    const headersAt = keyAt + Math.max(keyBytes - 1, 0);
    const headersBytes = view.getUint32(at + 32);
    const contentType = view.getUint8(at + 36);
    if (contentType > CONTENT_MSGPACK) throw new RangeError('no such content type');
    rows[n] = {
      sequence: view.getFloat64(at),
      publishedAtMs: view.getFloat64(at + 8),
      expiresAtMs: view.getFloat64(at + 16),
      contentType: contentType as ContentType,
      messageId: new Uint8Array(packed, at + 37, 16),
      payload: new Uint8Array(packed, payloadAt, keyAt - payloadAt),
      key: textOf(packed, keyAt, keyBytes),
      headers: textOf(packed, headersAt, headersBytes),
    };
    at = headersAt + Math.max(headersBytes - 1, 0);
  }
  if (at !== packed.byteLength) throw new RangeError('something follows the rows');
  return rows;
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'utf8');
}

function textOf(packed: ArrayBuffer, at: number, bytesPlusOne: number): string | null {
  return bytesPlusOne === 0 ? null : Buffer.from(packed, at, bytesPlusOne - 1).toString('utf8');
}
