/**
 * What health and readiness say of the workers, in words for whoever asks: the operator's log says where and
 * why. `publish`: what a publish needs now. `later`: what acknowledged publishers rely on to move by
 * itself. Pure.
 */
import type { LogState } from '../../core/log-figures.js';
import type { LeaseFigures } from '../../core/node-record.js';
import type { WorkerHealth } from '../../core/worker-figures.js';
import type { HealthChecks } from '../../wire/views/health-view.js';

export interface Checks {
  publish: HealthChecks;
  later: HealthChecks;
}

/** It looks every second. */
const HEADS_MS_MAX = 5_000;
/** What is due is looked for every second. */
const RELEASE_MS_MAX = 10_000;
const STUCK_MS_MAX = 30_000;
/** It runs every minute. */
const UPKEEP_MS_MAX = 300_000;
/** Renewed twice a second; other nodes count this one among the lost after two. */
const LEASE_MS_MAX = 5_000;

const LOG_TROUBLE: Readonly<Record<Exclude<LogState, 'open'>, string>> = {
  connecting: 'the log is being connected to',
  lost: 'the log cannot be reached',
  read_only: 'the database is read-only',
  locked: 'a table of the log is locked by another session of the database',
  full: 'the disk of the database is full',
  incomplete: 'a table or function of the schema is missing',
  denied: "the node's database role lacks a privilege",
  closed: 'the log is closed',
};

/** 'ok', or what is wrong at the first worker that has something. */
export function checksOf(workers: readonly WorkerHealth[]): Checks {
  const first = (trouble: (worker: WorkerHealth) => string | null): string =>
    workers.map(trouble).find((words) => words !== null) ?? 'ok';
  return {
    publish: { log: first(logTrouble), topics: first(topicsTrouble) },
    later: {
      ...{ outbox: first(outboxTrouble), upkeep: first(upkeepTrouble), ...databases(workers) },
      ...relay(workers),
    },
  };
}

/** In memory what other nodes publish meanwhile is nowhere to be read. */
function relay(workers: readonly WorkerHealth[]): HealthChecks {
  const relays = workers.flatMap(({ log, backplane }) =>
    log.mode === 'memory' ? (backplane?.state ?? []) : [],
  );
  if (relays.length === 0) return {};
  const isUp = relays.every((state) => state === 'up');
  return { relay: isUp ? 'ok' : 'Redis is away: other nodes in memory are not heard, nor told' };
}

/** An entry for each of several: while one is away what the others have goes on, and this node is ready. */
function databases(workers: readonly WorkerHealth[]): HealthChecks {
  const count = workers[0]?.databases?.length ?? 0;
  return Object.fromEntries(
    Array.from({ length: count }, (_, place) => {
      const states = workers.map((worker) => worker.databases?.[place] ?? 'open');
      const worst = states.find((state) => state !== 'open') ?? 'open';
      return [`database_${place + 1}`, worst === 'open' ? 'ok' : LOG_TROUBLE[worst]];
    }),
  );
}

/** 'ok', or what is wrong with the node's place among the others, which have taken over its work. */
export function presenceCheck({ ageMs }: LeaseFigures): string {
  if (ageMs === null) return 'the lease of this node could not be had yet';
  return ageMs < LEASE_MS_MAX
    ? 'ok'
    : `the lease of this node was not renewed for ${seconds(ageMs)}`;
}

function logTrouble({ log }: WorkerHealth): string | null {
  return log.state === 'open' ? null : LOG_TROUBLE[log.state];
}

function topicsTrouble({ vitals, headsMs }: WorkerHealth): string | null {
  if (vitals === null || (headsMs !== null && headsMs < HEADS_MS_MAX)) return null;
  if (headsMs === null) return 'topics could not be looked up yet';
  return `topics could not be looked up for ${seconds(headsMs)}`;
}

function outboxTrouble({ vitals }: WorkerHealth): string | null {
  if (vitals === null) return null;
  const { releaseMs, dueMs, stuckMs } = vitals;
  if (releaseMs > RELEASE_MS_MAX)
    return `deferred messages were not looked for, for ${seconds(releaseMs)}`;
  if (stuckMs < STUCK_MS_MAX) return null;
  return `the oldest due message waits for ${seconds(dueMs)}, and none has moved for ${seconds(stuckMs)}`;
}

function upkeepTrouble({ vitals }: WorkerHealth): string | null {
  if (vitals === null || vitals.upkeepMs < UPKEEP_MS_MAX) return null;
  return `retention and partitions were not kept up for ${seconds(vitals.upkeepMs)}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
