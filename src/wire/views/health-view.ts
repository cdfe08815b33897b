/** A node and how it is, as operators and load balancers see it. */
import type { WorkerHealth } from '../../core/worker-figures.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/system.js';

/** 'ok', or what is wrong, by what was looked at. */
export type HealthChecks = Readonly<Record<string, string>>;

export interface NodeHealth {
  checks: HealthChecks;
  mode: 'memory' | 'postgres';
  version: string;
  node: string;
  workers: readonly WorkerHealth[];
}

export type HealthView = View<typeof schemas.HEALTH>;
/** Ages in ms; without those of what has to move by itself where nothing has to. */
export type WorkerHealthView = View<typeof schemas.WORKER>;
export type ReadyView = View<typeof schemas.READINESS>;
export type NodeView = View<typeof schemas.GREETING>;

export const LIVE_VIEW = { status: 'ok' } as const;

export function isWell(checks: HealthChecks): boolean {
  return Object.values(checks).every((state) => state === 'ok');
}

export function healthView({ checks, mode, version, node, workers }: NodeHealth): HealthView {
  const inMemory = mode === 'memory';
  return {
    status: isWell(checks) ? 'ok' : 'degraded',
    checks,
    durability: inMemory ? 'memory' : 'durable',
    ...(inMemory ? { warning: 'messages are in memory: nothing survives a restart' } : {}),
    version,
    node,
    workers: workers.map(workerHealthView),
  };
}

export function workerHealthView({ log, headsMs, vitals }: WorkerHealth): WorkerHealthView {
  const seen = { log: { mode: log.mode, state: log.state }, heads_ms: headsMs };
  if (vitals === null) return seen;
  const { releaseMs, dueMs, stuckMs, upkeepMs, listening } = vitals;
  const outbox = { looked_ms: releaseMs, oldest_due_ms: dueMs, stuck_ms: stuckMs, listening };
  return { ...seen, outbox, upkeep_ms: upkeepMs };
}

export function readyView(checks: HealthChecks): ReadyView {
  return { status: isWell(checks) ? 'ready' : 'not ready', checks };
}

export function nodeView(node: string): NodeView {
  return { name: 'conduit', node };
}
