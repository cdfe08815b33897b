/** What the appends of one topic worker came to: plain numbers, written by its lanes. */
import type { DatabaseUse } from '../../core/log-figures.js';
import { Histogram } from '../../observe/histogram.js';
import { BATCH_BOUNDS, DURATION_BOUNDS } from '../../observe/metrics.js';

export class AppendFigures {
  /** Of transactions that were committed. */
  readonly seconds = new Histogram(DURATION_BOUNDS);
  /** Messages of each. */
  readonly rows = new Histogram(BATCH_BOUNDS);
  /** Transactions that failed, or whose commit was not answered. */
  errors = 0;
  readonly #queued: () => number;

  constructor(queued: () => number) {
    this.#queued = queued;
  }

  /** Messages that wait for a transaction. */
  get queued(): number {
    return this.#queued();
  }

  /** For one database of several. */
  get use(): Pick<DatabaseUse, 'commits' | 'commitSeconds' | 'errors' | 'queued'> {
    const { count: commits, sum: commitSeconds } = this.seconds;
    return { commits, commitSeconds, errors: this.errors, queued: this.queued };
  }

  /** Of several databases, as they are now. */
  static sum(all: readonly AppendFigures[]): AppendFigures {
    const sum = new AppendFigures(() => all.reduce((n, { queued }) => n + queued, 0));
    for (const { seconds, rows, errors } of all) {
      sum.seconds.add(seconds);
      sum.rows.add(rows);
      sum.errors += errors;
    }
    return sum;
  }
}
