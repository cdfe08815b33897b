/** A topic as the log has it. */
import type { TopicKey } from './topic-key.js';

/** How long a topic keeps messages; null: no bound of this kind but the node's own. */
export interface Retention {
  hours: number | null;
  messages: number | null;
  bytes: number | null;
}

export interface TopicRecord {
  /** Unique for ever: a topic made again under its old name has another id. <= 2^53 - 1. */
  id: number;
  key: TopicKey;
  /** Last committed sequence; 0: none yet. */
  lastSequence: number;
  /** First sequence that can still be read; lastSequence + 1 when nothing can. At least 1. */
  firstSequence: number;
  /** Payload bytes that can still be read, about. */
  bytes: number;
  createdAtMs: number;
  /** Unix ms of the last message; 0: none yet. */
  lastPublishedAtMs: number;
  retention: Retention;
  /**
   * Of the database that has it, among several (log/contract/placed-topics.ts); absent: the one that was
   * asked.
   */
  place?: number;
}

/** Dead letters of one topic are counted up to so many: as many, or more. */
export const TOPIC_LETTERS_COUNTED = 1_000;

/** What of a topic waits for somebody, as it is stored. */
export interface TopicArrears {
  topicId: number;
  /** Each of its durable subscriptions has settled all up to here; null: it has none. */
  floor: number | null;
  /** Not those that were given back. At most TOPIC_LETTERS_COUNTED. */
  deadLetters: number;
}

/** With what only its owner knows. */
export interface OwnedTopic {
  record: TopicRecord;
  subscribers: number;
  /** Absent: it was not asked for. */
  arrears?: {
    /** Of the durable subscription that is furthest behind; null: there is none. */
    lag: number | null;
    deadLetters: number;
    /** Of this node, by its number. */
    worker: number;
  };
}

/** Places are those of DATABASE_URL, counted from 0. `moving`: it goes on. */
export interface TopicMoved {
  state: 'moved' | 'moving';
  from: number;
  to: number;
}

/** Where a topic stands. */
export interface TopicPosition {
  epoch: string;
  lastSequence: number;
  firstSequence: number;
}
