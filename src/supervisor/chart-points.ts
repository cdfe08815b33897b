/**
 * The node's figures of this second, for charts: what its threads wrote of themselves, as rates and
 * quantiles. Nobody is asked.
 */
import { type FigurePoint, tenths } from '../core/figure-history.js';
import { SharedCount } from '../core/shared-count.js';
import { MetricCells } from '../observe/metric-cells.js';
import { ACCEPTOR_METRICS, WORKER_METRICS } from '../observe/metrics.js';
import { RecentHistogram } from '../observe/recent-histogram.js';
import type { NodeMemory } from '../thread/node-memory.js';
import { ThreadRates } from './thread-rates.js';

const MS_PER_S = 1_000;

/** Histograms of workers that are charted. */
const HISTOGRAMS = ['publishSeconds', 'deliverySeconds', 'commitSeconds', 'commitRows'] as const;

export class ChartPoints {
  readonly #workers: MetricCells<typeof WORKER_METRICS>;
  readonly #ofWorkers: ThreadRates<typeof WORKER_METRICS>;
  readonly #ofAcceptors: ThreadRates<typeof ACCEPTOR_METRICS>;
  readonly #sessions: SharedArrayBuffer;
  readonly #recent = {
    publishSeconds: new RecentHistogram(WORKER_METRICS.publishSeconds.bounds),
    deliverySeconds: new RecentHistogram(WORKER_METRICS.deliverySeconds.bounds),
    commitSeconds: new RecentHistogram(WORKER_METRICS.commitSeconds.bounds),
    commitRows: new RecentHistogram(WORKER_METRICS.commitRows.bounds),
  };

  constructor({ metrics, counts }: Pick<NodeMemory, 'metrics' | 'counts'>) {
    const workers = new MetricCells(WORKER_METRICS, metrics.worker);
    const acceptors = new MetricCells(ACCEPTOR_METRICS, metrics.acceptor);
    this.#workers = workers;
    this.#ofWorkers = new ThreadRates({
      ...{ cells: workers, said: 'said' },
      countsOf: (worker) =>
        // Of `published` those that were stored.
        (['published', 'redelivered', 'deadLettered'] as const).map(
          (name) => workers.of(worker, name)[0] ?? 0,
        ),
    });
    this.#ofAcceptors = new ThreadRates({
      ...{ cells: acceptors, said: 'said' },
      countsOf: (acceptor) => [sum(acceptors.of(acceptor, 'delivered'))],
    });
    this.#sessions = counts.sessions;
  }

  /** To be called once a second. */
  next(atMs: number): FigurePoint {
    const [published = 0, redelivered = 0, deadLettered = 0] = this.#ofWorkers.perS();
    const [delivered = 0] = this.#ofAcceptors.perS();
    for (const name of HISTOGRAMS) this.#recent[name].look(this.#workers.sum(name));
    const { publishSeconds, deliverySeconds, commitSeconds, commitRows } = this.#recent;
    return {
      atMs,
      publishedPerS: tenths(published),
      redeliveredPerS: tenths(redelivered),
      deadLetteredPerS: tenths(deadLettered),
      subscribers: sum(this.#workers.sum('subscribers')),
      sessions: SharedCount.totalOf(this.#sessions),
      deliveredPerS: tenths(delivered),
      inFlight: sum(this.#workers.sum('pending')),
      oldestUnackedMs: Math.round(MS_PER_S * this.#most('oldestUnackedSeconds')),
      publishP50Ms: quantileMs(publishSeconds, 0.5),
      publishP95Ms: quantileMs(publishSeconds, 0.95),
      publishP99Ms: quantileMs(publishSeconds, 0.99),
      deliveryP50Ms: quantileMs(deliverySeconds, 0.5),
      deliveryP95Ms: quantileMs(deliverySeconds, 0.95),
      deliveryP99Ms: quantileMs(deliverySeconds, 0.99),
      commitMs: hundredths(MS_PER_S * commitSeconds.mean),
      commitRows: tenths(commitRows.mean),
    };
  }

  #most(name: 'oldestUnackedSeconds'): number {
    const threads = Array.from({ length: this.#workers.threads }, (_, worker) => worker);
    return Math.max(0, ...threads.map((worker) => this.#workers.of(worker, name)[0] ?? 0));
  }
}

function quantileMs(histogram: RecentHistogram, share: number): number {
  return hundredths(MS_PER_S * histogram.quantile(share));
}

/** Of a millisecond. */
function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function sum(cells: Float64Array): number {
  return cells.reduce((total, cell) => total + cell, 0);
}
