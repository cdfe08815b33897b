/**
 * All topics of one in-memory log, by id and by key, and the memory they hold together.
 */

import type { Clock } from '../../core/clock.js';
import type { Limits } from '../../core/limits.js';
import { SharedCount } from '../../core/shared-count.js';
import { type Tenant, type TopicKey, tenantOf } from '../../core/topic-key.js';
import type { Retention } from '../../core/topic-record.js';
import { type PendingAppend, topicLimit, topicQuota } from '../contract/message-log.js';
import { MemoryTopic } from './memory-topic.js';

const NO_RETENTION: Retention = { hours: null, messages: null, bytes: null };

export interface MemoryTopicsOptions {
  limits: Limits;
  /** Of a tenant's topics, those of other workers of the node included; absent or null: here alone. */
  topicCount?: (tenant: Tenant) => SharedCount | null;
  clock: Clock;
  idBase: number;
  idStep: number;
}

export class MemoryTopics<A extends PendingAppend> {
  readonly #options: MemoryTopicsOptions;
  readonly #byId = new Map<number, MemoryTopic<A>>();
  readonly #byKey = new Map<TopicKey, MemoryTopic<A>>();
  readonly #byTenant = new Map<Tenant, Set<MemoryTopic<A>>>();
  readonly #counts = new Map<Tenant, SharedCount>();
  readonly #quotas = new Map<Tenant, number>();
  /** Those whose count came with a quota. */
  readonly #shared = new Set<Tenant>();
  #nextId: number;
  #capacity = 0;
  #dedupeBytes = 0;

  constructor(options: MemoryTopicsOptions) {
    this.#options = options;
    this.#nextId = options.idBase;
  }

  byId(id: number): MemoryTopic<A> | undefined {
    return this.#byId.get(id);
  }

  find(key: TopicKey): MemoryTopic<A> | undefined {
    return this.#byKey.get(key);
  }

  all(): Iterable<MemoryTopic<A>> {
    return this.#byId.values();
  }

  ofTenant(tenant: Tenant): Iterable<MemoryTopic<A>> {
    return this.#byTenant.get(tenant) ?? [];
  }

  /**
   * So many its tenant may have from now on, null: as many as any. `count` gives that of all workers, once;
   * it takes in what there is here already.
   */
  quotaOf(tenant: Tenant, max: number | null, count: () => SharedCount): void {
    if (max === null) this.#quotas.delete(tenant);
    else this.#quotas.set(tenant, max);
    if (this.#isShared(tenant)) return;
    const shared = count();
    shared.add(this.#byTenant.get(tenant)?.size ?? 0);
    this.#counts.set(tenant, shared);
    this.#shared.add(tenant);
  }

  /** Throws `topic_limit`, `quota_exceeded`. */
  create(key: TopicKey, retention: Retention | null): MemoryTopic<A> {
    const { limits, clock, idStep } = this.#options;
    const tenant = tenantOf(key);
    const max = limits.topicsPerTenantMax;
    const quota = this.#quotas.get(tenant) ?? max;
    if (!this.#countOf(tenant).take(Math.min(max, quota))) {
      throw quota < max ? topicQuota(quota) : topicLimit(max);
    }
    const topic = new MemoryTopic<A>({
      id: this.#nextId,
      key,
      retention: { ...(retention ?? NO_RETENTION) },
      createdAtMs: clock.now(),
      limits,
    });
    this.#nextId += idStep;
    this.#byId.set(topic.id, topic);
    this.#byKey.set(key, topic);
    const ofTenant = this.#byTenant.get(tenant) ?? new Set();
    this.#byTenant.set(tenant, ofTenant.add(topic));
    return topic;
  }

  delete(topic: MemoryTopic<A>): void {
    if (!this.#byId.delete(topic.id)) return;
    this.#byKey.delete(topic.key);
    this.#byTenant.get(topic.tenant)?.delete(topic);
    this.#countOf(topic.tenant).giveBack();
    this.#capacity -= topic.countedCapacity;
    this.#dedupeBytes -= topic.countedDedupeBytes;
  }

  #isShared(tenant: Tenant): boolean {
    return this.#shared.has(tenant) || this.#options.topicCount?.(tenant) != null;
  }

  #countOf(tenant: Tenant): SharedCount {
    const known = this.#counts.get(tenant);
    if (known !== undefined) return known;
    const count = this.#options.topicCount?.(tenant) ?? new SharedCount(SharedCount.memory(1), 0);
    this.#counts.set(tenant, count);
    return count;
  }

  /** In name order: names are ASCII, so that of UTF-16 is that of bytes. */
  list(tenant: Tenant, page: { after: string; prefix: string; limit: number }): MemoryTopic<A>[] {
    const found: MemoryTopic<A>[] = [];
    for (const topic of this.ofTenant(tenant)) {
      if (topic.name > page.after && topic.name.startsWith(page.prefix)) found.push(topic);
    }
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    return found.slice(0, page.limit);
  }

  /** Takes the topic's memory into the total; after every change of its rows or keys. */
  count(topic: MemoryTopic<A>): void {
    this.#capacity += topic.rows.capacity - topic.countedCapacity;
    topic.countedCapacity = topic.rows.capacity;
    this.#dedupeBytes += topic.dedupeBytes - topic.countedDedupeBytes;
    topic.countedDedupeBytes = topic.dedupeBytes;
  }

  get dedupeBytes(): number {
    return this.#dedupeBytes;
  }

  /** Frees slabs until all rows fit into what `otherBytes` and the dedupe keys leave. */
  evictOver(otherBytes: number): void {
    const max = this.#options.limits.memoryLogBytesMax - otherBytes - this.#dedupeBytes;
    while (this.#capacity > max) {
      const topic = this.#largest();
      if (topic === undefined) return;
      topic.rows.evictOldestSlab();
      this.count(topic);
    }
  }

  /**
   * Most memory first; a topic's only slab, with its newest rows, goes when nothing else is left.
   */
  #largest(): MemoryTopic<A> | undefined {
    let largest: MemoryTopic<A> | undefined;
    let most = 0;
    for (const topic of this.#byId.values()) {
      const { capacity, slabs } = topic.rows;
      const weight = slabs > 1 ? capacity + this.#capacity : capacity;
      if (weight > most) {
        largest = topic;
        most = weight;
      }
    }
    return largest;
  }
}
