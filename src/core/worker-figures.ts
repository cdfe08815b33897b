/** What a topic worker says of a tenant, for GET /api/stats, and of itself, for GET /api/health. */
import type { BackplaneFigures } from './backplane-figures.js';
import { eachMember } from './each-member.js';
import type { LogState, LogVitals } from './log-figures.js';

/**
 * What delivery to a tenant has had to do since its worker started, by what clients read of each: a line here
 * is a plain counter of `topic.counts`, and a member of GET /api/stats.
 */
export const DELIVERY_COUNTERS = {
  gapsRepaired: 'Messages that were read from the log because nobody announced them.',
  redelivered: 'Deliveries that were not the first.',
  deadLettered: 'Messages that were given up.',
  expired: 'Messages whose ttl_ms passed before they were delivered.',
  untracked: 'Deliveries that are not waited for any more: their session never acknowledged.',
  abandoned: 'Deliveries that ended unacknowledged with their session.',
} as const;

export type DeliveryCounts = Record<keyof typeof DELIVERY_COUNTERS, number>;

export interface WorkerStats extends DeliveryCounts {
  messagesPerSec: number;
  activeSubscribers: number;
  hotCacheBytes: number;
  /** Delivered and not settled, of subscriptions that are open; some seconds old. */
  inFlight: number;
  /** When the oldest of them was sent, Unix ms, of subscribers that acknowledge; 0: there is none. */
  oldestUnackedAtMs: number;
}

export const NO_STATS: WorkerStats = {
  ...{ messagesPerSec: 0, activeSubscribers: 0, hotCacheBytes: 0 },
  ...{ inFlight: 0, oldestUnackedAtMs: 0 },
  ...eachMember(DELIVERY_COUNTERS, () => 0),
};

/** Of several together. A node of before knows fewer: what is absent is 0. */
export function summedStats(all: readonly Partial<WorkerStats>[]): WorkerStats {
  const sums = eachMember(NO_STATS, (name) => all.reduce((sum, one) => sum + (one[name] ?? 0), 0));
  const sent = all.flatMap(({ oldestUnackedAtMs: atMs = 0 }) => (atMs === 0 ? [] : [atMs]));
  return { ...sums, oldestUnackedAtMs: sent.length === 0 ? 0 : Math.min(...sent) };
}

export interface WorkerHealth {
  log: { mode: 'memory' | 'postgres'; state: LogState };
  /** Since it last looked at its topics in the log, by the sessions that a publish needs; null: never. */
  headsMs: number | null;
  /** null: nothing has to move by itself. */
  vitals: LogVitals | null;
  /** Of several databases each, by its place; absent: there are no several. */
  databases?: readonly LogState[];
  /** null: without REDIS_URL there is none. */
  backplane: BackplaneFigures | null;
}
