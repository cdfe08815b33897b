/**
 * Pages of the log for those who cannot go on without them: read again, after a back-off, until the page is
 * there or nobody waits for it any more. Whoever wants one says what he wants before each try, since the log
 * and he himself may have moved on. How many are wanted is bounded by who wants: each has one under way.
 */
import { backoffMs } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import type { LogPage, ReadRange } from '../../log/contract/message-log.js';

const RETRY = { firstMs: 100, capMs: 1_000 };

/** What became of a page. again: it lacks what the log is known to have, or the log is another since. */
export type PageOutcome = 'taken' | 'again';

export interface WantedPage {
  /** Null: nobody waits for it any more. */
  range: () => ReadRange | null;
  /** What rejects is a failure, as if the read had. */
  onPage: (page: LogPage, range: ReadRange) => PageOutcome | Promise<PageOutcome>;
  /** It is tried again. */
  onFailed: (error: unknown) => void;
}

export interface PageReadsOptions {
  read: (range: ReadRange) => Promise<LogPage>;
  clock: Pick<Clock, 'random'>;
}

export class PageReads {
  readonly #options: PageReadsOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  #state: 'open' | 'stopped' = 'open';

  constructor(options: PageReadsOptions) {
    this.#options = options;
  }

  want(page: WantedPage): void {
    this.#try(page, 1);
  }

  /** Nothing is tried again. */
  stop(): void {
    this.#state = 'stopped';
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #try(wanted: WantedPage, attempt: number): void {
    const range = wanted.range();
    if (range === null) return;
    this.#options
      .read(range)
      .then((page) => wanted.onPage(page, range))
      .then(
        (outcome) => {
          if (outcome === 'again') this.#tryLater(wanted, attempt);
        },
        (error: unknown) => {
          wanted.onFailed(error);
          this.#tryLater(wanted, attempt);
        },
      );
  }

  #tryLater(wanted: WantedPage, attempt: number): void {
    if (this.#state === 'stopped') return;
    const delayMs = backoffMs(attempt, RETRY, this.#options.clock.random);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#try(wanted, attempt + 1);
    }, delayMs);
    this.#timers.add(timer);
  }
}
