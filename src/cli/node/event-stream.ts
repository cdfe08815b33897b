/**
 * Server-sent events of one topic, read as they come and resumed where they broke off: delivered to nobody's
 * account, so whoever looks leaves no trace.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.js';
import { CommandFailure } from '../terminal/failure.js';
import { JsonText } from '../terminal/printable.js';
import { isRow, type Row } from '../terminal/table.js';
import { memberText, oneLine } from './json-items.js';
import type { NodeApi } from './node-api.js';
import { segment } from './shown.js';
import type { TypedStart } from './start.js';

const BACKOFF = { firstMs: 250, capMs: 5_000 };
const LINE_END = /\r\n|\r|\n/;

export interface StreamEvent {
  /** message, gap, caught_up, unsubscribed, disconnect. */
  type: string;
  /** Its payload, where there is one, is a JsonText. */
  data: Row;
}

export interface EventStreamOptions {
  api: NodeApi;
  topic: string;
  start: TypedStart;
  /** Ends it. */
  signal: AbortSignal;
  /** It broke off, and is tried again. */
  onBroken: (why: string) => void;
}

/** Rejects CommandFailure when it cannot be opened at first, and when coming back makes no sense. */
export async function* streamEvents(options: EventStreamOptions): AsyncGenerator<StreamEvent> {
  const { signal, onBroken } = options;
  const place = { lastId: '', opened: false };
  for (let attempt = 1; !signal.aborted; attempt++) {
    let pauseMs = backoffMs(attempt, BACKOFF, Math.random);
    try {
      for await (const event of openedStream(options, place)) {
        attempt = 0;
        if (event.type === 'disconnect') {
          const asked: unknown = event.data['retry_after_ms'];
          if (typeof asked === 'number') pauseMs = asked;
        }
        yield event;
      }
      if (!signal.aborted) onBroken('the node ended the stream');
    } catch (error) {
      if (signal.aborted) return;
      const isLater = error instanceof CommandFailure && error.exitCode === 3;
      if (!isLater || !place.opened) throw error;
      onBroken(error.message);
    }
    await delay(pauseMs, null, { signal }).catch(() => null);
  }
}

async function* openedStream(
  { api, topic, start, signal }: EventStreamOptions,
  place: { lastId: string; opened: boolean },
): AsyncGenerator<StreamEvent> {
  const body = await api.stream(`/api/topics/${segment(topic)}/events`, {
    query: { ...start },
    headers: {
      accept: 'text/event-stream',
      ...(place.lastId === '' ? {} : { 'last-event-id': place.lastId }),
    },
    signal,
  });
  place.opened = true;
  let event = { type: 'message', data: [] as string[] };
  for await (const line of linesOf(body)) {
    if (line === '') {
      if (event.data.length > 0) yield { type: event.type, data: dataOf(event.data.join('\n')) };
      event = { type: 'message', data: [] };
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'event') event.type = value;
    if (field === 'data') event.data.push(value);
    if (field === 'id') place.lastId = value;
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of body) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split(LINE_END);
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** {} of what is none: a node always sends an object. */
function dataOf(text: string): Row {
  try {
    const data: unknown = JSON.parse(text);
    if (!isRow(data)) return {};
    const payload = 'payload' in data ? memberText(text, 'payload') : null;
    return payload === null ? data : { ...data, payload: new JsonText(oneLine(payload)) };
  } catch {
    return {};
  }
}
