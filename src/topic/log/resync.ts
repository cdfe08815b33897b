/**
 * Brings all topics over to another incarnation of the log: one round at a time, once more when the log
 * became another meanwhile, and again until the log answers.
 */
import type { TopicRecord } from '../../core/topic-record.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import type { Topic } from '../state/subscription.js';

const RETRY_MS = 250;
/** Of topics in one query. */
const IDS_MAX = 1_000;

/** A topic, and what the other log has of it. */
export interface BroughtTopic {
  topic: Topic;
  /** Null: it has no such topic. */
  record: TopicRecord | null;
  /** The last sequence that both have; null: nobody knows. */
  common: number | null;
}

export interface ResyncOptions {
  log: Pick<MessageLog<never>, 'commonUpTo' | 'headsHere' | 'epochOf'>;
  topics: { values(): Iterable<Topic> };
  /** All of a round at once. */
  onBrought: (topics: readonly BroughtTopic[]) => void;
  onFailed: (error: unknown) => void;
}

export class Resync {
  readonly #options: ResyncOptions;
  #state: 'idle' | 'under way' | 'again' | 'stopped' = 'idle';
  #retry: NodeJS.Timeout | null = null;

  constructor(options: ResyncOptions) {
    this.#options = options;
  }

  /** A round that is under way brings nothing over any more. */
  stop(): void {
    this.#state = 'stopped';
    if (this.#retry !== null) clearTimeout(this.#retry);
  }

  /** The log is another as of now. */
  now(): void {
    if (this.#state === 'stopped') return;
    if (this.#state !== 'idle') {
      this.#state = 'again';
      return;
    }
    this.#state = 'under way';
    this.#round().then(
      () => this.#ended(),
      (error: unknown) => this.#failed(error),
    );
  }

  #failed(error: unknown): void {
    if (this.#state === 'stopped') return;
    this.#options.onFailed(error);
    this.#retry = setTimeout(() => {
      this.#state = 'again';
      this.#ended();
    }, RETRY_MS);
  }

  #ended(): void {
    if (this.#state === 'stopped') return;
    const isAgain = this.#state === 'again';
    this.#state = 'idle';
    if (isAgain) this.now();
  }

  async #round(): Promise<void> {
    const { log, onBrought } = this.#options;
    // What is of this incarnation already was brought over, or met since.
    const topics = [...this.#options.topics.values()].filter(
      ({ id, epoch }) => epoch !== log.epochOf(id),
    );
    const [common, records] = await Promise.all([
      log.commonUpTo(topics.map(({ id: topicId, epoch }) => ({ topicId, epoch }))),
      this.#heads(topics),
    ]);
    // What was answered is of the log between, or nobody is there for it any more.
    if (this.#state !== 'under way') return;
    onBrought(
      topics.map((topic, n) => {
        const record = records.get(topic.id);
        // Its id may have gone to another topic: a restored log gives ids again.
        const isThere = record?.key === topic.key;
        return { topic, record: isThere ? record : null, common: common[n] ?? null };
      }),
    );
  }

  async #heads(topics: readonly Topic[]): Promise<Map<number, TopicRecord>> {
    const records = new Map<number, TopicRecord>();
    for (let from = 0; from < topics.length; from += IDS_MAX) {
      const some = topics.slice(from, from + IDS_MAX);
      const read = await this.#options.log.headsHere(some.map(({ id }) => id));
      for (const [id, record] of read) records.set(id, record);
    }
    return records;
  }
}
