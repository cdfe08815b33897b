/**
 * Whether what a worker handed over of a durable subscription may still be written: its node's lease holds,
 * and has not lapsed since. What stood between a dispatch and its socket while the process was frozen is of a
 * subscription that another node may coordinate by now. Looked at for each page, GIVE, and chunk of a group.
 */
import type { Lease } from '../../thread/lease.js';

export class Fence {
  readonly #lease: Pick<Lease, 'holds' | 'lapses'>;
  readonly #lapses: number;

  /** `lapses`: of the lease, when what follows was handed over. */
  constructor(lease: Pick<Lease, 'holds' | 'lapses'>, lapses: number) {
    this.#lease = lease;
    this.#lapses = lapses;
  }

  get isOpen(): boolean {
    return this.#lease.holds && this.#lease.lapses === this.#lapses;
  }
}
