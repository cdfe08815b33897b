/**
 * The quotas of topics of a node without a database, whose workers each have topics of their own: the
 * memory in which they count those of a tenant together. Owned by the main thread.
 */
import type { TenantQuotas } from '../core/quotas.js';
import { SharedCount } from '../core/shared-count.js';
import type { Tenant } from '../core/topic-key.js';
import type { TopicQuota } from '../thread/control.js';

export class TopicQuotas {
  readonly #workers: number;
  /** Of each tenant that ever had one: its count goes on. */
  readonly #quotas = new Map<Tenant, TopicQuota>();

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Those that have quotas, all of them, as they are from now on. */
  changed(all: readonly TenantQuotas[]): void {
    for (const quota of this.#quotas.values()) quota.max = null;
    for (const { tenant, quotas } of all) {
      const known = this.#quotas.get(tenant);
      if (known !== undefined) known.max = quotas.topics;
      else if (quotas.topics !== null) {
        const count = SharedCount.memory(this.#workers);
        this.#quotas.set(tenant, { tenant, max: quotas.topics, count });
      }
    }
  }

  /** What a worker is to be told. */
  get told(): readonly TopicQuota[] {
    return [...this.#quotas.values()];
  }
}
