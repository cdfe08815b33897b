/** The memory that all threads of a node share: what one writes there of itself, any of them reads. */
import { FigureHistory } from '../core/figure-history.js';
import type { NodeFigures } from '../core/node-record.js';
import { SharedCount } from '../core/shared-count.js';
import { MetricCells } from '../observe/metric-cells.js';
import { ACCEPTOR_METRICS, MAIN_METRICS, WORKER_METRICS } from '../observe/metrics.js';
import { type AcceptorCountsMemory, acceptorCountsMemory } from './acceptor-counts.js';
import { Lease } from './lease.js';
import { WorkerMarks } from './worker-marks.js';

export interface NodeMemory {
  /** Of what acceptors hold. */
  readonly counts: AcceptorCountsMemory;
  /** Of WorkerMarks. */
  readonly marks: SharedArrayBuffer;
  /** Of the Lease in the first database; in memory nobody renews it. */
  readonly lease: SharedArrayBuffer;
  /** Of a FigureHistory, of all tenants together; the main thread writes it. */
  readonly history: SharedArrayBuffer;
  /** Of those in the others, in their order. */
  readonly moreLeases: readonly SharedArrayBuffer[];
  /** Of MetricCells, by kind of thread. */
  readonly metrics: Readonly<Record<'worker' | 'acceptor' | 'main', SharedArrayBuffer>>;
}

export function nodeMemory({
  acceptors,
  workers,
  moreDatabaseUrls = [],
}: {
  acceptors: number;
  workers: number;
  moreDatabaseUrls?: readonly string[];
}): NodeMemory {
  // The main thread counts, too.
  const counts = acceptorCountsMemory(acceptors + 1);
  const metrics = {
    worker: MetricCells.memory(WORKER_METRICS, workers),
    acceptor: MetricCells.memory(ACCEPTOR_METRICS, acceptors),
    main: MetricCells.memory(MAIN_METRICS, 1),
  };
  const marks = WorkerMarks.memory(workers);
  const leases = { lease: Lease.memory(), moreLeases: moreDatabaseUrls.map(() => Lease.memory()) };
  const history = FigureHistory.memory(SharedArrayBuffer, 'node');
  return { counts, marks, ...leases, metrics, history };
}

/** In the database of that place. */
export function leaseOf({ lease, moreLeases }: NodeMemory, place: number): Lease {
  return new Lease(moreLeases[place - 1] ?? lease);
}

/** What the node says of itself to others. */
export function nodeFigures({ counts, marks }: NodeMemory): NodeFigures {
  const { topics, backplane } = new WorkerMarks(marks);
  return { sessions: SharedCount.totalOf(counts.sessions), topics, backplane: backplane ?? 'none' };
}
