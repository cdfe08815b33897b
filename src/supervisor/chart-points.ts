/**
 * The node's figures of this second, for charts: what its threads wrote of themselves, as rates. Nobody is
 * asked. A thread writes once a second too, so that a rate is of its own time between two writes.
 */
import type { FigurePoint } from '../core/figure-history.js';
import { tenths } from '../core/figure-history.js';
import { SharedCount } from '../core/shared-count.js';
import { MetricCells } from '../observe/metric-cells.js';
import { WORKER_METRICS } from '../observe/metrics.js';
import type { NodeMemory } from '../thread/node-memory.js';

const MS_PER_S = 1_000;

/** What a worker had counted when it last wrote, and what that was a second. */
interface Written {
  saidMs: number;
  totals: Rates;
  perS: Rates;
}

type Rates = readonly [published: number, redelivered: number, deadLettered: number];

export class ChartPoints {
  readonly #cells: MetricCells<typeof WORKER_METRICS>;
  readonly #sessions: SharedArrayBuffer;
  readonly #written: Written[] = [];

  constructor({ metrics, counts }: Pick<NodeMemory, 'metrics' | 'counts'>) {
    this.#cells = new MetricCells(WORKER_METRICS, metrics.worker);
    this.#sessions = counts.sessions;
  }

  /** To be called once a second. */
  next(atMs: number): FigurePoint {
    let [published, redelivered, deadLettered, subscribers] = [0, 0, 0, 0];
    for (let worker = 0; worker < this.#cells.threads; worker++) {
      const [p, r, d] = this.#perS(worker);
      published += p;
      redelivered += r;
      deadLettered += d;
      subscribers += this.#one(worker, 'subscribers');
    }
    return {
      atMs,
      publishedPerS: tenths(published),
      redeliveredPerS: tenths(redelivered),
      deadLetteredPerS: tenths(deadLettered),
      subscribers,
      sessions: SharedCount.totalOf(this.#sessions),
    };
  }

  #perS(worker: number): Rates {
    const saidMs = this.#one(worker, 'said');
    const before = this.#written[worker];
    if (before?.saidMs === saidMs) return before.perS;
    const totals: Rates = [
      this.#one(worker, 'published'),
      this.#one(worker, 'redelivered'),
      this.#one(worker, 'deadLettered'),
    ];
    const gained = (n: 0 | 1 | 2): number => Math.max(0, totals[n] - (before?.totals[n] ?? 0));
    // The first that it writes is of about a second, since nothing was before.
    const sinceMs = before === undefined || before.saidMs === 0 ? MS_PER_S : saidMs - before.saidMs;
    const rate = (n: 0 | 1 | 2): number => (gained(n) * MS_PER_S) / Math.max(1, sinceMs);
    const perS: Rates = [rate(0), rate(1), rate(2)];
    this.#written[worker] = { saidMs, totals, perS };
    return perS;
  }

  /** The first number of it: of `published` those that were stored. */
  #one(worker: number, name: keyof typeof WORKER_METRICS): number {
    return this.#cells.of(worker, name)[0] ?? 0;
  }
}
