/**
 * How long this node may count itself among the living: its lease in the database, as a time that all of its
 * threads read without asking anybody. The main thread writes it after each renewal, with the moment before
 * that was sent: so it ends here before it ends there, whatever became of the answer, and also while the
 * process was frozen.
 */
import { processMs } from './process-clock.js';

/** From a renewal on. Renewed four times as often (supervisor/presence.ts). */
export const LEASE_MS = 2_000;

/** Times are whole ms, and two clocks may drift apart by 0.1 %. */
const MARGIN_MS = 10;
/** In the memory: never renewed. */
const NEVER = -1n;
const RENEWED_AT = 0;
const LAPSES = 1;
const CELLS = 2;

export class Lease {
  readonly #memory: BigInt64Array;
  readonly #now: () => number;

  /** `now`: of the clock that all threads share, ms. */
  constructor(memory: SharedArrayBuffer, now: () => number = processMs) {
    this.#memory = new BigInt64Array(memory);
    this.#now = now;
  }

  static memory(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT);
    Atomics.store(new BigInt64Array(memory), RENEWED_AT, NEVER);
    return memory;
  }

  /** Since the last renewal was sent, ms; null: there was none. */
  get ageMs(): number | null {
    const renewedAtMs = Atomics.load(this.#memory, RENEWED_AT);
    return renewedAtMs === NEVER ? null : this.#now() - Number(renewedAtMs);
  }

  /** Whether no other node can have taken this one for lost. */
  get holds(): boolean {
    const { ageMs } = this;
    return ageMs !== null && ageMs < LEASE_MS - MARGIN_MS;
  }

  /** How often it was over before it was renewed: others may have taken what this node had. */
  get lapses(): number {
    return Number(Atomics.load(this.#memory, LAPSES));
  }

  /** By the main thread alone. `sentAtMs`: of the shared clock, before it was sent. */
  renewed(sentAtMs: number): void {
    // Before it holds again: whoever sees that it does sees this too.
    if (!this.holds) Atomics.add(this.#memory, LAPSES, 1n);
    Atomics.store(this.#memory, RENEWED_AT, BigInt(Math.floor(sentAtMs)));
  }
}
