/**
 * The bucket that a rate is leased from: it fills with what the rate gives, up to half a second of it, and is
 * never less than empty. Times come in; one that goes back fills nothing. In PostgreSQL the same is a row
 * (tenant/lease-rows.ts).
 */

/** Of what the rate gives: so much may be saved up. */
export const BURST_S = 0.5;

/** At least one: else nothing could ever be taken. */
export function burstOf(perS: number): number {
  return Math.max(1, perS * BURST_S);
}

export class TokenBucket {
  /** Null: as full as it can be. */
  #tokens: number | null = null;
  #filledAtMs = 0;

  /** As many of these as there are, with fractions. `perS` may be another than before. */
  take(wanted: number, { perS, nowMs }: { perS: number; nowMs: number }): number {
    const burst = burstOf(perS);
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#filledAtMs = nowMs;
    const there = Math.min(burst, (this.#tokens ?? burst) + (perS * elapsedMs) / 1_000);
    const granted = Math.min(wanted, there);
    this.#tokens = there - granted;
    return granted;
  }
}
