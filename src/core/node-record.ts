/** A node of the cluster: what it says of itself, and when it was last heard of. */

/** Which node, in which of its lives. */
export interface NodeIdentity {
  /** NODE_ID. */
  id: string;
  /** A UUID, another one at every start. */
  bootId: string;
  /** `host:port`, by which other nodes reach it. */
  addr: string;
  /** Begins the URL of what it takes of other nodes; null: it takes nothing by HTTP. */
  forwardUrl: string | null;
  version: string;
}

export interface NodeFigures {
  /** Streams included. */
  sessions: number;
  /** Topics that each of its workers has met, by the worker's number. */
  topics: readonly number[];
  /** What it has between itself and other nodes, in its own words; `none`: nothing. */
  backplane: string;
}

export interface NodeRecord extends NodeIdentity, NodeFigures {
  /** Unix ms, as all times of a log: by the database's clock, in memory by the node's. */
  startedAtMs: number;
  /** When it last said that it lives. */
  seenAtMs: number;
  /** Lost: for longer than its lease lasts. */
  state: 'live' | 'lost';
  /** Somebody has asked this life of it to end in order. */
  isToDrain: boolean;
}

/** How a node stands among the others, by what it knows itself. */
export interface LeaseFigures {
  /** Since it last asked for its renewal with success; null: never. */
  ageMs: number | null;
  /** Whether no other node can have taken it for lost. */
  holds: boolean;
}
