/** What a topic worker says of a tenant, for GET /api/stats, and of itself, for GET /api/health. */
import type { LogState, LogVitals } from './log-figures.js';

/** What delivery to a tenant has had to do since the worker started: plain counters. */
export interface DeliveryCounts {
  /** Attempts after the first. */
  redelivered: number;
  /** Messages given up. */
  deadLettered: number;
  /** Not sent since their time to live had passed. */
  expired: number;
  /** Deliveries that fell out of tracking: their session never acknowledged. */
  untracked: number;
  /** Deliveries that ended unacknowledged with their ephemeral subscription. */
  abandoned: number;
  /** Gaps read from the log. */
  gapsRepaired: number;
}

export interface WorkerStats extends DeliveryCounts {
  messagesPerSec: number;
  activeSubscribers: number;
  hotCacheBytes: number;
}

export interface WorkerHealth {
  log: { mode: 'memory' | 'postgres'; state: LogState };
  /** Since it last looked at its topics in the log, by the sessions that a publish needs; null: never. */
  headsMs: number | null;
  /** null: nothing has to move by itself. */
  vitals: LogVitals | null;
}
