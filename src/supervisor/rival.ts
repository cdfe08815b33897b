/**
 * Whoever has this node's name, and whether it lives: it goes on renewing its lease. One renewal may have
 * been under way when it died; two show that it lives. Pure.
 */
import type { NameHolder } from '../log/postgres/store/node-rows.js';

const RENEWALS_OF_THE_LIVING = 2;

export class Rival {
  #seen: NameHolder | null = null;
  #renewals = 0;

  /** As it is seen now; true: it lives. */
  lives(holder: NameHolder): boolean {
    const before = this.#seen;
    this.#seen = holder;
    if (before === null || before.bootId !== holder.bootId) this.#renewals = 0;
    else if (holder.renewals > before.renewals) this.#renewals++;
    return this.#renewals >= RENEWALS_OF_THE_LIVING;
  }

  /** The name is ours. */
  forget(): void {
    this.#seen = null;
    this.#renewals = 0;
  }
}
