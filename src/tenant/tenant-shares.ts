/**
 * Room that tenants share: who needs more than others has what they leave. At the bound whoever has most
 * gives way to whoever has less, so nobody takes the room of others.
 */
import type { Tenant } from '../core/topic-key.js';

export class TenantShares {
  readonly #max: number;
  readonly #counts = new Map<Tenant, number>();
  #total = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get isFull(): boolean {
    return this.#total >= this.#max;
  }

  add(tenant: Tenant): void {
    this.#counts.set(tenant, this.#of(tenant) + 1);
    this.#total++;
  }

  remove(tenant: Tenant): void {
    const left = this.#of(tenant) - 1;
    if (left > 0) this.#counts.set(tenant, left);
    else this.#counts.delete(tenant);
    this.#total--;
  }

  clear(): void {
    this.#counts.clear();
    this.#total = 0;
  }

  /** Who is to give one up for one more of this tenant; null: nobody has more than it would have then. */
  giverTo(tenant: Tenant): Tenant | null {
    let [giver, most]: [Tenant | null, number] = [null, this.#of(tenant) + 1];
    for (const [other, count] of this.#counts) {
      if (count > most) [giver, most] = [other, count];
    }
    return giver;
  }

  #of(tenant: Tenant): number {
    return this.#counts.get(tenant) ?? 0;
  }
}
