/**
 * Publishes that wait for their topic to be looked up, by its key, in their order: however many name a
 * topic, one look up of the log at a time is made for them. Who comes while one is under way is looked up
 * after it, since his topic may have been made by then.
 */
import type { TopicKey } from '../../core/topic-key.js';
import type { TopicRecord } from '../../core/topic-record.js';
import type { Asker, FoldedReads } from '../../log/contract/folded-reads.js';
import type { PublishOp } from '../../thread/ops/publish.js';
import type { Outlet } from '../state/outlet.js';

export interface WaitingPublish {
  outlet: Outlet;
  op: PublishOp;
}

export interface TopicWaitsOptions {
  records: FoldedReads<TopicKey, TopicRecord>;
  onFound: (record: TopicRecord, waiting: readonly WaitingPublish[]) => void;
  /** `error` null: there is no such topic. */
  onMissing: (error: unknown, waiting: readonly WaitingPublish[]) => void;
}

/** Those of one name; the first `asked` of them are looked up. */
interface Waiting {
  asked: number;
  publishes: WaitingPublish[];
}

export class TopicWaits implements Asker<TopicKey, TopicRecord> {
  readonly #options: TopicWaitsOptions;
  readonly #waiting = new Map<TopicKey, Waiting>();

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
      waiting.publishes.push(publish);
      return;
    }
    this.#waiting.set(topic, { asked: 1, publishes: [publish] });
    this.#options.records.ask(topic, this);
  }

  found(key: TopicKey, record: TopicRecord | null): void {
    if (record === null) this.#missing(key, null);
    else this.#options.onFound(record, this.#take(key)?.publishes ?? []);
  }

  failed(key: TopicKey, error: unknown): void {
    this.#missing(key, error);
  }

  /** Only those that asked before are told; for the others it is looked up again. */
  #missing(key: TopicKey, error: unknown): void {
    const waiting = this.#take(key);
    if (waiting === undefined) return;
    const { asked, publishes } = waiting;
    const later = publishes.length > asked ? publishes.splice(asked) : [];
    if (later.length > 0) {
      this.#waiting.set(key, { asked: later.length, publishes: later });
      this.#options.records.ask(key, this);
    }
    this.#options.onMissing(error, publishes);
  }

  #take(key: TopicKey): Waiting | undefined {
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    return waiting;
  }
}
