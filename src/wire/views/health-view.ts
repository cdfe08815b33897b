/** A node and how it is, as operators and load balancers see it. */
import type { HeldSnapshot } from '../../core/log-figures.js';
import type { LeaseFigures } from '../../core/node-record.js';
import type { WorkerHealth } from '../../core/worker-figures.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/system.js';
import { type BackplaneView, backplaneView } from './backplane-view.js';

/** 'ok', or what is wrong, by what was looked at. */
export type HealthChecks = Readonly<Record<string, string>>;

export interface NodeHealth {
  checks: HealthChecks;
  mode: 'memory' | 'postgres';
  version: string;
  node: string;
  workers: readonly WorkerHealth[];
  /** Null: there are no others, messages are in memory. */
  presence: LeaseFigures | null;
  /** Who serves durable subscriptions whose sessions sit at several nodes. */
  durables: 'coordinated' | 'last asked';
  /** Whether the caller may know whose sessions there are in the database. */
  shown: 'all' | 'no names';
}

export type HealthView = View<typeof schemas.WHOLE_HEALTH>;
/** Ages in ms; without those of what has to move by itself where nothing has to. */
export type WorkerHealthView = View<typeof schemas.WORKER>;
export type SnapshotView = View<typeof schemas.SNAPSHOT>;
export type PresenceView = View<typeof schemas.PRESENCE>;
export type ReadyView = View<typeof schemas.READINESS>;
export type NodeView = View<typeof schemas.GREETING>;

export const LIVE_VIEW = { status: 'ok' } as const;

const IN_MEMORY = 'messages are in memory: nothing survives a restart';
/** With REDIS_URL. */
const IN_MEMORIES = `${IN_MEMORY}; ordering is per node, and what Redis loses between nodes is lost`;

export function isWell(checks: HealthChecks): boolean {
  return Object.values(checks).every((state) => state === 'ok');
}

export function healthView(health: NodeHealth): HealthView {
  const { checks, mode, version, node, presence, durables, workers, shown } = health;
  const inMemory = mode === 'memory';
  const snapshot = oldestSnapshot(workers);
  const backplane = backplaneView(workers);
  return {
    status: isWell(checks) ? 'ok' : 'degraded',
    checks,
    durability: inMemory ? 'memory' : 'durable',
    ...(inMemory ? { warning: backplane === null ? IN_MEMORY : IN_MEMORIES } : {}),
    version,
    node,
    ...(presence === null ? {} : { presence: presenceView(presence), ...durablesView(durables) }),
    ...(snapshot === null ? {} : { oldest_snapshot: snapshotView(snapshot, shown) }),
    ...(backplane === null ? {} : { backplane: shownBackplane(backplane, shown) }),
    workers: workers.map(workerHealthView),
  };
}

function durablesView(
  durables: NodeHealth['durables'],
): Required<Pick<HealthView, 'durable_subscriptions'>> {
  return { durable_subscriptions: durables === 'coordinated' ? 'coordinated' : 'last_asked' };
}

function presenceView({ ageMs, holds }: LeaseFigures): PresenceView {
  return { lease: holds ? 'held' : 'over', renewed_ms: ageMs };
}

/** One of a node looks. */
export function oldestSnapshot(workers: readonly WorkerHealth[]): HeldSnapshot | null {
  return workers.map(({ vitals }) => vitals?.snapshot ?? null).find((one) => one !== null) ?? null;
}

function snapshotView(snapshot: HeldSnapshot, shown: NodeHealth['shown']): SnapshotView {
  const { kind, ageMs, deadRows, leaves, pid, name } = snapshot;
  const age_s = Math.round(ageMs / 1_000);
  const seen: SnapshotView = { of: kind, age_s, dead_rows: deadRows, leaves };
  return shown === 'all' ? { ...seen, pid, name } : seen;
}

/** Its figures are of all tenants together. */
function shownBackplane(
  backplane: BackplaneView,
  shown: NodeHealth['shown'],
): NonNullable<HealthView['backplane']> {
  return shown === 'all' ? backplane : { state: backplane.state };
}

/** For whoever is not known. */
export function healthStatusView(checks: HealthChecks): Pick<HealthView, 'status'> {
  return { status: isWell(checks) ? 'ok' : 'degraded' };
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
