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

/** With what only its owner knows. */
export interface OwnedTopic {
  record: TopicRecord;
  subscribers: number;
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
