/**
 * A chunk: up to 64 consecutive committed messages of one topic, with their joined frames once per
 * encoding. It is what the hot cache keeps and what fan-out and catch-up send: the same bytes for
 * everybody.
 */
import type { LogRow } from '../../core/message.js';
import { rowBytes } from '../../core/message.js';
import type { Encoding } from '../../thread/ops/encoding.js';
import { type DeliveryFrames, encodeDeliveries, encodeMessages } from '../../wire/server-frame.js';

/** More than 64 frames in one WebSocket message gained nothing in the spike, and delay the first. */
export const CHUNK_ROWS_MAX = 64;
/** A quarter of the send buffer: a session is refused whole chunks, so they must be small beside it. */
export const CHUNK_BYTES_MAX = 256 * 1024;

export interface Chunk {
  readonly first: number;
  readonly last: number;
  readonly rows: readonly LogRow[];
  /** Bytes the rows are reckoned at. */
  readonly bytes: number;
  /** Some message of it has a time to live: its frames are made anew each time, without the expired. */
  readonly expires: boolean;
  /** Joined frames by encoding; null until somebody needs them. */
  readonly encoded: [Uint8Array | null, Uint8Array | null];
}

/** Cuts consecutive rows into chunks, with payloads copied out of the larger buffers they came in. */
export function cutChunks(rows: readonly LogRow[]): Chunk[] {
  const chunks: Chunk[] = [];
  let from = 0;
  while (from < rows.length) {
    const to = chunkEnd(rows, from);
    chunks.push(compactChunk(rows.slice(from, to)));
    from = to;
  }
  return chunks;
}

/** End (exclusive) of the chunk that starts at `from`: bounded in rows and bytes, at least one row. */
export function chunkEnd(rows: readonly LogRow[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < rows.length && to - from < CHUNK_ROWS_MAX) {
    const row = rows[to];
    if (row === undefined) break;
    bytes += rowBytes(row);
    if (bytes > CHUNK_BYTES_MAX && to > from) break;
    to++;
  }
  return to;
}

/** What the frames of a page or chunk are made from, besides its rows. */
export interface FrameContext extends DeliveryFrames {
  encoding: Encoding;
  /** Wall time, Unix ms: what has expired by then is left out. */
  nowMs: number;
  /** Name to put into each frame; null: the shared frames, without one. */
  subscription: string | null;
}

/** The joined frames of the whole chunk; made at the first call, unless messages of it expire. */
export function chunkFrames(chunk: Chunk, context: FrameContext): Uint8Array {
  if (chunk.expires || context.subscription !== null) return rowFrames(chunk.rows, context);
  const known = chunk.encoded[context.encoding];
  if (known !== null) return known;
  const frames = encodeMessages(context.encoding, context.topic, chunk.rows);
  chunk.encoded[context.encoding] = frames;
  return frames;
}

/** The joined frames of these rows without those that have expired; may be empty. */
export function rowFrames(rows: readonly LogRow[], context: FrameContext): Uint8Array {
  const live = rows.filter((row) => row.expiresAtMs === 0 || row.expiresAtMs > context.nowMs);
  if (context.subscription === null) {
    return encodeMessages(context.encoding, context.topic, live);
  }
  const deliveries = live.map((row) => ({ row, attempt: 1 }));
  return encodeDeliveries(context, deliveries);
}

function compactChunk(rows: LogRow[]): Chunk {
  const payloadBytes = rows.reduce((sum, row) => sum + row.payload.length, 0);
  const slab = Buffer.allocUnsafeSlow(payloadBytes + 16 * rows.length);
  let at = 0;
  let bytes = 0;
  const compact = rows.map((row) => {
    slab.set(row.payload, at);
    slab.set(row.messageId, at + row.payload.length);
    const payload = slab.subarray(at, at + row.payload.length);
    at += row.payload.length + 16;
    bytes += rowBytes(row);
    return { ...row, payload, messageId: slab.subarray(at - 16, at) };
  });
  return {
    first: compact[0]?.sequence ?? 0,
    last: compact.at(-1)?.sequence ?? 0,
    rows: compact,
    bytes,
    expires: compact.some((row) => row.expiresAtMs !== 0),
    encoded: [null, null],
  };
}
