/**
 * Finds dead letters that another node gave back to a subscription that is held here: asked with each head
 * check, of each subscription what was given back since it was asked last. What this node's own jobs give
 * back is known already.
 */
import type { Clock } from '../../core/clock.js';
import type { LogRow } from '../../core/message.js';
import {
  REDRIVEN_PAGE,
  type RedrivenDelivery,
  type SubscriptionStore,
} from '../../log/contract/subscription-store.js';
import { addRedriven } from '../state/durables.js';
import type { Tracker } from '../state/subscription.js';

/** Of subscriptions in one query. */
const HELD_MAX = 10_000;
/**
 * What was given back so long before the last look is asked for again: it has its time before it is
 * committed. The statement that does it takes ten seconds at most (STATEMENT_TIMEOUT_MS, which the test of
 * this file holds to); the rest is for its commit, and for how well the database's clock is known.
 */
export const OVERLAP_MS = 15_000;
/**
 * The commit itself has no time-out (it may wait for a standby, or for a disk), and the database's clock may
 * be set: every so many looks all is read that is given back, so that whatever else comes late is found, too.
 */
const LOOKS_MAX = 60;

export interface RedrivenCheckOptions {
  /** The database's time. */
  clock: Clock;
  /** The durable subscriptions that are held here, of the database of that place; absent: of all. */
  held: (place?: number) => Iterable<Tracker>;
  /** See SubscriptionStore.redriven. */
  read: (after: readonly RedrivenDelivery[], place?: number) => Promise<RedrivenDelivery[]>;
  /** It has more to be given. */
  onAdded: (tracker: Tracker) => void;
}

/** How a tracker was looked at, last and with success. */
interface Look {
  atMs: number;
  /** Since all was read. */
  looks: number;
}

/** One that is being looked at. */
interface Asked {
  readonly tracker: Tracker;
  /** As it was when the store was asked first. */
  readonly saves: number;
  readonly look: Look;
  /** Up to where it was read. */
  place: RedrivenDelivery;
}

export class RedrivenCheck {
  readonly #options: RedrivenCheckOptions;
  readonly #looks = new WeakMap<Tracker, Look>();

  constructor(options: RedrivenCheckOptions) {
    this.#options = options;
  }

  async check(place?: number): Promise<void> {
    const asked: Asked[] = [];
    for (const tracker of this.#options.held(place)) {
      const { durable } = tracker;
      if (durable !== null && isStored(tracker)) asked.push(this.#ask(tracker, durable.id));
    }
    for (let from = 0; from < asked.length; from += HELD_MAX) {
      await this.#readAll(asked.slice(from, from + HELD_MAX), place);
    }
  }

  #ask(tracker: Tracker, id: number): Asked {
    const atMs = this.#options.clock.now();
    const last = this.#looks.get(tracker);
    const isFull = last === undefined || last.looks >= LOOKS_MAX;
    const fromMs = isFull ? 0 : Math.max(0, Math.min(last.atMs, atMs) - OVERLAP_MS);
    const look = { atMs, looks: isFull ? 1 : last.looks + 1 };
    const place = { id, atUs: Math.floor(fromMs * 1_000), sequence: 0 };
    return { tracker, saves: tracker.saves, look, place };
  }

  /** A page of each at a time. */
  async #readAll(all: readonly Asked[], database?: number): Promise<void> {
    for (let left = all; left.length > 0; ) {
      const rows = await this.#options.read(
        left.map(({ place }) => place),
        database,
      );
      const byId = byIdOf(rows);
      left = left.filter((one) => this.#take(one, byId.get(one.place.id) ?? []));
    }
  }

  /** True: there may be more of it. */
  #take(asked: Asked, rows: readonly RedrivenDelivery[]): boolean {
    const { tracker, saves, look } = asked;
    // Settled while the store was read: its row went with a save since, or will. It is read again then.
    if (rows.length > 0 && (!isStored(tracker) || tracker.saves !== saves)) return false;
    this.#add(tracker, rows);
    asked.place = rows.at(-1) ?? asked.place;
    if (rows.length >= REDRIVEN_PAGE) return true;
    this.#looks.set(tracker, look);
    return false;
  }

  #add(tracker: Tracker, rows: readonly RedrivenDelivery[]): void {
    if (rows.length === 0) return;
    tracker.sync(this.#options.clock.monotonic());
    let added = 0;
    for (const { sequence } of rows) if (addRedriven(tracker, sequence)) added++;
    if (added > 0) this.#options.onAdded(tracker);
  }
}

function byIdOf(rows: readonly RedrivenDelivery[]): Map<number, RedrivenDelivery[]> {
  const byId = new Map<number, RedrivenDelivery[]>();
  for (const row of rows) {
    const known = byId.get(row.id);
    if (known === undefined) byId.set(row.id, [row]);
    else known.push(row);
  }
  return byId;
}

/** The store knows all that was settled, given up or sought of it. */
function isStored({ state, saving, cursor }: Tracker): boolean {
  const { settled, deadLetters, dropDeliveries } = cursor.changes;
  const isPending = settled.length > 0 || deadLetters.length > 0 || dropDeliveries;
  return state !== 'ended' && saving === 0 && !isPending;
}

/** Copies that the dead letters keep of messages that are being redriven. */
export function redrivenRows(
  store: SubscriptionStore,
  { topic, durable, sessionName: session }: Tracker,
  sequences: readonly number[],
): Promise<LogRow[]> {
  const owner = durable === null ? { session } : { subscriptionId: durable.id };
  return store.redrivenRows({ topicId: topic.id, ...owner }, sequences);
}
