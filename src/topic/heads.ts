/**
 * Reads heads of topics from the log: one query for all that ask within a turn, never two queries at
 * a time. A reader that comes while a query is under way waits for the next one, so that what it gets
 * was read after it asked.
 */
import type { TopicRecord } from '../log/message-log.js';

/** Ids in one query. */
const BATCH_MAX = 1_000;

interface Ask {
  topicId: number;
  resolve: (record: TopicRecord | null) => void;
  reject: (error: unknown) => void;
}

export class Heads {
  readonly #read: (topicIds: readonly number[]) => Promise<Map<number, TopicRecord>>;
  #asks: Ask[] = [];
  #state: 'idle' | 'reading' = 'idle';

  constructor(read: (topicIds: readonly number[]) => Promise<Map<number, TopicRecord>>) {
    this.#read = read;
  }

  /** The record as the log has it after this call; null: the topic was deleted. */
  read(topicId: number): Promise<TopicRecord | null> {
    return new Promise((resolve, reject) => {
      this.#asks.push({ topicId, resolve, reject });
      if (this.#state === 'idle') {
        this.#state = 'reading';
        setImmediate(() => this.#next());
      }
    });
  }

  #next(): void {
    const asks = this.#asks.splice(0, BATCH_MAX);
    if (asks.length === 0) {
      this.#state = 'idle';
      return;
    }
    const ids = [...new Set(asks.map((ask) => ask.topicId))];
    this.#read(ids).then(
      (records) => {
        for (const ask of asks) ask.resolve(records.get(ask.topicId) ?? null);
        this.#next();
      },
      (error: unknown) => {
        for (const ask of asks) ask.reject(error);
        this.#next();
      },
    );
  }
}
