/** Dead letters as the HTTP API gives them: JSON text, payloads byte for byte. */
import { isoTime } from '../../core/time.js';
import { browseMessage } from '../../wire/browse-page.js';
import type { DeadLetterRecord } from './subscription-store.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** What is sent of several, one behind the other, and where in it each ends. */
export interface LetterTexts {
  ids: number[];
  ends: number[];
  body: Uint8Array;
}

/** `asLines`: each ends with a line feed, and has none inside. */
export function letterTexts(letters: readonly DeadLetterRecord[], asLines: boolean): LetterTexts {
  const texts = letters.map(asLines ? lineOf : letterView);
  let end = 0;
  const ends = texts.map((text) => {
    end += text.length;
    return end;
  });
  return { ids: letters.map(({ id }) => id), ends, body: Buffer.concat(texts) };
}

function letterView(record: DeadLetterRecord): Uint8Array {
  const { id, topic, row, subscription, session } = record;
  return browseMessage(topic, row, {
    id,
    subscription,
    session: session ?? undefined,
    reason: record.reason,
    attempts: record.attempts,
    first_failed_at: isoTime(record.firstFailedAtMs),
    last_failed_at: isoTime(record.lastFailedAtMs),
    last_error: record.lastError,
    redriven_count: record.redrivenCount,
  });
}

/** A raw line break of JSON stands between its tokens: a space says the same. */
function lineOf(record: DeadLetterRecord): Uint8Array {
  const text = letterView(record);
  const line = Buffer.allocUnsafe(text.length + 1);
  line.set(text);
  line[text.length] = LINE_FEED;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === LINE_FEED || text[at] === CARRIAGE_RETURN) line[at] = SPACE;
  }
  return line;
}
