/**
 * GET /metrics: what all threads of the node have written of themselves, added up. Nobody is asked for it,
 * so a worker that is stuck is seen, and not waited for; what a worker says is a second old at most.
 */

import type { AcceptorFigures } from '../../core/acceptor-figures.js';
import type { MetricCells, MetricTable } from '../../observe/metric-cells.js';
import { MetricCells as Cells } from '../../observe/metric-cells.js';
import type { Metric } from '../../observe/metric-kinds.js';
import {
  ACCEPTOR_METRICS,
  BUILD_INFO,
  DATABASE_LABEL,
  MAIN_METRICS,
  PROCESS_METRICS,
  SHARED_METRICS,
  WORKER_METRICS,
} from '../../observe/metrics.js';
import { type MetricPart, MetricsText } from '../../observe/metrics-text.js';
import type { NodeMemory } from '../../thread/node-memory.js';
import { processMs } from '../../thread/process-clock.js';
import type { Traffic } from '../http/traffic.js';

export interface MetricsPageOptions {
  memory: NodeMemory['metrics'];
  version: string;
  /** How many DATABASE_URL names; 0: the log is in memory. */
  databases: number;
  traffic: Pick<Traffic, 'labelsOf'>;
  /** What the acceptors count together. */
  shared: () => AcceptorFigures;
  /** Writes what this acceptor has by now. */
  refresh: () => void;
}

const MICROS_PER_S = 1e6;
const MS_PER_S = 1_000;
const TENTH = 10;

export class MetricsPage {
  readonly #options: MetricsPageOptions;
  readonly #worker: MetricCells<typeof WORKER_METRICS>;
  readonly #acceptor: MetricCells<typeof ACCEPTOR_METRICS>;
  readonly #main: MetricCells<typeof MAIN_METRICS>;

  constructor(options: MetricsPageOptions) {
    this.#options = options;
    const { worker, acceptor, main } = options.memory;
    this.#worker = new Cells(WORKER_METRICS, worker);
    this.#acceptor = new Cells(ACCEPTOR_METRICS, acceptor);
    this.#main = new Cells(MAIN_METRICS, main);
  }

  text(state: 'serving' | 'draining'): Promise<string> {
    const { refresh, version, shared, databases } = this.#options;
    refresh();
    const page = new MetricsText();
    const log = databases === 0 ? 'memory' : 'postgres';
    page.add(BUILD_INFO, [part([1], { version, node: process.versions.node, log })]);
    this.#addOf(page, 'worker', this.#worker);
    this.#addOf(page, 'acceptor', this.#acceptor);
    this.#addOf(page, 'main', this.#main);
    const figures = shared();
    for (const [name, value] of Object.entries(figures)) {
      page.add(SHARED_METRICS[name as keyof AcceptorFigures], [part([value])]);
    }
    this.#addProcess(page, state);
    return page.text();
  }

  #addOf<T extends MetricTable>(page: MetricsText, kind: string, cells: MetricCells<T>): void {
    for (const [name, metric] of cells.metrics()) {
      page.add(metric, partsOf(metric, { kind, cells, name }, this.#options));
    }
  }

  #addProcess(page: MetricsText, state: 'serving' | 'draining'): void {
    const { user, system } = process.cpuUsage();
    const { cpuSeconds, residentBytes, startSeconds, draining } = PROCESS_METRICS;
    page.add(cpuSeconds, [part([user / MICROS_PER_S, system / MICROS_PER_S])]);
    page.add(residentBytes, [part([process.memoryUsage.rss()])]);
    const started = Date.now() / MS_PER_S - process.uptime();
    page.add(startSeconds, [part([Math.round(started * TENTH) / TENTH])]);
    page.add(draining, [part([state === 'draining' ? 1 : 0])]);
  }
}

function part(cells: ArrayLike<number>, labels: MetricPart['labels'] = {}): MetricPart {
  return { cells, labels };
}

/** Of a thread that has said nothing yet. */
const NEVER = 0;

function partsOf<T extends MetricTable>(
  metric: Metric,
  { kind, cells, name }: { kind: string; cells: MetricCells<T>; name: keyof T },
  { traffic, databases }: Pick<MetricsPageOptions, 'traffic' | 'databases'>,
): MetricPart[] {
  const shown = name === 'said' ? ageOf : (numbers: Float64Array): Float64Array => numbers;
  if (metric.over === 'each') {
    const threads = Array.from({ length: cells.threads }, (_, thread) => thread);
    return threads.map((thread) => part(shown(cells.of(thread, name)), { [kind]: String(thread) }));
  }
  const sum = shown(cells.sum(name));
  if (metric.label === DATABASE_LABEL) {
    // Of those that there are.
    const slots = (n: number) => (n < databases ? { [DATABASE_LABEL]: `${n + 1}` } : null);
    return [{ ...part(sum), slots }];
  }
  if (metric !== ACCEPTOR_METRICS.requests) return [part(sum)];
  const slots = (slot: number): MetricPart['labels'] | null =>
    sum[slot] === 0 ? null : traffic.labelsOf(slot);
  return [{ ...part(sum), slots }];
}

/** Seconds since `at`, by processMs. */
function ageOf([at = NEVER]: Float64Array): Float64Array {
  return Float64Array.of(at === NEVER ? 0 : Math.max(0, processMs() - at) / MS_PER_S);
}
