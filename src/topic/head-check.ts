/**
 * Finds what other writers did: every second the heads of all subscribed topics are read from the log
 * with one query. It sees messages that nobody announced (a lost last one shows in no gap) and topics
 * that were deleted elsewhere.
 */
import type { TopicRecord } from '../log/message-log.js';
import type { Topic } from './topic.js';
import type { Topics } from './topics.js';

const PERIOD_MS = 1_000;
const IDS_MAX = 1_000;

export interface HeadCheckOptions {
  topics: Topics;
  read: (topicIds: readonly number[]) => Promise<Map<number, TopicRecord>>;
  onHead: (topic: Topic, record: TopicRecord) => void;
  onGone: (topic: Topic) => void;
  /** A check failed; the next one comes. */
  onFailed: (error: unknown) => void;
}

export class HeadCheck {
  readonly #options: HeadCheckOptions;
  #timer: NodeJS.Timeout | null = null;
  #state: 'idle' | 'checking' | 'again' = 'idle';

  constructor(options: HeadCheckOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.now(), PERIOD_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Checks at once; while a check is under way, once more after it. */
  now(): void {
    if (this.#state !== 'idle') {
      this.#state = 'again';
      return;
    }
    this.#state = 'checking';
    this.#check()
      .catch(this.#options.onFailed)
      .finally(() => {
        const again = this.#state === 'again';
        this.#state = 'idle';
        if (again) this.now();
      });
  }

  async #check(): Promise<void> {
    const subscribed = [...this.#options.topics.values()].filter((t) => t.subscriptions.size > 0);
    for (let from = 0; from < subscribed.length; from += IDS_MAX) {
      const some = subscribed.slice(from, from + IDS_MAX);
      const records = await this.#options.read(some.map((topic) => topic.id));
      for (const topic of some) {
        const record = records.get(topic.id);
        if (record === undefined) this.#options.onGone(topic);
        else this.#options.onHead(topic, record);
      }
    }
  }
}
