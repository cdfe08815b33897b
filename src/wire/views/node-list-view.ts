/** The nodes of the cluster as their operator sees them. */
import type { NodeRecord } from '../../core/node-record.js';
import { isoTime } from '../../core/time.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/system.js';

export type NodeListView = View<typeof schemas.NODE_LIST>;
export type ListedNodeView = View<typeof schemas.NODE_LISTED>;

/** `nodeId`: of the one that answers. */
export function nodeListView(records: readonly NodeRecord[], nodeId: string): NodeListView {
  return { nodes: records.map((record) => listedNodeView(record, nodeId)) };
}

function listedNodeView(record: NodeRecord, nodeId: string): ListedNodeView {
  return {
    id: record.id,
    this: record.id === nodeId,
    state: record.state,
    boot_id: record.bootId,
    address: record.addr,
    version: record.version,
    started_at: isoTime(record.startedAtMs),
    last_seen: isoTime(record.seenAtMs),
    sessions: record.sessions,
    topics: record.topics.reduce((sum, topics) => sum + topics, 0),
    workers: record.topics.map((topics) => ({ topics })),
    backplane: record.backplane,
  };
}
