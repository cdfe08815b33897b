/**
 * Topics of several databases, as each of them has them: the first has a row of every topic, with the place
 * of the database that keeps its messages, and gives the ids; that one has a row of the same id. A topic is
 * there only if it lives in both. Places are those of DATABASE_URL, counted from 0.
 */
import type { TopicKey } from '../../core/topic-key.js';
import type { Retention, TopicRecord } from '../../core/topic-record.js';
import type { UnsettledMoves, Whereabouts } from './topic-mover.js';

/** A topic that is to be made elsewhere than in the first database. */
export interface ElsewhereTopic {
  key: TopicKey;
  retention: Retention | null;
  /** Above 0. */
  place: number;
}

/** As the first database has it, for the one that is to keep it. */
export interface PlacedTopic {
  id: number;
  name: string;
  /** In every database the same. */
  tenantId: number;
  tenant: string;
  retention: Retention;
}

/** Methods reject with RequestError, or with a bug. */
export interface PlacedTopics {
  /** Asked of the first. `created` false: it was there, wherever it is. As `createTopic` otherwise. */
  createElsewhere(
    topic: ElsewhereTopic,
    adopt: (placed: PlacedTopic) => Promise<void>,
  ): Promise<{ topic: TopicRecord; created: boolean }>;
  /** Asked of the one that is to keep it. Others that it has under that name go: they are of before. */
  adopt(placed: PlacedTopic): Promise<void>;
  /** Asked of the first: the places of living topics, by their ids; of others it says nothing. */
  placesOf(topicIds: readonly number[]): Promise<Map<number, number>>;
  /** Asked of any: those that have moved away from it, or are arriving; the others are there, or nowhere. */
  gone(topicIds: readonly number[]): Promise<Map<number, Whereabouts>>;
  /** Asked of any. */
  unsettled(): Promise<UnsettledMoves>;
  /** By its id, whatever there is under its name by now. */
  remove(topicId: number): Promise<void>;
}
