/**
 * What is new of the topics here since it was last told: how many subscriptions each has, and what those of
 * each tenant do; for other nodes, which count them with theirs; and what is new there. What has not changed
 * costs a comparison.
 */
import type { Tenant, TopicKey } from '../../core/topic-key.js';
import type { WorkerStats } from '../../core/worker-figures.js';
import type { TopicNews } from '../../thread/control.js';
import { type Figures, NONE_IN_FLIGHT } from '../state/figures.js';
import type { Topic } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';

export class TopicNewsReport {
  readonly #topics: Topics;
  readonly #figures: Figures;
  /** Those that were told to have subscriptions, and how many. */
  readonly #told = new Map<Topic, number>();
  readonly #stats = new Map<Tenant, string>();

  constructor(topics: Topics, figures: Figures) {
    this.#topics = topics;
    this.#figures = figures;
  }

  /** Other nodes have so many subscriptions to these topics now. */
  elsewhere(counts: readonly (readonly [key: TopicKey, count: number])[]): void {
    for (const [key, count] of counts) this.#topics.counted(key, count);
  }

  /** Null: nothing. */
  changes(): TopicNews | null {
    const topics: TopicNews['topics'] = [];
    const sums = new Map<Tenant, { activeSubscribers: number; hotCacheBytes: number }>();
    for (const [topic] of this.#told) {
      if (this.#topics.known(topic.key) === topic) continue;
      this.#told.delete(topic);
      topics.push([topic.key, 0]);
    }
    for (const topic of this.#topics.values()) {
      const { size } = topic.subscriptions;
      const { bytes } = topic.cache;
      if (size !== (this.#told.get(topic) ?? 0)) {
        topics.push([topic.key, size]);
        if (size === 0) this.#told.delete(topic);
        else this.#told.set(topic, size);
      }
      if (size === 0 && bytes === 0) continue;
      const sum = sums.get(topic.tenant) ?? { activeSubscribers: 0, hotCacheBytes: 0 };
      sum.activeSubscribers += size;
      sum.hotCacheBytes += bytes;
      sums.set(topic.tenant, sum);
    }
    const tenants = this.#ofTenants(sums);
    return topics.length + tenants.length === 0 ? null : { topics, tenants };
  }

  #ofTenants(
    sums: ReadonlyMap<Tenant, Pick<WorkerStats, 'activeSubscribers' | 'hotCacheBytes'>>,
  ): TopicNews['tenants'] {
    const tenants: TopicNews['tenants'] = [];
    for (const [tenant, { published, counts, standing }] of this.#figures.all()) {
      const sum = sums.get(tenant) ?? { activeSubscribers: 0, hotCacheBytes: 0 };
      const messagesPerSec = published.perSecond();
      const known = sum.activeSubscribers === 0 ? NONE_IN_FLIGHT : standing;
      const stats: WorkerStats = { messagesPerSec, ...sum, ...known, ...counts };
      const text = Object.values(stats).join(' ');
      if (this.#stats.get(tenant) === text) continue;
      this.#stats.set(tenant, text);
      tenants.push([tenant, stats]);
    }
    return tenants;
  }
}
