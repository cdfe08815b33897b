/**
 * The topics this worker has met, by key, by number and by id of the log. That a topic is not there is
 * not remembered, not even for those who ask meanwhile: another node may have made it since.
 */
import type { Clock } from '../../core/clock.js';
import type { Happened } from '../../core/happening.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { TopicRecord } from '../../core/topic-record.js';
import type { Spans } from '../../observe/spans.js';
import { AheadBudget } from './ahead-rows.js';
import type { Figures } from './figures.js';
import type { HotCacheBudget } from './hot-cache.js';
import type { Topic } from './subscription.js';
import { TopicOf } from './topic.js';

/** Of all topics together: rows that came before those in front of them. */
const AHEAD_BYTES_MAX = 64 * 1024 * 1024;

export interface TopicsOptions {
  /** Read of the log after the call; see folded-reads.ts. */
  find: (key: TopicKey) => Promise<TopicRecord | null>;
  epochOf: (topicId: number) => string;
  budget: HotCacheBudget;
  clock: Clock;
  figures: Figures;
  /** Absent, or null: spans are not made. */
  spans?: Spans | null | undefined;
  /**
   * It is not there any more: another of its key was read. Must forget it, and tell those who have it open:
   * nobody else will, since whoever looks at topics from then on finds the other.
   */
  onReplaced: (topic: Topic) => void;
}

export class Topics {
  readonly #options: TopicsOptions;
  readonly #aheadBudget = new AheadBudget(AHEAD_BYTES_MAX);
  readonly #byKey = new Map<TopicKey, Topic>();
  readonly #byNo: (Topic | undefined)[] = [];
  readonly #byId = new Map<number, Topic>();
  /** Subscriptions that other nodes have, where they have some; also to topics that were not met here. */
  readonly #elsewhere = new Map<TopicKey, number>();

  constructor(options: TopicsOptions) {
    this.#options = options;
  }

  /** The topic when it was met before. */
  known(key: TopicKey): Topic | undefined {
    return this.#byKey.get(key);
  }

  /** Tells whoever looks at the node. */
  get happened(): Happened {
    return this.#options.figures.happened;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Of all hot caches together, as the budget reckons them. */
  get hotBytes(): number {
    return this.#options.budget.bytes;
  }

  byNo(no: number): Topic | undefined {
    return this.#byNo[no];
  }

  byId(id: number): Topic | undefined {
    return this.#byId.get(id);
  }

  values(): IterableIterator<Topic> {
    return this.#byKey.values();
  }

  /** How many subscriptions other nodes have to it, as they said of late. */
  elsewhere(key: TopicKey): number {
    return this.#elsewhere.get(key) ?? 0;
  }

  /** They have so many now. */
  counted(key: TopicKey, elsewhere: number): void {
    if (elsewhere === 0) this.#elsewhere.delete(key);
    else this.#elsewhere.set(key, elsewhere);
    const topic = this.known(key);
    if (topic !== undefined) topic.elsewhere = elsewhere;
  }

  /** As the log has it after this call, unless it was met before. Rejects as the log does. */
  async find(key: TopicKey): Promise<Topic | null> {
    const known = this.known(key);
    if (known !== undefined) return known;
    const record = await this.#options.find(key);
    return record === null ? null : this.met(record);
  }

  /** The topic of a record that was just read; one of the same key and another id is replaced. */
  met(record: TopicRecord): Topic {
    const known = this.known(record.key);
    if (known !== undefined && known.id === record.id) return known;
    if (known !== undefined) this.#options.onReplaced(known);
    const no = this.#byNo.length + 1;
    const topic: Topic = new TopicOf(no, record, {
      ...this.#options,
      aheadBudget: this.#aheadBudget,
    });
    topic.elsewhere = this.elsewhere(record.key);
    this.#byNo[no] = topic;
    this.#byKey.set(record.key, topic);
    this.#byId.set(record.id, topic);
    return topic;
  }

  /** The topic was deleted. */
  forget(topic: Topic): void {
    this.#byNo[topic.no] = undefined;
    this.#byId.delete(topic.id);
    if (this.#byKey.get(topic.key) === topic) this.#byKey.delete(topic.key);
    topic.cache.clear();
    topic.ahead.clear();
  }
}
