/**
 * What the main thread says of itself, and of the threads that it replaced, in GET /metrics; and the node's
 * charts, which it keeps.
 */
import { FigureHistory } from '../core/figure-history.js';
import { MetricCells } from '../observe/metric-cells.js';
import type { SamplesOf } from '../observe/metric-kinds.js';
import { MAIN_METRICS, type ThreadMetric } from '../observe/metrics.js';
import type { NodeMemory } from '../thread/node-memory.js';
import { processMs } from '../thread/process-clock.js';
import { threadFigures } from '../thread/thread-figures.js';
import { ChartPoints } from './chart-points.js';

const SAMPLE_MS = 1_000;
const MICROS_PER_MS = 1_000;

export type MainSamples = Omit<SamplesOf<typeof MAIN_METRICS>, ThreadMetric | 'cores'>;

/** Writes once a second what `node` says, until it is stopped. */
export function sampleMain(
  memory: NodeMemory,
  node: { readonly figures: MainSamples },
): { stop: () => Promise<void> } {
  const write = new MetricCells(MAIN_METRICS, memory.metrics.main).writer(0);
  const [ofThread, cores] = [threadFigures(), coresUsed()];
  const [history, points] = [new FigureHistory('node', memory.history), new ChartPoints(memory)];
  const timer = setInterval(() => {
    write({ ...node.figures, ...ofThread(), cores: cores() });
    history.add(points.next(Date.now()));
  }, SAMPLE_MS).unref();
  return { stop: async () => clearInterval(timer) };
}

/** Each call says it of the time since the one before. */
function coresUsed(): () => number {
  let [usage, atMs] = [process.cpuUsage(), processMs()];
  return () => {
    const { user, system } = process.cpuUsage(usage);
    const tookMs = processMs() - atMs;
    [usage, atMs] = [process.cpuUsage(), processMs()];
    return (user + system) / MICROS_PER_MS / Math.max(1, tookMs);
  };
}
