/**
 * What an acceptor asks of all nodes about sessions, and about what they do: by way of the main thread, which
 * asks each acceptor of this node in turn, and the other nodes. Rare, so structured clones.
 */
import type { ElsewhereStats } from '../core/elsewhere-stats.js';
import type {
  ClusterPlace,
  NodeSession,
  SessionPlace,
  SessionRecord,
} from '../core/session-record.js';
import type { Tenant } from '../core/topic-key.js';

/** `tenant` null: of whichever. */
export interface SessionListAsk {
  readonly what: 'list';
  readonly tenant: Tenant | null;
  /** Those that have a subscription to it; null: all. */
  readonly topic: string | null;
  /** Behind this one, in the order of places; null: from the beginning. */
  readonly after: SessionPlace | null;
  /** From 1. */
  readonly limit: number;
}

export interface SessionCloseAsk {
  readonly what: 'close';
  readonly tenant: Tenant | null;
  readonly place: SessionPlace;
}

export type SessionAsk = SessionListAsk | SessionCloseAsk;

export interface SessionsTold {
  /** In the order of their places; none of a close. */
  readonly records: readonly SessionRecord[];
  /** There are more behind them. */
  readonly more: boolean;
  /** Whether there was the one that was to be closed. */
  readonly closed: boolean;
}

export const NO_SESSIONS: SessionsTold = { records: [], more: false, closed: false };

/** Of the sessions of all nodes: in the order of the lives of their nodes, and there of their places. */
export interface ClusterListAsk extends Omit<SessionListAsk, 'after'> {
  readonly after: ClusterPlace | null;
}

export interface ClusterCloseAsk extends Omit<SessionCloseAsk, 'place'> {
  readonly at: ClusterPlace;
}

/** What other nodes have said of themselves; `tenant`: whose figures. */
export interface ElsewhereAsk {
  readonly what: 'elsewhere';
  readonly tenant: Tenant;
}

export type ClusterAsk = ClusterListAsk | ClusterCloseAsk | ElsewhereAsk;

/** A node that was to be asked, and did not answer in time. */
export interface SilentNode {
  readonly node: string;
  /** In words. */
  readonly detail: string;
}

export interface ClusterSessionsTold {
  readonly sessions: readonly NodeSession[];
  /** There are more behind the last of them. */
  readonly more: boolean;
  readonly closed: boolean;
  /** Whose sessions are missing. */
  readonly silent: readonly SilentNode[];
}

export interface ClusterAnswers {
  readonly list: ClusterSessionsTold;
  readonly close: ClusterSessionsTold;
  readonly elsewhere: ElsewhereStats | null;
}
