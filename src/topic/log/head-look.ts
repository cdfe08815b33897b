/**
 * Which topics a check of heads looks at. The log counts what moves heads: while it counts nothing, those
 * alone that were subscribed to since, or had moved when they were looked at last, whose messages may still
 * be on their way. Where it has counted something, those that have moved; and now and then all of them.
 */
import type { TopicRecord } from '../../core/topic-record.js';
import type { HeadMoves } from '../../log/contract/head-moves.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import type { Topic } from '../state/subscription.js';

/** Of topics in one query. */
const IDS_MAX = 1_000;
/** Looks until all records are read, whatever is counted: for what was changed by hand. */
const WHOLE_EVERY = 60;

export interface HeadLookOptions {
  log: Pick<MessageLog<never>, 'heads' | 'headMoves' | 'movedHeads'>;
  topics: { values(): Iterable<Topic> };
  onHead: (topic: Topic, record: TopicRecord) => void;
  /** It was deleted, or its id is of another topic now. */
  onGone: (topic: Topic) => void;
}

export class HeadLook {
  readonly #options: HeadLookOptions;
  /** As it was before all had been looked at; null: nothing is known of how they stand. */
  #moves: HeadMoves | null = null;
  /** To be looked at whatever is counted. */
  readonly #due = new Set<Topic>();
  #doubts = 0;
  /** Until all records are read. */
  #looksLeft = 0;

  constructor(options: HeadLookOptions) {
    this.#options = options;
  }

  /** Its first subscription came: until then nobody looked at it. */
  subscribed(topic: Topic): void {
    this.#due.add(topic);
  }

  /** What is known here of the topics is of another log, or may be: all their records are read next. */
  doubt(): void {
    this.#doubts++;
    this.#moves = null;
    this.#looksLeft = 0;
  }

  /** Rejects as the log does; then all are looked at the next time. */
  async look(): Promise<void> {
    const { log } = this.#options;
    const [since, doubts] = [this.#moves, this.#doubts];
    this.#moves = null;
    const moves = await log.headMoves(since);
    const due = [...this.#due].filter(isSubscribed);
    this.#due.clear();
    const isWhole = this.#looksLeft <= 0;
    if (isWhole) await this.#lookAt(this.#subscribed());
    else if (since?.isSettled === true && moves === since) await this.#lookAt(due);
    else await this.#lookAtMoved(this.#subscribed());
    // One that failed, or was in doubt meanwhile, has yet to be made.
    if (this.#doubts !== doubts) return;
    this.#moves = moves;
    this.#looksLeft = isWhole ? WHOLE_EVERY : this.#looksLeft - 1;
  }

  #subscribed(): Topic[] {
    return [...this.#options.topics.values()].filter(isSubscribed);
  }

  async #lookAtMoved(topics: readonly Topic[]): Promise<void> {
    for (let from = 0; from < topics.length; from += IDS_MAX) {
      const some = topics.slice(from, from + IDS_MAX);
      const moved = new Set(await this.#options.log.movedHeads(some));
      await this.#lookAt(some.filter(({ id }) => moved.has(id)));
    }
  }

  async #lookAt(topics: readonly Topic[]): Promise<void> {
    for (let from = 0; from < topics.length; from += IDS_MAX) {
      const some = topics.slice(from, from + IDS_MAX);
      const records = await this.#options.log.heads(some.map(({ id }) => id));
      for (const topic of some) this.#looked(topic, records.get(topic.id));
    }
  }

  #looked(topic: Topic, record: TopicRecord | undefined): void {
    const { onHead, onGone } = this.#options;
    // Of another name: of a log that was restored, which gives ids again.
    if (record?.key !== topic.key) {
      onGone(topic);
      return;
    }
    if (record.lastSequence > topic.head) this.#due.add(topic);
    onHead(topic, record);
  }
}

function isSubscribed({ subscriptions }: Topic): boolean {
  return subscriptions.size > 0;
}
