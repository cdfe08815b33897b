/** Topics as clients see them. */
import { isoTime } from '../../core/time.js';
import { topicNameOf } from '../../core/topic-key.js';
import type { OwnedTopic, Retention, TopicPosition } from '../../core/topic-record.js';

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

export interface TopicPageView {
  topics: TopicView[];
  /** What to go on after; left out: that was all. */
  next: string | undefined;
}

export interface TopicPositionView {
  epoch: string;
  sequence: number;
  first_sequence: number;
}

export function topicView({ record, subscribers }: OwnedTopic): TopicView {
  const { hours, messages, bytes } = record.retention;
  return {
    name: topicNameOf(record.key),
    subscriber_count: subscribers,
    message_count: record.lastSequence - record.firstSequence + 1,
    created_at: isoTime(record.createdAtMs),
    sequence: record.lastSequence,
    first_sequence: record.firstSequence,
    bytes: record.bytes,
    retention: { hours, messages, bytes },
  };
}

/** `limit`: as many as were asked for; a page that has them may have a next one. */
export function topicPageView(topics: readonly OwnedTopic[], limit: number): TopicPageView {
  const views = topics.map(topicView);
  return { topics: views, next: views.length === limit ? views.at(-1)?.name : undefined };
}

export function topicPositionView(position: TopicPosition): TopicPositionView {
  const { epoch, lastSequence, firstSequence } = position;
  return { epoch, sequence: lastSequence, first_sequence: firstSequence };
}
