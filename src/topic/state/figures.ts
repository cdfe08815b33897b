/**
 * What the topics of each tenant here have brought about since the worker started. A topic counts into those
 * of its tenant; nobody is told of more than his own.
 */
import type { Clock } from '../../core/clock.js';
import { eachMember } from '../../core/each-member.js';
import type { Happened } from '../../core/happening.js';
import type { Tenant } from '../../core/topic-key.js';
import {
  DELIVERY_COUNTERS,
  type DeliveryCounts,
  type WorkerStats,
} from '../../core/worker-figures.js';
import { Rate } from './rate.js';

export interface TenantFigures {
  /** Messages that were committed. */
  readonly published: Rate;
  readonly counts: DeliveryCounts;
  /** As they were when its subscriptions were last walked over. */
  standing: InFlight;
}

/** Of subscriptions that are open; see WorkerStats. */
export type InFlight = Readonly<Pick<WorkerStats, 'inFlight' | 'oldestUnackedAtMs'>>;

export const NONE_IN_FLIGHT: InFlight = { inFlight: 0, oldestUnackedAtMs: 0 };

const NONE: DeliveryCounts = eachMember(DELIVERY_COUNTERS, () => 0);

export class Figures {
  /** For whoever looks at the node. */
  readonly happened: Happened;
  readonly #clock: Clock;
  readonly #byTenant = new Map<Tenant, TenantFigures>();

  constructor(clock: Clock, happened: Happened = () => undefined) {
    this.#clock = clock;
    this.happened = happened;
  }

  all(): IterableIterator<[Tenant, TenantFigures]> {
    return this.#byTenant.entries();
  }

  /** Of all tenants together. */
  total(name: keyof DeliveryCounts): number {
    let total = 0;
    for (const { counts } of this.#byTenant.values()) total += counts[name];
    return total;
  }

  /** The same object each time: of each tenant that has been asked for. */
  of(tenant: Tenant): TenantFigures {
    const known = this.#byTenant.get(tenant);
    if (known !== undefined) return known;
    const made = {
      published: new Rate(this.#clock),
      counts: { ...NONE },
      standing: NONE_IN_FLIGHT,
    };
    this.#byTenant.set(tenant, made);
    return made;
  }
}
