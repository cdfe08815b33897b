/** What the main thread says of itself, and of the threads that it replaced, in GET /metrics. */
import { MetricCells } from '../observe/metric-cells.js';
import type { SamplesOf } from '../observe/metric-kinds.js';
import { MAIN_METRICS, type ThreadMetric } from '../observe/metrics.js';
import type { NodeMemory } from '../thread/node-memory.js';
import { threadFigures } from '../thread/thread-figures.js';

const SAMPLE_MS = 1_000;

export type MainSamples = Omit<SamplesOf<typeof MAIN_METRICS>, ThreadMetric>;

/** Writes once a second what `node` says, until it is stopped. */
export function sampleMain(
  memory: NodeMemory['metrics'],
  node: { readonly figures: MainSamples },
): { stop: () => Promise<void> } {
  const write = new MetricCells(MAIN_METRICS, memory.main).writer(0);
  const ofThread = threadFigures();
  const timer = setInterval(() => write({ ...node.figures, ...ofThread() }), SAMPLE_MS).unref();
  return { stop: async () => clearInterval(timer) };
}
