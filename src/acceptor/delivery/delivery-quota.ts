/**
 * Whose receivers wait because their tenant was given more messages than its quota (deliveries_per_s). What
 * was given counts afterwards, and what is too much is made up for: until then none of its receivers is
 * given more, as if its socket were full. Nothing is dropped: what waits stays in the log.
 */
import type { Tenant } from '../../core/topic-key.js';
import type { QuotaLedger } from '../../tenant/quota-ledger.js';
import type { Receiver } from './receiver.js';

/** A page, or so much of the quota, for each of those who go on at the same moment. */
const PAGE_MESSAGES = 64;

/** What is known of them: whose they are, and whether they have ended. */
type Held = Pick<Receiver, 'principal' | 'isGone'>;

export class DeliveryQuota<R extends Held> {
  readonly #quotas: Pick<QuotaLedger, 'of'>;
  /** By tenant, who waits longest first. */
  readonly #waiting = new Map<Tenant, Set<R>>();

  constructor(quotas: Pick<QuotaLedger, 'of'>) {
    this.#quotas = quotas;
  }

  /** So many messages were given to receivers of the tenant, each counted for each. */
  given(tenant: Tenant, messages: number): void {
    this.#quotas.of(tenant)?.deliveries?.charge(messages);
  }

  isSpent(tenant: Tenant): boolean {
    return this.#quotas.of(tenant)?.deliveries?.isOpen === false;
  }

  /** True: it waits from now on, if it did not yet. */
  holdsBack(receiver: R): boolean {
    const { tenant } = receiver.principal;
    if (!this.isSpent(tenant)) return false;
    const waiting = this.#waiting.get(tenant) ?? new Set<R>();
    this.#waiting.set(tenant, waiting.add(receiver));
    return true;
  }

  /** One of the tenant's, who waits no longer; null: nobody waits, or may go on. */
  next(tenant: Tenant): R | null {
    const waiting = this.#waiting.get(tenant);
    if (waiting === undefined || this.isSpent(tenant)) return null;
    for (const receiver of waiting) {
      waiting.delete(receiver);
      if (waiting.size === 0) this.#waiting.delete(tenant);
      if (!receiver.isGone) return receiver;
    }
    this.#waiting.delete(tenant);
    return null;
  }

  /** Those who may go on after a turn of leases; the next of their tenant follow as they are served. */
  *resumed(): Generator<R> {
    for (const tenant of [...this.#waiting.keys()]) {
      const left = this.#quotas.of(tenant)?.deliveries?.left ?? Number.POSITIVE_INFINITY;
      for (let pages = Math.ceil(left / PAGE_MESSAGES); pages > 0; pages--) {
        const receiver = this.next(tenant);
        if (receiver === null) break;
        yield receiver;
      }
    }
  }
}
