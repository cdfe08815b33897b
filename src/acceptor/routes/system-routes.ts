/** /api/stats, /api/health, /livez, /readyz: what operators and load balancers ask. */
import { processMs } from '../../thread/control.js';
import type { Exchange } from '../http/exchange.js';
import type { Control } from './control.js';
import { checksOf, type WorkerHealth, workerView } from './health.js';

export interface SystemRoutesOptions {
  control: Control;
  version: string;
  nodeId: string;
  startedAtMs: number;
  /** Sessions of this acceptor, SSE streams included, and these alone. */
  sessions: () => number;
  streams: () => number;
}

/** Of the shared database; in memory each worker counts its own topics. */
interface LogTotals {
  topics: number;
  messages: number;
  deferred: number;
}

interface WorkerStats {
  messages_per_sec: number;
  active_subscribers: number;
  hot_cache_bytes: number;
  gaps_repaired: number;
  redelivered: number;
  dead_lettered: number;
  expired: number;
  untracked: number;
  abandoned: number;
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

  live(exchange: Exchange): void {
    exchange.json(200, { status: 'ok' });
  }

  /** 200 only when this node would serve a publish now. */
  ready(exchange: Exchange): void {
    this.#options.control.run(exchange, async () => {
      const { checks } = await this.#look('publish');
      const ready = Object.values(checks).every((state) => state === 'ok');
      exchange.json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
    });
  }

  health(exchange: Exchange): void {
    const { control, version, nodeId } = this.#options;
    const { inMemory } = control;
    this.#options.control.run(exchange, async () => {
      const { checks, workers } = await this.#look('all');
      const ok = Object.values(checks).every((state) => state === 'ok');
      exchange.json(ok ? 200 : 503, {
        status: ok ? 'ok' : 'degraded',
        checks,
        durability: inMemory ? 'memory' : 'durable',
        ...(inMemory ? { warning: 'messages are in memory: nothing survives a restart' } : {}),
        version,
        node: nodeId,
        workers: workers.map(workerView),
      });
    });
  }

  stats(exchange: Exchange): void {
    const { control, startedAtMs, sessions, streams } = this.#options;
    this.#options.control.run(exchange, async () => {
      const all = await this.#options.control.askAll<WorkerStats>('stats', {});
      const sum = (of: (one: WorkerStats) => number): number =>
        all.reduce((total, one) => total + of(one), 0);
      const logs = await control.browsing.all<LogTotals>('log.totals', {
        tenant: exchange.principal.tenant,
      });
      const total = (of: keyof LogTotals): number =>
        logs.reduce((count, { result }) => count + result[of], 0);
      exchange.json(200, {
        messages_per_sec: Math.round(sum((one) => one.messages_per_sec) * 10) / 10,
        total_messages: total('messages'),
        active_subscribers: sum((one) => one.active_subscribers),
        active_topics: total('topics'),
        uptime_seconds: Math.round((processMs() - startedAtMs) / 100) / 10,
        deferred_messages: total('deferred'),
        sessions: sessions(),
        streams: streams(),
        hot_cache_bytes: sum((one) => one.hot_cache_bytes),
        gaps_repaired: sum((one) => one.gaps_repaired),
        redelivered: sum((one) => one.redelivered),
        dead_lettered: sum((one) => one.dead_lettered),
        expired: sum((one) => one.expired),
        untracked: sum((one) => one.untracked),
        abandoned: sum((one) => one.abandoned),
      });
    });
  }

  /** What each worker says, and what it comes to: for a publish now, or for all that has been promised. */
  async #look(
    about: 'publish' | 'all',
  ): Promise<{ checks: Record<string, string>; workers: WorkerHealth[] }> {
    const { workers } = this.#options.control;
    const node = {
      node: this.#state === 'draining' ? 'draining' : 'ok',
      workers: workers.complete ? 'ok' : 'a worker is being replaced',
    };
    if (!workers.complete) return { checks: node, workers: [] };
    const all = await this.#options.control.askAll<WorkerHealth>('health', {});
    const { publish, later } = checksOf(all);
    const checks = { ...node, ...publish, ...(about === 'all' ? later : {}) };
    return { checks, workers: all };
  }
}
