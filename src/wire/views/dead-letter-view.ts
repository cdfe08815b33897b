/**
 * Dead letters as clients see them: JSON text, written where they are read, since payloads go into it byte
 * for byte.
 */
import type { DeadLetterGroup } from '../../core/dead-letter-group.js';
import type { DeadLetterRecord } from '../../core/dead-letter-record.js';
import { isoTime } from '../../core/time.js';
import type * as schemas from '../schemas/dead-letters.js';
import type { View } from '../schemas/kinds.js';
import type { MESSAGE_MEMBERS } from '../schemas/topics.js';
import { messageView } from './message-view.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COMMA = Buffer.from(',');
const PAGE_START = Buffer.from('{"dead_letters":[');

/** What a dead letter has beside its message. */
export type DeadLetterFields = Omit<View<typeof schemas.LETTER>, keyof typeof MESSAGE_MEMBERS>;

export function deadLetterGroupsView(
  groups: readonly DeadLetterGroup[],
): View<typeof schemas.LETTER_GROUPS> {
  return {
    groups: groups.map(({ topic, subscription, reason, error, count, ...times }) => ({
      ...{ topic, subscription, reason, error, count },
      first_failed_at: isoTime(times.firstFailedAtMs),
      last_failed_at: isoTime(times.lastFailedAtMs),
    })),
  };
}

/** JSON text of one. */
export function deadLetterView(record: DeadLetterRecord): Uint8Array {
  const fields: DeadLetterFields = {
    id: record.id,
    subscription: record.subscription,
    session: record.session ?? undefined,
    reason: record.reason,
    attempts: record.attempts,
    first_failed_at: isoTime(record.firstFailedAtMs),
    last_failed_at: isoTime(record.lastFailedAtMs),
    last_error: record.lastError,
    redriven_count: record.redrivenCount,
  };
  return messageView(record.topic, record.row, fields);
}

/** The same as a line: it ends with a line feed, and has none inside. */
export function deadLetterLine(record: DeadLetterRecord): Uint8Array {
  const text = deadLetterView(record);
  const line = Buffer.allocUnsafe(text.length + 1);
  line.set(text);
  line[text.length] = LINE_FEED;
  // A raw line break of JSON stands between its tokens: a space says the same.
  for (let at = 0; at < text.length; at++) {
    if (text[at] === LINE_FEED || text[at] === CARRIAGE_RETURN) line[at] = SPACE;
  }
  return line;
}

/** JSON text of {dead_letters, next?}. `next`: what to go on after; null: that was all. */
export function deadLetterPageView(texts: readonly Uint8Array[], next: number | null): Uint8Array {
  const parts = texts.flatMap((text, n) => (n === 0 ? [text] : [COMMA, text]));
  const end = Buffer.from(next === null ? ']}' : `],"next":${next}}`);
  return Buffer.concat([PAGE_START, ...parts, end]);
}
