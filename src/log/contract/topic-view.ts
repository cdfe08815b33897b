/** A topic as the HTTP API gives it. */
import { isoTime } from '../../core/time.js';
import { topicNameOf } from '../../core/topic-key.js';
import type { Retention, TopicRecord } from './message-log.js';

export interface TopicView {
  name: string;
  subscriber_count: number;
  message_count: number;
  created_at: string;
  sequence: number;
  first_sequence: number;
  bytes: number;
  retention: Retention;
}

/** `subscribers`: known to its owner only. */
export function topicView(record: TopicRecord, subscribers: number): TopicView {
  return {
    name: topicNameOf(record.key),
    subscriber_count: subscribers,
    message_count: record.lastSequence - record.firstSequence + 1,
    created_at: isoTime(record.createdAtMs),
    sequence: record.lastSequence,
    first_sequence: record.firstSequence,
    bytes: record.bytes,
    retention: record.retention,
  };
}
