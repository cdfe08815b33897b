/** Topics as clients see them. */
import { isoTime } from '../../core/time.js';
import { topicNameOf } from '../../core/topic-key.js';
import type { OwnedTopic } from '../../core/topic-record.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/topics.js';

export type TopicView = View<typeof schemas.TOPIC>;
export type TopicPageView = View<typeof schemas.TOPIC_PAGE>;

export function topicView({ record, subscribers, arrears }: OwnedTopic): TopicView {
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
    ...(arrears === undefined
      ? {}
      : { lag: arrears.lag, dead_letters: arrears.deadLetters, worker: arrears.worker }),
  };
}

/** `limit`: as many as were asked for; a page that has them may have a next one. */
export function topicPageView(topics: readonly OwnedTopic[], limit: number): TopicPageView {
  const views = topics.map(topicView);
  return { topics: views, next: views.length === limit ? views.at(-1)?.name : undefined };
}
