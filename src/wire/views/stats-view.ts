/** The figures of a node as clients see them. */
import type { LogTotals } from '../../core/log-figures.js';
import type { WorkerStats } from '../../core/worker-figures.js';

/** What the workers of a node, its log and its acceptors have. */
export interface NodeStats {
  workers: readonly WorkerStats[];
  /** One of the database, or in memory one of each worker. */
  logs: readonly LogTotals[];
  uptimeMs: number;
  /** Streams included. */
  sessions: number;
  streams: number;
  unreadAnswerBytes: number;
}

export interface StatsView {
  messages_per_sec: number;
  total_messages: number;
  active_subscribers: number;
  active_topics: number;
  uptime_seconds: number;
  deferred_messages: number;
  sessions: number;
  streams: number;
  unread_answer_bytes: number;
  hot_cache_bytes: number;
  gaps_repaired: number;
  redelivered: number;
  dead_lettered: number;
  dead_letters_evicted: number;
  expired: number;
  untracked: number;
  abandoned: number;
}

export function statsView(stats: NodeStats): StatsView {
  const { uptimeMs, sessions, streams, unreadAnswerBytes } = stats;
  const workers = (of: keyof WorkerStats): number => sum(stats.workers.map((one) => one[of]));
  const logs = (of: keyof LogTotals): number => sum(stats.logs.map((one) => one[of]));
  return {
    messages_per_sec: Math.round(workers('messagesPerSec') * 10) / 10,
    total_messages: logs('messages'),
    active_subscribers: workers('activeSubscribers'),
    active_topics: logs('topics'),
    uptime_seconds: Math.round(uptimeMs / 100) / 10,
    deferred_messages: logs('deferred'),
    sessions,
    streams,
    unread_answer_bytes: unreadAnswerBytes,
    hot_cache_bytes: workers('hotCacheBytes'),
    gaps_repaired: workers('gapsRepaired'),
    redelivered: workers('redelivered'),
    dead_lettered: workers('deadLettered'),
    dead_letters_evicted: logs('deadLettersEvicted'),
    expired: workers('expired'),
    untracked: workers('untracked'),
    abandoned: workers('abandoned'),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
