/** What the other nodes that live have said of themselves, for GET /api/stats: a copy. */
import type { AcceptorFigures } from './acceptor-figures.js';
import type { ProcessFigures } from './process-figures.js';
import type { WorkerStats } from './worker-figures.js';

export interface ElsewhereStats {
  /** Of the tenant that was asked for; all of them together. */
  workers: WorkerStats;
  /** Of all tenants. */
  acceptors: AcceptorFigures;
  /** Of each node that has told it, by its boot id. */
  processes: Readonly<Record<string, ProcessFigures>>;
  /** How many nodes that is of. */
  nodes: number;
  /** NODE_ID of those that live and have not said anything of late: nothing of theirs is counted. */
  silent: readonly string[];
}
