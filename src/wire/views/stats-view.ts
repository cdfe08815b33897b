/** The figures of the nodes as clients see them. */
import { ACCEPTOR_FIGURES, type AcceptorFigures } from '../../core/acceptor-figures.js';
import { eachMember } from '../../core/each-member.js';
import type { ElsewhereStats } from '../../core/elsewhere-stats.js';
import type { HeldSnapshot, LogTotals } from '../../core/log-figures.js';
import { DELIVERY_COUNTERS, summedStats, type WorkerStats } from '../../core/worker-figures.js';
import type { View } from '../schemas/kinds.js';
import type { STATS } from '../schemas/system.js';
import { snakeMembers } from '../snake-case.js';
import type { BackplaneView } from './backplane-view.js';

/** What workers, the log and acceptors have. */
export interface NodeStats {
  /** Of this node, and of the others together. */
  workers: readonly WorkerStats[];
  /** One of the database, or in memory one of each worker. */
  logs: readonly LogTotals[];
  /**
   * Of all tenants, as `workers`; null: not for whoever asks, and no more is what is of the whole database.
   */
  acceptors: readonly AcceptorFigures[] | null;
  uptimeMs: number;
  /** Unix ms. */
  nowMs: number;
  /** Null: none is older than SNAPSHOT_WARN_S. */
  snapshot: HeldSnapshot | null;
  /** Of this node; null: there is none. */
  backplane: BackplaneView | null;
  /** Null: nodes do not tell each other. */
  elsewhere: Pick<ElsewhereStats, 'nodes' | 'silent'> | null;
}

export type StatsView = View<typeof STATS>;

export function statsView(stats: NodeStats): StatsView {
  const { snapshot, backplane, elsewhere } = stats;
  const workers = (of: keyof WorkerStats): number => sum(stats.workers.map((one) => one[of]));
  const logs = (of: keyof LogTotals): number => sum(stats.logs.map((one) => one[of]));
  return {
    messages_per_sec: Math.round(workers('messagesPerSec') * 10) / 10,
    total_messages: logs('messages'),
    active_subscribers: workers('activeSubscribers'),
    active_topics: logs('topics'),
    uptime_seconds: Math.round(stats.uptimeMs / 100) / 10,
    in_flight: workers('inFlight'),
    oldest_unacked_ms: oldestMs(stats),
    deferred_messages: logs('deferred'),
    dead_letters: logs('deadLetters'),
    ...(stats.acceptors === null ? {} : snakeMembers(summed(stats.acceptors))),
    hot_cache_bytes: workers('hotCacheBytes'),
    ...snakeMembers(eachMember(DELIVERY_COUNTERS, workers)),
    dead_letters_evicted: logs('deadLettersEvicted'),
    ...(stats.acceptors === null ? {} : snapshotFigures(snapshot)),
    ...(stats.acceptors === null || backplane === null ? {} : { backplane }),
    nodes: 1 + (elsewhere?.nodes ?? 0),
    ...(elsewhere === null || elsewhere.silent.length === 0
      ? {}
      : { uncounted_nodes: [...elsewhere.silent] }),
  };
}

function oldestMs({ workers, nowMs }: Pick<NodeStats, 'workers' | 'nowMs'>): number | null {
  const { oldestUnackedAtMs } = summedStats(workers);
  return oldestUnackedAtMs === 0 ? null : Math.max(0, nowMs - oldestUnackedAtMs);
}

function summed(all: readonly AcceptorFigures[]): AcceptorFigures {
  return eachMember(ACCEPTOR_FIGURES, (name) => sum(all.map((one) => one[name])));
}

function snapshotFigures(snapshot: HeldSnapshot | null) {
  return {
    oldest_snapshot_seconds: Math.round((snapshot?.ageMs ?? 0) / 1_000),
    snapshot_dead_rows: snapshot?.deadRows ?? 0,
    snapshot_leaves: snapshot?.leaves.length ?? 0,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
