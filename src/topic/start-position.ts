/** Where a new subscription starts, and what of the asked position could not be given. Pure. */
import { isEpochOf } from '../core/epoch.js';
import { RequestError } from '../core/errors.js';

export interface StartQuestion {
  start:
    | { from: 'latest' }
    | { from: 'earliest' }
    | { from: 'sequence'; sequence: number; epoch: string | null };
  topicId: number;
  epoch: string;
  firstSequence: number;
  head: number;
}

export interface StartAnswer {
  /** Last sequence that is not delivered. */
  cursor: number;
  /** null: nothing was asked for that could be missing. */
  recovered: boolean | null;
  gap: { from: number; to: number; reason: string } | null;
}

/** Throws `bad_cursor` for a sequence past the head of the same epoch. */
export function startPosition(question: StartQuestion): StartAnswer {
  const { start, head, firstSequence } = question;
  const oldest = Math.min(firstSequence - 1, head);
  if (start.from === 'latest') return { cursor: head, recovered: null, gap: null };
  if (start.from === 'earliest') return { cursor: oldest, recovered: null, gap: null };
  if (start.epoch !== null && !isEpochOf(start.epoch, question.topicId)) {
    const gap = { from: 1, to: Math.max(oldest, 0), reason: 'topic_recreated' };
    return { cursor: oldest, recovered: false, gap };
  }
  const cursor = Math.max(start.sequence - 1, 0);
  if (start.epoch !== null && start.epoch !== question.epoch) {
    const resumed = Math.max(Math.min(cursor, head), oldest);
    const gap = { from: Math.min(cursor, head) + 1, to: resumed, reason: 'failover' };
    return { cursor: resumed, recovered: false, gap };
  }
  if (cursor > head) {
    const detail = `start.sequence is ${start.sequence}; the topic's head is ${head}`;
    throw new RequestError('bad_cursor', detail, 'start.sequence');
  }
  if (cursor >= oldest) return { cursor, recovered: true, gap: null };
  return {
    cursor: oldest,
    recovered: false,
    gap: { from: cursor + 1, to: oldest, reason: 'retention' },
  };
}
