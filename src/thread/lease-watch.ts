/**
 * Whether a worker may hand out what its node coordinates: while the lease of the node holds, and, after it
 * had lapsed, once the terms that are held here were found in the database to be held still. Asked before
 * each dispatch; asks nobody itself.
 */
import type { Lease } from './lease.js';

export class LeaseWatch {
  readonly #lease: Lease;
  /** Of the lease, when the terms were last known to be good. */
  #lapses: number;
  readonly onHeld: () => void;

  /** `onHeld`: what was held back may go on. */
  constructor(lease: Lease, onHeld: () => void) {
    this.#lease = lease;
    this.#lapses = lease.lapses;
    this.onHeld = onHeld;
  }

  get mayDispatch(): boolean {
    return this.#lease.holds && this.#lease.lapses === this.#lapses;
  }

  /** The lease holds, and somebody may have taken what was held before: the terms are to be looked at. */
  get isInDoubt(): boolean {
    return this.#lease.holds && this.#lease.lapses !== this.#lapses;
  }

  /** To be taken before the terms are looked at. */
  get lapses(): number {
    return this.#lease.lapses;
  }

  /** The terms that were lost by then are given up. */
  checked(lapses: number): void {
    if (lapses === this.#lapses) return;
    this.#lapses = lapses;
    this.onHeld();
  }
}
