/**
 * Publishes that wait for their topic to be looked up, by its name, in their order: however many name a
 * topic, one look up of the log at a time is made for them. Who comes while one is under way is looked up
 * after it, since his topic may have been made by then.
 */
import type { PublishOp } from '../../thread/ops/publish.js';
import type { Outlet } from '../state/outlet.js';
import type { Topic } from '../state/topic.js';

export interface WaitingPublish {
  outlet: Outlet;
  tenant: string;
  op: PublishOp;
}

export interface TopicWaitsOptions {
  find: (tenant: string, name: string) => Promise<Topic | null>;
  onFound: (topic: Topic, waiting: readonly WaitingPublish[]) => void;
  /** `error` null: there is no such topic. */
  onMissing: (error: unknown, waiting: readonly WaitingPublish[]) => void;
}

export class TopicWaits {
  readonly #options: TopicWaitsOptions;
  readonly #waiting = new Map<string, WaitingPublish[]>();

  constructor(options: TopicWaitsOptions) {
    this.#options = options;
  }

  has(name: string): boolean {
    return this.#waiting.has(name);
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
    this.#look(publish, first);
  }

  #look({ tenant, op }: WaitingPublish, waiting: WaitingPublish[]): void {
    const asked = waiting.length;
    this.#options.find(tenant, op.topic).then(
      (topic) => this.#looked(topic, null, { waiting, asked }),
      (error: unknown) => this.#looked(null, error, { waiting, asked }),
    );
  }

  #looked(
    topic: Topic | null,
    error: unknown,
    { waiting, asked }: { waiting: WaitingPublish[]; asked: number },
  ): void {
    const told = waiting.splice(0, topic === null ? asked : waiting.length);
    const [next] = waiting;
    if (next !== undefined) this.#look(next, waiting);
    else this.#waiting.delete(told[0]?.op.topic ?? '');
    if (topic === null) this.#options.onMissing(error, told);
    else this.#options.onFound(topic, told);
  }
}
