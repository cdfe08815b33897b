/** Leases of quotas on a node without a database: all that its acceptors share is on its main thread. */
import type { Clock } from '../core/clock.js';
import {
  type CountAsk,
  HELD_MS,
  heldOf,
  type LeaseAnswer,
  type LeaseAsk,
  type RateAsk,
} from '../core/quota-lease.js';
import { TokenBucket } from '../core/token-bucket.js';
import type { LeaseStore } from './lease-store.js';

interface Held {
  count: number;
  /** Monotonic ms. */
  untilMs: number;
}

export class MemoryLeases implements LeaseStore {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By tenant and rate; bounded by the tenants that ever had a quota. */
  readonly #buckets = new Map<string, TokenBucket>();
  /** By tenant and what is counted, then by holder. */
  readonly #held = new Map<string, Map<string, Held>>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  async lease({ holder, rates, counts }: LeaseAsk): Promise<LeaseAnswer> {
    const nowMs = this.#clock.monotonic();
    return {
      granted: rates.map((ask) => this.#grant(ask, nowMs)),
      held: counts.map((ask) => this.#hold(holder, ask, nowMs)),
    };
  }

  async close(): Promise<void> {
    this.#buckets.clear();
    this.#held.clear();
  }

  #grant({ tenant, rate, perS, wanted }: RateAsk, nowMs: number): number {
    const place = `${tenant} ${rate}`;
    const bucket = this.#buckets.get(place) ?? new TokenBucket();
    this.#buckets.set(place, bucket);
    return bucket.take(wanted, { perS, nowMs });
  }

  #hold(holder: string, ask: CountAsk, nowMs: number): number {
    const place = `${ask.tenant} ${ask.counted}`;
    const holders = this.#held.get(place) ?? new Map<string, Held>();
    this.#held.set(place, holders);
    for (const [name, { untilMs }] of holders) if (untilMs <= nowMs) holders.delete(name);
    holders.delete(holder);
    const held = [...holders.values()].reduce((sum, { count }) => sum + count, 0);
    const count = heldOf(ask, { held, holders: holders.size });
    holders.set(holder, { count, untilMs: nowMs + HELD_MS });
    return count;
  }
}
