/** Where a subscription starts or goes on, and what of that could not be given. */
import { isEpochOf } from '../../core/epoch.js';
import { RequestError } from '../../core/errors.js';
import type { TopicRecord } from '../../core/topic-record.js';
import type { Gap } from '../../thread/ops/gap.js';
import type { Topic, Tracker } from '../state/subscription.js';

export interface StartQuestion {
  start:
    | { from: 'latest' }
    | { from: 'earliest' }
    | { from: 'sequence'; sequence: number; epoch: string | null };
  topicId: number;
  epoch: string;
  /**
   * The last sequence that means the same message in the epoch that was asked for and in this one; null:
   * nothing is known of that epoch.
   */
  common: number | null;
  firstSequence: number;
  head: number;
}

export interface StartAnswer {
  /** Last sequence that is not delivered. */
  cursor: number;
  /** null: nothing was asked for that could be missing. */
  recovered: boolean | null;
  gap: Gap | null;
}

/**
 * At a position of another incarnation. What it had above what both have in common is no more: those
 * sequences are given again, as they are here. Of one that nobody knows nothing up to there is vouched for.
 */
function resumed(cursor: number, oldest: number, { common, head }: StartQuestion): StartAnswer {
  const known = Math.min(cursor, head, common ?? cursor);
  const from = common === null ? 1 : known + 1;
  const at = Math.max(known, oldest);
  const to = common === null ? at : Math.max(cursor, at);
  return { cursor: at, recovered: false, gap: { from, to, reason: 'failover' } };
}

/** Throws `bad_cursor` for a sequence past the head of the same epoch. */
export function startPosition(question: StartQuestion): StartAnswer {
  const { start, head, firstSequence } = question;
  const oldest = Math.min(firstSequence - 1, head);
  if (start.from === 'latest') return { cursor: head, recovered: null, gap: null };
  if (start.from === 'earliest') return { cursor: oldest, recovered: null, gap: null };
  if (start.epoch !== null && !isEpochOf(start.epoch, question.topicId)) {
    const gap = { from: 1, to: Math.max(oldest, 0), reason: 'topic_recreated' as const };
    return { cursor: oldest, recovered: false, gap };
  }
  const cursor = Math.max(start.sequence - 1, 0);
  if (start.epoch !== null && start.epoch !== question.epoch) {
    return resumed(cursor, oldest, question);
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

/** Where a durable subscription goes on: what retention or a failover took from it is told. */
export function goOn(tracker: Tracker, topic: Topic, record: TopicRecord): StartAnswer {
  const { cursor } = tracker;
  const head = Math.max(topic.head, record.lastSequence);
  if (cursor.delivered > head) {
    const gap = { from: head + 1, to: cursor.delivered, reason: 'failover' as const };
    tracker.seek(Math.min(cursor.floor, head));
    return { cursor: cursor.delivered, recovered: false, gap };
  }
  const oldest = Math.min(record.firstSequence - 1, head);
  const from = cursor.floor + 1;
  // With sessions there, all are told what is missing when its turn comes: some of it they may hold.
  const isTold = from > oldest || tracker.subscriptions.size > 0;
  if (isTold) return { cursor: cursor.delivered, recovered: true, gap: null };
  cursor.passOver(oldest);
  return {
    cursor: cursor.delivered,
    recovered: false,
    gap: { from, to: oldest, reason: 'retention' },
  };
}
