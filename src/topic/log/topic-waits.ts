/**
 * Publishes that wait for their topic to be looked up, by its key, in their order: however many name a
 * topic, one look up of the log at a time is made for them. Who comes while one is under way is looked up
 * after it, since his topic may have been made by then.
 */
import type { TopicKey } from '../../core/topic-key.js';
import type { PublishOp } from '../../thread/ops/publish.js';
import type { Outlet } from '../state/outlet.js';
import type { Topic } from '../state/subscription.js';

export interface WaitingPublish {
  outlet: Outlet;
  op: PublishOp;
}

export interface TopicWaitsOptions {
  find: (key: TopicKey) => Promise<Topic | null>;
  onFound: (topic: Topic, waiting: readonly WaitingPublish[]) => void;
  /** `error` null: there is no such topic. */
  onMissing: (error: unknown, waiting: readonly WaitingPublish[]) => void;
}

export class TopicWaits {
  readonly #options: TopicWaitsOptions;
  readonly #waiting = new Map<TopicKey, WaitingPublish[]>();

  constructor(options: TopicWaitsOptions) {
    this.#options = options;
  }

  has(key: TopicKey): boolean {
    return this.#waiting.has(key);
  }

  add(publish: WaitingPublish): void {
    const { topic } = publish.op;
    const waiting = this.#waiting.get(topic);
    if (waiting !== undefined) {
      waiting.push(publish);
      return;
    }
    const first = [publish];
    this.#waiting.set(topic, first);
    this.#look(topic, first);
  }

  #look(key: TopicKey, waiting: WaitingPublish[]): void {
    const asked = waiting.length;
    this.#options.find(key).then(
      (topic) => this.#looked(topic, null, { key, waiting, asked }),
      (error: unknown) => this.#looked(null, error, { key, waiting, asked }),
    );
  }

  #looked(
    topic: Topic | null,
    error: unknown,
    { key, waiting, asked }: { key: TopicKey; waiting: WaitingPublish[]; asked: number },
  ): void {
    const told = waiting.splice(0, topic === null ? asked : waiting.length);
    if (waiting.length > 0) this.#look(key, waiting);
    else this.#waiting.delete(key);
    if (topic === null) this.#options.onMissing(error, told);
    else this.#options.onFound(topic, told);
  }
}
