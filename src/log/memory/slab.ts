/**
 * One block of memory with packed rows of one topic, consecutive sequences. Only ever appended to:
 * what was read from it stays valid for as long as the reader keeps it.
 */
import type { ContentType, LogRow, Publication } from '../../core/message.js';

/**
 * A packed row: message id 16, published at f64, expires at f64, payload bytes u32, headers bytes
 * u32 (+ 1; 0: none), key bytes u16 (+ 1; 0: none), content type u8, 5 to spare; then payload, key,
 * headers.
 */
const AT_PUBLISHED = 16;
const AT_EXPIRES = 24;
const AT_PAYLOAD = 32;
const AT_HEADERS = 36;
const AT_KEY = 40;
const AT_CONTENT_TYPE = 42;
const ROW_FIXED_BYTES = 48;

/** What core/message.ts's rowBytes reckons beside the texts. */
const ROW_RECKONED_BYTES = 64;

/** Of a message, what the log gave it. */
export interface RowTimes {
  /** 16 bytes, copied. */
  messageId: Uint8Array;
  publishedAtMs: number;
  /** 0: never. */
  expiresAtMs: number;
}

/** The room a message takes in a slab, at most. */
export function rowSpan(publication: Publication): number {
  const { payload, key, headers } = publication;
  // At most three bytes of UTF-8 for each unit of UTF-16.
  const texts = key === null && headers === null ? 0 : textSpan(key) + textSpan(headers);
  return ROW_FIXED_BYTES + payload.length + texts;
}

function textSpan(text: string | null): number {
  return text === null ? 0 : 3 * text.length;
}

export class Slab {
  readonly first: number;
  readonly capacity: number;
  #bytes: Buffer;
  #view: DataView;
  #used = 0;
  /** Where each row starts. */
  #starts: number[] = [];

  constructor(capacity: number, first: number) {
    this.capacity = capacity;
    this.first = first;
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, capacity);
  }

  /** Last sequence here; first - 1 when empty. */
  get last(): number {
    return this.first + this.#starts.length - 1;
  }

  get room(): number {
    return this.capacity - this.#used;
  }

  /** The caller has checked `room` against rowSpan. Answers what `bytesAt` will. */
  append({ messageId, publishedAtMs, expiresAtMs }: RowTimes, publication: Publication): number {
    const { payload, key, headers } = publication;
    const start = this.#used;
    const bytes = this.#bytes;
    const view = this.#view;
    this.#starts.push(start);
    for (let n = 0; n < 16; n++) bytes[start + n] = messageId[n] ?? 0;
    view.setFloat64(start + AT_PUBLISHED, publishedAtMs);
    view.setFloat64(start + AT_EXPIRES, expiresAtMs);
    view.setUint32(start + AT_PAYLOAD, payload.length);
    let end = start + ROW_FIXED_BYTES;
    bytes.set(payload, end);
    end += payload.length;
    const keyBytes = key === null ? -1 : bytes.write(key, end);
    end += Math.max(keyBytes, 0);
    const headersBytes = headers === null ? -1 : bytes.write(headers, end);
    end += Math.max(headersBytes, 0);
    view.setUint32(start + AT_HEADERS, headersBytes + 1);
    view.setUint16(start + AT_KEY, keyBytes + 1);
    bytes[start + AT_CONTENT_TYPE] = publication.contentType;
    this.#used = end;
    return end - start - ROW_FIXED_BYTES + ROW_RECKONED_BYTES;
  }

  rowAt(sequence: number): LogRow {
    const start = this.#start(sequence);
    const bytes = this.#bytes;
    const view = this.#view;
    const payloadStart = start + ROW_FIXED_BYTES;
    const payloadEnd = payloadStart + view.getUint32(start + AT_PAYLOAD);
    const keyBytes = view.getUint16(start + AT_KEY) - 1;
    const keyEnd = payloadEnd + Math.max(keyBytes, 0);
    const headersBytes = view.getUint32(start + AT_HEADERS) - 1;
    return {
      sequence,
      messageId: new Uint8Array(bytes.buffer, bytes.byteOffset + start, 16),
      publishedAtMs: view.getFloat64(start + AT_PUBLISHED),
      contentType: (bytes[start + AT_CONTENT_TYPE] ?? 0) as ContentType,
      payload: new Uint8Array(
        bytes.buffer,
        bytes.byteOffset + payloadStart,
        payloadEnd - payloadStart,
      ),
      key: keyBytes < 0 ? null : bytes.toString('utf8', payloadEnd, keyEnd),
      headers: headersBytes < 0 ? null : bytes.toString('utf8', keyEnd, keyEnd + headersBytes),
      expiresAtMs: view.getFloat64(start + AT_EXPIRES),
    };
  }

  publishedAtMs(sequence: number): number {
    return this.#view.getFloat64(this.#start(sequence) + AT_PUBLISHED);
  }

  /** Bytes of payload, key and headers of the row. */
  bytesAt(sequence: number): number {
    const start = this.#start(sequence);
    const next = this.#starts[sequence - this.first + 1] ?? this.#used;
    return next - start - ROW_FIXED_BYTES + ROW_RECKONED_BYTES;
  }

  /** Lets go of the memory; nothing is read from here after it. */
  free(): void {
    this.#bytes = Buffer.alloc(0);
    this.#view = new DataView(new ArrayBuffer(0));
    this.#starts = [];
  }

  #start(sequence: number): number {
    return this.#starts[sequence - this.first] ?? 0;
  }
}
