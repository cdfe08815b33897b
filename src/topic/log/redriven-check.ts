/**
 * Finds dead letters that another node gave back to a subscription that is held here: asked with each head
 * check. What this node's own jobs give back is known already.
 */
import type { Clock } from '../../core/clock.js';
import type { RedrivenDelivery } from '../../log/contract/subscription-store.js';
import { addRedriven } from '../state/durables.js';
import type { Tracker } from '../state/subscription.js';

/** Of subscriptions in one query. */
const HELD_MAX = 10_000;

export interface RedrivenCheckOptions {
  clock: Clock;
  /** The durable subscriptions that are held here. */
  held: () => Iterable<Tracker>;
  read: (subscriptionIds: readonly number[]) => Promise<RedrivenDelivery[]>;
  /** It has more to be given. */
  onAdded: (tracker: Tracker) => void;
}

/** As it was when the store was asked. */
interface Asked {
  tracker: Tracker;
  saves: number;
}

export class RedrivenCheck {
  readonly #options: RedrivenCheckOptions;

  constructor(options: RedrivenCheckOptions) {
    this.#options = options;
  }

  async check(): Promise<void> {
    const asked = new Map<number, Asked>();
    for (const tracker of this.#options.held()) {
      const { durable, saves } = tracker;
      if (durable !== null && isStored(tracker)) asked.set(durable.id, { tracker, saves });
    }
    const ids = [...asked.keys()];
    for (let from = 0; from < ids.length; from += HELD_MAX) {
      this.#add(asked, await this.#options.read(ids.slice(from, from + HELD_MAX)));
    }
  }

  #add(asked: ReadonlyMap<number, Asked>, rows: readonly RedrivenDelivery[]): void {
    const added = new Set<Tracker>();
    for (const { id, sequence } of rows) {
      const one = asked.get(id);
      // Settled while the store was read: its row went with a save since, or will.
      if (one === undefined || !isStored(one.tracker) || one.tracker.saves !== one.saves) continue;
      const { tracker } = one;
      tracker.sync(this.#options.clock.monotonic());
      if (addRedriven(tracker, sequence)) added.add(tracker);
    }
    for (const tracker of added) this.#options.onAdded(tracker);
  }
}

/** The store knows all that was settled, given up or sought of it. */
function isStored({ state, saving, cursor }: Tracker): boolean {
  const { settled, deadLetters, dropDeliveries } = cursor.changes;
  const isPending = settled.length > 0 || deadLetters.length > 0 || dropDeliveries;
  return state !== 'ended' && saving === 0 && !isPending;
}
