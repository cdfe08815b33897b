/** The nodes of the cluster as their operator sees them. */
import type { NodeRecord } from '../../core/node-record.js';
import type { ProcessFigures, ThreadLoad } from '../../core/process-figures.js';
import { isoTime } from '../../core/time.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/system.js';

export type NodeListView = View<typeof schemas.NODE_LIST>;
export type ListedNodeView = View<typeof schemas.NODE_LISTED>;
type WorkerView = ListedNodeView['workers'][number];
type LoadView = View<typeof schemas.THREAD_LOAD>;

export interface SeenNode {
  record: NodeRecord;
  /** Null: it has not told it of late. */
  process: ProcessFigures | null;
}

/** `nodeId`: of the one that answers. */
export function nodeListView(nodes: readonly SeenNode[], nodeId: string): NodeListView {
  return { nodes: nodes.map((node) => listedNodeView(node, nodeId)) };
}

function listedNodeView({ record, process }: SeenNode, nodeId: string): ListedNodeView {
  return {
    id: record.id,
    this: record.id === nodeId,
    state: record.state,
    draining: record.isToDrain,
    boot_id: record.bootId,
    address: record.addr,
    version: record.version,
    started_at: isoTime(record.startedAtMs),
    last_seen: isoTime(record.seenAtMs),
    sessions: record.sessions,
    topics: record.topics.reduce((sum, topics) => sum + topics, 0),
    workers: record.topics.map((topics, n) => ({ topics, ...workerView(process, n) })),
    backplane: record.backplane,
    ...(process === null ? {} : processView(process)),
  };
}

function workerView(process: ProcessFigures | null, n: number): Partial<WorkerView> {
  const worker = process?.workers[n];
  return worker === undefined ? {} : { ...loadView(worker), log_open: worker.logOpen };
}

function processView({ cpuCores, residentBytes, main, acceptors }: ProcessFigures) {
  return {
    ...{ cpu_cores: cpuCores, resident_bytes: residentBytes },
    ...{ main: loadView(main), acceptors: acceptors.map(loadView) },
  };
}

function loadView({ busy, lateMs }: ThreadLoad): LoadView {
  return { busy, late_ms: lateMs };
}
