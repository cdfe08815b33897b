/**
 * What of one tenant is open on one acceptor, sessions or subscriptions, and how many may be until it asks
 * again. Before it was told the first time a tenth of the quota may be: nobody waits for that answer.
 */
const UNTOLD_SHARE = 0.1;
/** It asks again after so long, and keeps what it was told for as long as nobody answers. */
const RENEW_MS = 1_000;

export class HeldRoom {
  max: number;
  #used: number;
  /** Null: it was not told yet, or had nothing open for so long that others may have it. */
  #held: number | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #usedWhenAsked = 0;
  /** Since it was told last somebody was refused. */
  #refused: 'nobody' | 'somebody' = 'nobody';

  constructor(max: number, used: number) {
    this.max = max;
    this.#used = used;
  }

  get used(): number {
    return this.#used;
  }

  /** Whether there is room for one more; false also where the quota has become smaller. */
  hasRoom(): boolean {
    const held = Math.min(this.#held ?? Math.ceil(this.max * UNTOLD_SHARE), this.max);
    if (this.#used < held) return true;
    this.#refused = 'somebody';
    return false;
  }

  add(): void {
    this.#used++;
  }

  /** What was open before the quota was there may end without having been counted. */
  giveBack(): void {
    this.#used = Math.max(0, this.#used - 1);
  }

  /** Whether to ask with this turn; then it counts as asked. */
  isDue(nowMs: number): boolean {
    const sinceMs = nowMs - this.#askedAtMs;
    const isIdle = this.#used === 0 && this.#refused === 'nobody';
    if (isIdle) {
      // Whoever leases it to others does so once the lease is over, and that is later.
      if (sinceMs >= RENEW_MS) this.#held = null;
      return false;
    }
    const isFull = this.#used >= (this.#held ?? 0) && this.#used !== this.#usedWhenAsked;
    if (this.#refused === 'nobody' && !isFull && sinceMs < RENEW_MS) return false;
    this.#askedAtMs = nowMs;
    this.#usedWhenAsked = this.#used;
    return true;
  }

  held(count: number): void {
    this.#held = count;
    this.#refused = 'nobody';
  }
}
