/** Topics of several databases, as callers of a log get them: each query goes through the log's `ask`. */
import type { PlacedTopics } from '../contract/placed-topics.js';
import type { SessionPool } from './session/lent-session.js';
import { PlacedRows } from './store/placed-rows.js';
import type { TopicStore } from './store/topic-store.js';

export function askedPlaced(
  pool: SessionPool,
  topics: TopicStore,
  ask: <T>(query: () => Promise<T>) => Promise<T>,
): PlacedTopics {
  const rows = new PlacedRows(pool);
  return {
    createElsewhere: (topic, adopt) => ask(() => topics.createElsewhere(topic, adopt)),
    adopt: (placed) => ask(() => rows.adopt(placed)),
    placesOf: (topicIds) => ask(() => rows.placesOf(topicIds)),
    gone: (topicIds) => ask(() => rows.gone(topicIds)),
    unsettled: () => ask(() => rows.unsettled()),
    remove: (topicId) => ask(() => rows.remove(topicId)),
  };
}
