/**
 * Which node of the cluster does which periodic work, as a worker knows it: by the ring over the nodes that
 * live. Nodes may not be of one mind for half a second, so whoever does something also takes a lock for it
 * in the database.
 */
import { HashRing } from '../core/hash-ring.js';
import type { Lease } from './lease.js';

export interface WorkPlacementOptions {
  /** NODE_ID. */
  node: string;
  lease: Lease;
  /** Ids of the nodes that live. */
  living: readonly string[];
}

export class WorkPlacement {
  readonly #node: string;
  readonly #lease: Lease;
  #ring: HashRing;
  /** Work may have come here, or have gone: set once, by whoever does it. */
  onMoved: () => void = () => undefined;

  constructor({ node, lease, living }: WorkPlacementOptions) {
    this.#node = node;
    this.#lease = lease;
    this.#ring = new HashRing(living);
  }

  /**
   * Whether it is this node's now, by a name that all nodes have for it. Nothing is while the lease is over:
   * others have taken it, and this node may have been frozen meanwhile.
   */
  isHere(work: string): boolean {
    return this.#lease.holds && this.#ring.memberOf(work) === this.#node;
  }

  /** Other nodes live than before, or this one does again. */
  place(living: readonly string[]): void {
    this.#ring = new HashRing(living);
    this.onMoved();
  }
}
