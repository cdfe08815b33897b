/**
 * Pages of messages in PostgreSQL's binary format: what the columns are and what they decode to. A page
 * has up to 1,000 rows, and text cost most of the read (formatting there, parsing here). Pure.
 */
import type { ContentType, LogRow } from '../core/message.js';

/** Of `t`, the topic's bounds, and of `p`, the messages. */
export const PAGE_COLUMNS = `t.first_sequence, t.last_sequence, t.low, t.high, p.sequence,
  p.message_id, p.published_at, p.expires_at, p.key, p.headers, p.content_type, p.payload`;

/** Microseconds from 1970 to PostgreSQL's 2000-01-01. */
const EPOCH_MS = 946_684_800_000;

/** The select list as pg gives it when nothing is parsed. */
export interface BinaryPageRow {
  first_sequence: Buffer;
  last_sequence: Buffer;
  low: Buffer;
  high: Buffer;
  /** null, with all that follow: there is no message. */
  sequence: Buffer | null;
  message_id: Buffer;
  published_at: Buffer;
  expires_at: Buffer | null;
  key: Buffer | null;
  headers: Buffer | null;
  content_type: Buffer;
  payload: Buffer;
}

/** For a query with `binary`: values as they came. */
export const RAW_TYPES = { getTypeParser: () => (value: unknown) => value };

/** Up to 2^53 - 1. */
export function int8Of(value: Buffer): number {
  return value.readInt32BE(0) * 2 ** 32 + value.readUInt32BE(4);
}

/** null: the row is only bounds. */
export function decodePageRow(row: BinaryPageRow): LogRow | null {
  if (row.sequence === null) return null;
  return {
    sequence: int8Of(row.sequence),
    messageId: row.message_id,
    publishedAtMs: msOf(row.published_at),
    contentType: row.content_type.readInt16BE(0) as ContentType,
    payload: row.payload,
    key: row.key?.toString('utf8') ?? null,
    headers: row.headers?.toString('utf8') ?? null,
    expiresAtMs: row.expires_at === null ? 0 : msOf(row.expires_at),
  };
}

/** Unix ms, rounded down, of a timestamptz. */
function msOf(value: Buffer): number {
  return Math.floor(int8Of(value) / 1_000) + EPOCH_MS;
}
