/**
 * What an acceptor asks of all acceptors of the node about sessions: by way of the main thread, which asks
 * each in turn. Rare, so structured clones.
 */
import type { SessionPlace, SessionRecord } from '../core/session-record.js';
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
