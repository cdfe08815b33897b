/** Who leases: PostgreSQL to all nodes, or the main thread of a node that has none. */
import type { LeaseAnswer, LeaseAsk } from '../core/quota-lease.js';

export interface LeaseStore {
  /** Rejects with what PostgreSQL or the driver said, or with a bug. */
  lease(ask: LeaseAsk): Promise<LeaseAnswer>;
  close(): Promise<void>;
}
