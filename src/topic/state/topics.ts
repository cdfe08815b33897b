/**
 * The topics this worker has met, by name, by number and by id of the log. That a topic is not there is
 * not remembered, not even for those who ask meanwhile: another node may have made it since.
 */
import type { Clock } from '../../core/clock.js';
import type { TopicRecord } from '../../log/contract/message-log.js';
import type { DeliveryCounts } from './delivery-counts.js';
import type { HotCacheBudget } from './hot-cache.js';
import { Topic } from './topic.js';

export interface TopicsOptions {
  /** Read of the log after the call; see folded-reads.ts. */
  find: (tenant: string, name: string) => Promise<TopicRecord | null>;
  epochOf: (topicId: number) => string;
  budget: HotCacheBudget;
  clock: Clock;
  counts: DeliveryCounts;
}

export class Topics {
  readonly #options: TopicsOptions;
  readonly #byName = new Map<string, Topic>();
  readonly #byNo: (Topic | undefined)[] = [];
  readonly #byId = new Map<number, Topic>();

  constructor(options: TopicsOptions) {
    this.#options = options;
  }

  /** The topic when it was met before; of the one tenant there is, the name is the key. */
  known(tenant: string, name: string): Topic | undefined {
    return this.#byName.get(keyOf(tenant, name));
  }

  byNo(no: number): Topic | undefined {
    return this.#byNo[no];
  }

  byId(id: number): Topic | undefined {
    return this.#byId.get(id);
  }

  values(): IterableIterator<Topic> {
    return this.#byName.values();
  }

  /** As the log has it after this call, unless it was met before. Rejects as the log does. */
  async find(tenant: string, name: string): Promise<Topic | null> {
    const known = this.known(tenant, name);
    if (known !== undefined) return known;
    const record = await this.#options.find(tenant, name);
    return record === null ? null : this.met(record);
  }

  /** The topic of a record that was just read; replaces one of the same name and another id. */
  met(record: TopicRecord): Topic {
    const known = this.known(record.tenant, record.name);
    if (known !== undefined && known.id === record.id) return known;
    if (known !== undefined) this.forget(known);
    const no = this.#byNo.length + 1;
    const topic = new Topic(no, record, this.#options.epochOf(record.id), this.#options);
    this.#byNo[no] = topic;
    this.#byName.set(keyOf(record.tenant, record.name), topic);
    this.#byId.set(record.id, topic);
    return topic;
  }

  /** The topic was deleted. */
  forget(topic: Topic): void {
    this.#byNo[topic.no] = undefined;
    this.#byId.delete(topic.id);
    const key = keyOf(topic.tenant, topic.name);
    if (this.#byName.get(key) === topic) this.#byName.delete(key);
    topic.cache.clear();
  }
}

function keyOf(tenant: string, name: string): string {
  return tenant === 'default' ? name : `${tenant}/${name}`;
}
