/**
 * Rows for COPY conduit.messages FROM STDIN (FORMAT binary), encoded in one pass into a slab that is
 * used again. One per append connection.
 */
import type { PlacedPart } from './append-batch.js';
import type { PendingAppend } from './message-log.js';

/** The columns in the order in which `encode` writes them. */
export const COPY_COLUMNS =
  'topic_id, sequence, message_id, published_at, expires_at, key, headers, content_type, payload';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const HEADER_BYTES = SIGNATURE.length + 8;
const TRAILER_BYTES = 2;
const FIELDS = 9;
/** Field count, nine lengths, and the fixed fields with expires_at; texts and payload come on top. */
const ROW_BYTES = 2 + FIELDS * 4 + 8 + 8 + 16 + 8 + 8 + 2;
const NULL_LENGTH = -1;
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);
const TWO_32 = 2 ** 32;
const SLAB_BYTES_FIRST = 64 * 1024;

export class CopyRows {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES_FIRST);
  #view = new DataView(this.#slab.buffer);
  #at = 0;

  /** The whole of COPY's data. Valid until the next call. */
  encode<A extends PendingAppend>(placed: readonly PlacedPart<A>[]): Buffer {
    this.#reserve(boundOf(placed));
    this.#at = SIGNATURE.copy(this.#slab);
    this.#int32(0);
    this.#int32(0);
    for (const part of placed) this.#part(part);
    this.#int16(-1);
    return this.#slab.subarray(0, this.#at);
  }

  /** After a failure the socket may still refer to the slab: the next encode takes another. */
  discard(): void {
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES_FIRST);
    this.#view = new DataView(this.#slab.buffer);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#slab.length) return;
    this.#slab = Buffer.allocUnsafeSlow(Math.max(bytes, this.#slab.length * 2));
    this.#view = new DataView(this.#slab.buffer);
  }

  #part<A extends PendingAppend>(placed: PlacedPart<A>): void {
    const { stored, firstSequence, publishedAtMs } = placed;
    const { topicId } = placed.part;
    for (let n = 0; n < stored.length; n++) {
      const append = stored[n];
      if (append === undefined) continue;
      const { key, headers, ttlMs, contentType, payload } = append.publication;
      this.#int16(FIELDS);
      this.#int64(topicId);
      this.#int64(firstSequence + n);
      this.#int32(16);
      this.#bytes(append.messageId);
      this.#time(publishedAtMs);
      if (ttlMs === 0) this.#int32(NULL_LENGTH);
      else this.#time(publishedAtMs + ttlMs);
      this.#text(key);
      this.#text(headers);
      this.#int32(2);
      this.#int16(contentType);
      this.#int32(payload.length);
      this.#bytes(payload);
    }
  }

  #int16(value: number): void {
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  #int32(value: number): void {
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** A field of eight bytes, its length before it. */
  #int64(value: number): void {
    const view = this.#view;
    view.setInt32(this.#at, 8);
    view.setInt32(this.#at + 4, Math.floor(value / TWO_32));
    view.setUint32(this.#at + 8, value >>> 0);
    this.#at += 12;
  }

  /** timestamptz: microseconds since 2000. */
  #time(ms: number): void {
    this.#int64((ms - POSTGRES_EPOCH_MS) * 1000);
  }

  #bytes(bytes: Uint8Array): void {
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #text(value: string | null): void {
    if (value === null) {
      this.#int32(NULL_LENGTH);
      return;
    }
    const length = this.#slab.write(value, this.#at + 4, 'utf8');
    this.#int32(length);
    this.#at += length;
  }
}

function boundOf<A extends PendingAppend>(placed: readonly PlacedPart<A>[]): number {
  let bytes = HEADER_BYTES + TRAILER_BYTES;
  for (const { stored, storedBytes } of placed) {
    bytes += stored.length * ROW_BYTES + storedBytes;
    for (const { publication } of stored) {
      // At most three bytes of UTF-8 for each unit of UTF-16.
      if (publication.key !== null) bytes += 3 * publication.key.length;
      if (publication.headers !== null) bytes += 3 * publication.headers.length;
    }
  }
  return bytes;
}
