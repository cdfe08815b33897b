/** /api/stats, /api/health, /api/nodes, /readyz: what operators and load balancers ask. */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import type { LogTotals } from '../../core/log-figures.js';
import type {
  LeaseFigures,
  NodeFigures,
  NodeIdentity,
  NodeRecord,
} from '../../core/node-record.js';
import { NOBODY, type Principal } from '../../core/principal.js';
import type { ProcessFigures } from '../../core/process-figures.js';
import type { WorkerHealth } from '../../core/worker-figures.js';
import { METRICS_TYPE } from '../../observe/metrics-text.js';
import { type AcceptorCounts, acceptorFigures } from '../../thread/acceptor-counts.js';
import { processMs } from '../../thread/process-clock.js';
import type { RosterPort } from '../../thread/roster-port.js';
import { backplaneView } from '../../wire/views/backplane-view.js';
import {
  type HealthChecks,
  type HealthView,
  healthStatusView,
  healthView,
  isWell,
  type NodeHealth,
  oldestSnapshot,
  readyView,
} from '../../wire/views/health-view.js';
import type { SeenNode } from '../../wire/views/node-list-view.js';
import type { NodeStats } from '../../wire/views/stats-view.js';
import type { Exchange } from '../http/exchange.js';
import type { Control } from './control.js';
import { checksOf, presenceCheck } from './health.js';
import type { MetricsPage } from './metrics-page.js';

export interface SystemRoutesOptions {
  control: Control;
  node: NodeIdentity;
  /** By `processMs`. */
  startedAtMs: number;
  counts: AcceptorCounts;
  /** Of the whole node, as it is now. */
  figures: () => NodeFigures;
  /** Of its process. */
  load: () => ProcessFigures;
  /** Has this node end in order. */
  drainItself: () => void;
  /** To whoever knows what other nodes do. */
  roster: Pick<RosterPort, 'ask'>;
  /** Null in memory. */
  lease: LeaseFigures | null;
  durables: NodeHealth['durables'];
  clock: Pick<Clock, 'now'>;
  metrics: Pick<MetricsPage, 'text'>;
}

export class SystemRoutes {
  readonly #options: SystemRoutesOptions;
  #state: 'serving' | 'draining' = 'serving';

  constructor(options: SystemRoutesOptions) {
    this.#options = options;
  }

  drain(): void {
    this.#state = 'draining';
  }

  /** 200 only when this node would serve a publish now. */
  async ready(exchange: Exchange): Promise<void> {
    const { checks } = await this.#look('publish');
    exchange.json(isWell(checks) ? 200 : 503, readyView(checks));
  }

  async health(exchange: Exchange): Promise<void> {
    const { principal } = exchange;
    const health = await this.healthFor(principal);
    const view = principal === NOBODY ? healthStatusView(health.checks) : health;
    exchange.json(isWell(health.checks) ? 200 : 503, view);
  }

  /** As somebody who is known is shown it. */
  async healthFor({ scopes }: Principal): Promise<HealthView> {
    const { control, lease: presence, durables } = this.#options;
    const { id: node, version } = this.#options.node;
    const mode = control.inMemory ? 'memory' : 'postgres';
    const { checks, workers } = await this.#look('all');
    const shown = scopes.has('operate') ? 'all' : 'no names';
    return healthView({ checks, mode, version, node, presence, durables, workers, shown });
  }

  /** As Prometheus reads it. */
  async metrics(exchange: Exchange): Promise<void> {
    const text = await this.#options.metrics.text(this.#state);
    exchange.reply(200, text, { type: METRICS_TYPE, headers: null });
  }

  /**
   * Of all nodes that have said something of late. What they have of all tenants together is for the
   * operator, where there are several.
   */
  async stats(principal: Principal): Promise<NodeStats> {
    return this.statsWith(principal, await this.totals(principal));
  }

  /** What the log has of its tenant. */
  totals(principal: Principal): Promise<LogTotals[]> {
    return this.#options.control.browsing.all('log.totals', { tenant: principal.whole() });
  }

  /** The same with totals that were asked for before. */
  async statsWith(principal: Principal, logs: readonly LogTotals[]): Promise<NodeStats> {
    const { control, startedAtMs, counts } = this.#options;
    const tenant = principal.whole();
    const workers = await control.askAll('stats', { tenant });
    const healths = await control.askAll('health', {});
    const snapshot = oldestSnapshot(healths);
    const backplane = backplaneView(healths);
    const uptimeMs = processMs() - startedAtMs;
    const elsewhere = await this.#options.roster.ask({ what: 'elsewhere', tenant });
    const acceptors = principal.may('operate') ? [acceptorFigures(counts)] : null;
    if (elsewhere !== null) {
      workers.push(elsewhere.workers);
      acceptors?.push(elsewhere.acceptors);
    }
    const nowMs = this.#options.clock.now();
    return { workers, logs, acceptors, snapshot, backplane, uptimeMs, nowMs, elsewhere };
  }

  /** Those of the database, by id; this one also where its row is not there, as in memory. */
  async nodes({ tenant }: Principal): Promise<SeenNode[]> {
    const { control, node, roster, load } = this.#options;
    const pages = await control.browsing.all('nodes.list', {});
    const records = pages.flatMap((page) => page.records);
    if (!records.some((record) => record.id === node.id)) records.push(this.#itself());
    const elsewhere = await roster.ask({ what: 'elsewhere', tenant });
    const processes = { ...elsewhere?.processes, [node.bootId]: load() };
    return records
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((record) => ({ record, process: processes[record.bootId] ?? null }));
  }

  /** Whichever it is; rejects with node_not_found. */
  async drainNode(id: string): Promise<void> {
    const { control, node, drainItself } = this.#options;
    if (control.inMemory && id === node.id) {
      drainItself();
      return;
    }
    const [answer] = await control.browsing.all('nodes.drain', { id });
    if (answer?.found !== true) throw new RequestError('node_not_found', 'it does not live', 'id');
  }

  #itself(): NodeRecord {
    const { node, figures, clock } = this.#options;
    const seenAtMs = clock.now();
    const startedAtMs = seenAtMs - (processMs() - this.#options.startedAtMs);
    const isToDrain = this.#state === 'draining';
    return { ...node, ...figures(), startedAtMs, seenAtMs, state: 'live', isToDrain };
  }

  /** What each worker says, and what it comes to: for a publish now, or for all that has been promised. */
  async #look(
    about: 'publish' | 'all',
  ): Promise<{ checks: HealthChecks; workers: WorkerHealth[] }> {
    const { control, lease } = this.#options;
    const { workers } = control;
    const node = {
      node: this.#state === 'draining' ? 'draining' : 'ok',
      workers: workers.complete ? 'ok' : 'a worker is being replaced',
    };
    if (!workers.complete) return { checks: node, workers: [] };
    const all = await control.askAll('health', {});
    const { publish, later } = checksOf(all);
    const presence = lease === null ? {} : { presence: presenceCheck(lease) };
    const checks = { ...node, ...publish, ...(about === 'all' ? { ...later, ...presence } : {}) };
    return { checks, workers: all };
  }
}
