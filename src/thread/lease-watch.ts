/**
 * Whether a worker may hand out what its node coordinates: while the lease of the node holds, and, after it
 * had lapsed, once the terms that are held here were found in the database to be held still. Asked before
 * each dispatch; asks nobody itself.
 */
import type { Lease } from './lease.js';

export class LeaseWatch {
  readonly #lease: Lease;
  /** Of the lease and of doubts, when the terms were last known to be good. */
  #lapses: number;
  /** How often something was taken by a lease that had not held all the while. */
  #doubts = 0;
  readonly onHeld: () => void;

  /** `onHeld`: what was held back may go on. */
  constructor(lease: Lease, onHeld: () => void) {
    this.#lease = lease;
    this.#lapses = lease.lapses;
    this.onHeld = onHeld;
  }

  get mayDispatch(): boolean {
    return this.#lease.holds && this.lapses === this.#lapses;
  }

  /** The lease holds, and somebody may have taken what was held before: the terms are to be looked at. */
  get isInDoubt(): boolean {
    return this.#lease.holds && this.lapses !== this.#lapses;
  }

  /** Of the lease alone: what is handed out now is of no lapse before that. */
  get leaseLapses(): number {
    return this.#lease.lapses;
  }

  /** To be taken before the terms are looked at. */
  get lapses(): number {
    return this.#lease.lapses + this.#doubts;
  }

  /**
   * A subscription is about to be taken: call what this returns with the answer. Where the lease has not held
   * all the while somebody else may have taken it since, and a look at the terms may have come between.
   */
  taking(): () => void {
    const before = this.#lease.lapses;
    const { holds } = this.#lease;
    return () => {
      if (!holds || !this.#lease.holds || this.#lease.lapses !== before) this.#doubts++;
    };
  }

  /** The terms that were lost by then are given up. */
  checked(lapses: number): void {
    if (lapses === this.#lapses) return;
    this.#lapses = lapses;
    this.onHeld();
  }
}
