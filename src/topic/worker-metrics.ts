/** What a topic worker says of itself in GET /metrics, gathered once a second from whoever counts. */
import {
  BACKPLANE_COUNTERS,
  type BackplaneFigures,
  ENVELOPE_FAULTS,
} from '../core/backplane-figures.js';
import type { Clock } from '../core/clock.js';
import { eachMember } from '../core/each-member.js';
import type { DatabaseState, HeldSnapshot } from '../core/log-figures.js';
import type { Tenant } from '../core/topic-key.js';
import { DELIVERY_COUNTERS } from '../core/worker-figures.js';
import type { MessageLog } from '../log/contract/message-log.js';
import type { Histogram } from '../observe/histogram.js';
import type { SamplesOf } from '../observe/metric-kinds.js';
import { DATABASES, type ThreadMetric, type WORKER_METRICS } from '../observe/metrics.js';
import type { PublishFigures } from './log/publish-figures.js';
import type { PublishUnderWay } from './log/publishes.js';
import { type Figures, type InFlight, NONE_IN_FLIGHT } from './state/figures.js';
import type { Subscription } from './state/subscription.js';
import type { Topics } from './state/topics.js';

export type WorkerSamples = Omit<SamplesOf<typeof WORKER_METRICS>, ThreadMetric>;

export interface WorkerMetricsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  figures: Figures;
  published: PublishFigures;
  delivery: { readonly latency: Histogram; readonly verdicts: WorkerSamples['verdicts'] };
  clock: Clock;
  headsMs: () => number | null;
  backplane: () => BackplaneFigures | null;
}

/** To walk over all subscriptions every second is too much where there are tens of thousands. */
const WALK_EVERY = 5;
const MS_PER_S = 1_000;

export class WorkerMetrics {
  readonly #options: WorkerMetricsOptions;
  #looks = 0;
  #walked: Walked = { subscribers: 0, pending: 0, oldestUnackedSeconds: 0 };

  constructor(options: WorkerMetricsOptions) {
    this.#options = options;
  }

  read(): WorkerSamples {
    const { topics, figures, published, delivery, log } = this.#options;
    if (this.#looks++ % WALK_EVERY === 0) this.#walked = walk(this.#options);
    return {
      published: published.counts,
      publishedBytes: published.bytes,
      publishSeconds: published.seconds,
      deliverySeconds: delivery.latency,
      verdicts: delivery.verdicts,
      ...eachMember(DELIVERY_COUNTERS, (name) => figures.total(name)),
      ...this.#ofLog(),
      ...ofDatabases(log.databases),
      topics: topics.size,
      ...this.#walked,
      hotCacheBytes: topics.hotBytes,
      logOpen: log.state === 'open' ? 1 : 0,
      headsSeconds: log.mode === 'memory' ? 0 : (this.#options.headsMs() ?? 0) / MS_PER_S,
      ...this.#ofBackplane(),
    };
  }

  #ofLog() {
    const { appends, vitals } = this.#options.log;
    const snapshot: HeldSnapshot | null = vitals?.snapshot ?? null;
    return {
      commitSeconds: appends?.seconds ?? [],
      commitRows: appends?.rows ?? [],
      walErrors: appends?.errors ?? 0,
      walQueueRows: appends?.queued ?? 0,
      outboxSeconds: (vitals?.dueMs ?? 0) / MS_PER_S,
      upkeepSeconds: (vitals?.upkeepMs ?? 0) / MS_PER_S,
      snapshotSeconds: (snapshot?.ageMs ?? 0) / MS_PER_S,
      snapshotRows: snapshot?.deadRows ?? 0,
    };
  }

  #ofBackplane() {
    const known = this.#options.backplane();
    const up = known === null ? -1 : known.state === 'up' ? 1 : 0;
    return {
      backplaneUp: up,
      backplaneQueueBytes: known?.queueBytes ?? 0,
      backplane: known ?? eachMember(BACKPLANE_COUNTERS, () => 0),
      backplaneDropped: known?.dropped ?? eachMember(ENVELOPE_FAULTS, () => 0),
    };
  }
}

type Walked = Pick<WorkerSamples, 'subscribers' | 'pending' | 'oldestUnackedSeconds'>;

/** Tells each tenant's figures how its subscriptions stand. */
function walk({ topics, figures, clock }: WorkerMetricsOptions): Walked {
  const [nowMs, wallMs] = [clock.monotonic(), clock.now()];
  let [subscribers, pending, oldestMs] = [0, 0, nowMs];
  const standings = new Map<Tenant, InFlight>();
  for (const topic of topics.values()) {
    if (topic.subscriptions.size === 0) continue;
    subscribers += topic.subscriptions.size;
    let { inFlight, oldestUnackedAtMs } = standings.get(topic.tenant) ?? NONE_IN_FLIGHT;
    for (const subscription of topic.subscriptions.values()) {
      if (subscription.inFlight === 0) continue;
      pending += subscription.inFlight;
      inFlight += subscription.inFlight;
      const sentMs = oldestSentMs(subscription, nowMs);
      if (sentMs === null) continue;
      oldestMs = Math.min(oldestMs, sentMs);
      const sentAtMs = Math.round(wallMs - (nowMs - sentMs));
      if (oldestUnackedAtMs === 0 || sentAtMs < oldestUnackedAtMs) oldestUnackedAtMs = sentAtMs;
    }
    standings.set(topic.tenant, { inFlight, oldestUnackedAtMs });
  }
  for (const [tenant, of] of figures.all()) of.standing = standings.get(tenant) ?? NONE_IN_FLIGHT;
  return { subscribers, pending, oldestUnackedSeconds: (nowMs - oldestMs) / MS_PER_S };
}

/** Monotonic; null: nothing that it has is waited for. */
function oldestSentMs({ tracker, isWindowed }: Subscription, nowMs: number): number | null {
  if (tracker === null || !isWindowed) return null;
  tracker.sync(nowMs);
  const sentMs = tracker.oldestSentAtMs();
  return sentMs === null || !Number.isFinite(sentMs) ? null : sentMs;
}

/** By its place, those beyond the last label with it. */
function ofDatabases(databases: readonly DatabaseState[]) {
  const sumBy = (value: (one: DatabaseState) => number): Record<string, number> => {
    const sums = Object.fromEntries(DATABASES.map((label) => [label, 0]));
    for (const [place, one] of databases.entries()) {
      const label = DATABASES[place] ?? DATABASES.at(-1) ?? '';
      sums[label] = (sums[label] ?? 0) + value(one);
    }
    return sums;
  };
  return {
    databaseOpen: sumBy(({ state }) => (state === 'open' ? 1 : 0)),
    databaseCommits: sumBy(({ use }) => use?.commits ?? 0),
    databaseCommitSeconds: sumBy(({ use }) => use?.commitSeconds ?? 0),
    databaseErrors: sumBy(({ use }) => use?.errors ?? 0),
    databaseQueueRows: sumBy(({ use }) => use?.queued ?? 0),
    databasePoolSessions: sumBy(({ use }) => use?.poolSessions ?? 0),
    databasePoolWaiting: sumBy(({ use }) => use?.poolWaiting ?? 0),
  };
}
