/** What the threads of this process wrote of themselves last: any thread reads it, nobody is asked. */
import type { ProcessFigures, ThreadLoad } from '../core/process-figures.js';
import { MetricCells } from '../observe/metric-cells.js';
import { ACCEPTOR_METRICS, MAIN_METRICS, WORKER_METRICS } from '../observe/metrics.js';
import type { NodeMemory } from './node-memory.js';

const MS_PER_S = 1_000;

export function processLoad({ metrics }: Pick<NodeMemory, 'metrics'>): ProcessFigures {
  const main = new MetricCells(MAIN_METRICS, metrics.main);
  const workers = new MetricCells(WORKER_METRICS, metrics.worker);
  const acceptors = new MetricCells(ACCEPTOR_METRICS, metrics.acceptor);
  const [cpuCores = 0] = main.of(0, 'cores');
  return {
    cpuCores: rounded(cpuCores),
    residentBytes: process.memoryUsage.rss(),
    main: loadOf(main.of(0, 'utilization'), main.of(0, 'delay')),
    workers: numbers(workers.threads).map((n) => {
      const load = loadOf(workers.of(n, 'utilization'), workers.of(n, 'delay'));
      return { ...load, logOpen: workers.of(n, 'logOpen')[0] === 1 };
    }),
    acceptors: numbers(acceptors.threads).map((n) =>
      loadOf(acceptors.of(n, 'utilization'), acceptors.of(n, 'delay')),
    ),
  };
}

function loadOf([busy = 0]: Float64Array, [lateSeconds = 0]: Float64Array): ThreadLoad {
  return { busy: rounded(busy), lateMs: Math.round(lateSeconds * MS_PER_S * 10) / 10 };
}

/** Whole numbers below it. */
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

/** To a thousandth. */
function rounded(share: number): number {
  return Math.round(share * 1_000) / 1_000;
}
