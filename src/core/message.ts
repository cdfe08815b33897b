/**
 * The message in its two ages: `Publication`, sent and not yet in the log, and `LogRow`, committed.
 * Payloads are opaque bytes everywhere between the decoder that validated them and the encoder that
 * frames them.
 */

/** How payload bytes are written. Stored in the log as this number. */
export const CONTENT_JSON = 0;
export const CONTENT_MSGPACK = 1;
export type ContentType = typeof CONTENT_JSON | typeof CONTENT_MSGPACK;

/** What a publisher asked to be logged. Slices may point into a larger transferred buffer. */
export interface Publication {
  contentType: ContentType;
  /** Validated JSON text or one msgpack value, 1 to payloadBytesMax bytes. */
  payload: Uint8Array;
  /** Ordering key, UTF-8, 1 to 255 bytes; null: none. */
  key: string | null;
  /** JSON text of an object of string to string, validated; null: none. */
  headers: string | null;
  /** 1 to 255 bytes of UTF-8; null: no deduplication. */
  dedupeKey: string | null;
  /** Milliseconds from commit until it is no longer delivered; 0: for ever. */
  ttlMs: number;
}

/** One committed message of a topic. */
export interface LogRow {
  /** From 1, contiguous per topic. */
  sequence: number;
  /** UUIDv7, 16 bytes. */
  messageId: Uint8Array;
  /** Unix milliseconds by the database's clock; never falls within a topic. */
  publishedAtMs: number;
  contentType: ContentType;
  payload: Uint8Array;
  key: string | null;
  headers: string | null;
  /** Unix milliseconds; 0: never. */
  expiresAtMs: number;
}

/** Bytes that one row is reckoned at in every bound that counts bytes. */
export function rowBytes(row: Pick<LogRow, 'payload' | 'key' | 'headers'>): number {
  return row.payload.length + (row.key?.length ?? 0) + (row.headers?.length ?? 0) + 64;
}
