/**
 * The move of a topic from one of several databases to another. A topic is whole at exactly one place: one
 * commit where it was says that it has moved, and whoever finds what was left half done ends it.
 */
import { RequestError } from '../../core/errors.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { TopicMoved, TopicRecord } from '../../core/topic-record.js';

/** Places are those of DATABASE_URL, counted from 0. */
export interface WantedMove {
  topicId: number;
  key: TopicKey;
  from: number;
  to: number;
}

export interface TopicMover {
  /**
   * Rejects with RequestError: `topic_moving`, `topic_busy`, `topic_not_found`, `log_unavailable`; the topic
   * is then where it was, or, where the answer to the last commit was lost, where that says.
   */
  move(wanted: WantedMove): Promise<void>;
  /**
   * Ends one that somebody began and did not end: `arrived`: it had moved, and is there now. `elsewhere`: it
   * lives where it was, or somebody is still at it.
   */
  end(move: Omit<WantedMove, 'key'>): Promise<'arrived' | 'elsewhere'>;
  /** Brings what came into the outbox of the database where the topic was after it had moved. */
  follow(move: Omit<WantedMove, 'key'>): Promise<void>;
}

/** What moves have left to do in one database. */
export interface UnsettledMoves {
  arriving: { topicId: number; from: number }[];
  /** Deferred messages of topics that are elsewhere by now. */
  late: { topicId: number; to: number }[];
}

/** What a database says of a topic that is not there to be asked. */
export interface Whereabouts {
  /** It is, or goes on, there; null: it is coming here. */
  movedTo: number | null;
  /** It was copied here from there, and lives there until that database says otherwise. */
  arrivingFrom: number | null;
}

/** Of a topic that has moved, or is moving: whoever asks again finds it. */
export function onTheMove(): RequestError {
  return new RequestError('topic_busy', 'the topic is moved to another database; ask again');
}

/** Of `databases`; counted from 1, as people do. */
export function noDatabase(to: number, databases: number): RequestError {
  const there = databases === 1 ? 'there is one' : `DATABASE_URL names 1 to ${databases}`;
  const detail = `no database ${to + 1}: ${there}`;
  return new RequestError('invalid_field', detail, 'database');
}

/** Where there is one database, or none. `found`: the topic; null: there is none of that name. */
export function movedNowhere(to: number, found: TopicRecord | null): TopicMoved {
  if (to !== 0) throw noDatabase(to, 1);
  if (found === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
  return { state: 'moved', from: 0, to: 0 };
}
