/**
 * How often each of many may do something: a bucket for each, which fills with time. Bounded: at the bound
 * the one that came longest ago is forgotten, and has a full bucket when it comes again, so nobody is refused
 * for what others do.
 */
import type { Clock } from './clock.js';

/** What each of so many threads gives of a node's rate, which is no more in all; one at once at least. */
export function shareOf(
  { perS, burst }: Omit<RateBounds, 'keysMax'>,
  threads: number,
): Omit<RateBounds, 'keysMax'> {
  return { perS: perS / threads, burst: Math.max(1, burst / threads) };
}

export interface RateBounds {
  /** How many are gained in a second. */
  perS: number;
  /** How many may be done at once. */
  burst: number;
  /** How many are remembered. */
  keysMax: number;
}

interface Bucket {
  left: number;
  /** Monotonic ms, when it was that. */
  atMs: number;
}

export class KeyedRates<K> {
  readonly #bounds: RateBounds;
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Who came longest ago first. */
  readonly #buckets = new Map<K, Bucket>();

  constructor(bounds: RateBounds, clock: Pick<Clock, 'monotonic'>) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Once more; false: too often, and it does not count. */
  take(key: K): boolean {
    const { perS, burst, keysMax } = this.#bounds;
    const nowMs = this.#clock.monotonic();
    const known = this.#buckets.get(key);
    const bucket = known ?? { left: burst, atMs: nowMs };
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.atMs) * perS) / 1_000);
    bucket.atMs = nowMs;
    if (known !== undefined) this.#buckets.delete(key);
    else if (this.#buckets.size >= keysMax) this.#forgetOldest();
    this.#buckets.set(key, bucket);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }

  #forgetOldest(): void {
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
