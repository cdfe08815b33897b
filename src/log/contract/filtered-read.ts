/**
 * Looks through the log of a topic for messages that a filter lets pass, a step at a time: a step is a small
 * page, after which whatever else this thread has to do has its turn. It ends with a full page, or after so
 * much of the log, or so long; what is asked for next goes on where it ended.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../../core/clock.js';
import { CONTENT_JSON, type LogRow } from '../../core/message.js';
import { type Filtered, type MessageFilter, messageFilter } from '../../core/message-filter.js';
import { ByteWriter } from '../../wire/byte-writer.js';
import { writeMsgpackAsJson } from '../../wire/transcode-to-json.js';
import type { LogPage, ReadRange } from './message-log.js';

const STEP_ROWS = 500;
const STEP_BYTES = 512 * 1024;
const SCANNED_MAX = 20_000;
/** Some steps; whoever asks waits ten seconds at most, and others wait for this place. */
const READ_MS = 500;

export interface FilteredAsk {
  filter: string;
  order: 'asc' | 'desc';
  /** Of the end that `order` begins with. */
  from: number;
  limit: number;
  /** Of payloads in what is found. */
  bytesMax: number;
}

export interface FilteredPage {
  rows: LogRow[];
  scanned: number;
  /** What to go on at; null: that was all. */
  next: number | null;
}

/** Rejects as `read` does. */
export async function readFiltered(
  read: (range: Omit<ReadRange, 'topicId'>) => Promise<LogPage>,
  { filter: text, order, from, limit, bytesMax }: FilteredAsk,
): Promise<FilteredPage> {
  const filter = messageFilter(text);
  const untilMs = systemClock.monotonic() + READ_MS;
  const found: LogRow[] = [];
  let [scanned, bytes, at] = [0, 0, from];
  for (;;) {
    const within = order === 'asc' ? [at, Infinity] : [1, at];
    const [fromSequence = 1, toSequence = 1] = within;
    const step = { fromSequence, toSequence, rowsMax: STEP_ROWS, bytesMax: STEP_BYTES };
    const page = await read({ ...step, order });
    for (const row of page.rows) {
      scanned++;
      at = order === 'asc' ? row.sequence + 1 : row.sequence - 1;
      if (!passes(filter, row)) continue;
      found.push(row);
      bytes += row.payload.length;
      if (found.length === limit || bytes >= bytesMax) break;
    }
    const isAll =
      page.rows.length === 0 ||
      (order === 'asc' ? at > page.lastSequence : at < page.firstSequence);
    const isFull = found.length === limit || bytes >= bytesMax;
    if (isAll) return { rows: found, scanned, next: null };
    if (isFull || scanned >= SCANNED_MAX || systemClock.monotonic() >= untilMs) {
      return { rows: found, scanned, next: at };
    }
    await turn();
  }
}

function passes(filter: MessageFilter, row: LogRow): boolean {
  const { roots } = filter;
  const message: Filtered = {
    key: row.key,
    payload: roots.has('payload') ? payloadOf(row) : null,
    headers: roots.has('headers') && row.headers !== null ? JSON.parse(row.headers) : null,
  };
  return filter.test(message);
}

function payloadOf({ contentType, payload }: LogRow): unknown {
  if (contentType === CONTENT_JSON) return JSON.parse(textOf(payload));
  const writer = new ByteWriter();
  writeMsgpackAsJson(writer, payload);
  return JSON.parse(textOf(writer.view()));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
