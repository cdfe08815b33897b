/**
 * The few pages that a topic worker reads on its own sessions, while the pool that reads for it sleeps: to
 * start the pool's thread and to open its sessions takes many times as long as the page, and whoever comes
 * back to a node that has just started waits for it. One at a time, since topics and cursors are asked for
 * there, too; and no more than a few a second, since the rows are decoded where everything else is done.
 */
import type { Clock } from '../../core/clock.js';
import { TokenBucket } from '../../core/token-bucket.js';
import { Turns } from '../../core/turns.js';
import type { LogPage, ReadRange } from './message-log.js';

/** Half of them at once (core/token-bucket.ts). */
const PAGES_PER_S = 8;

export class OwnPages {
  readonly #read: (range: ReadRange) => Promise<LogPage>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #bucket = new TokenBucket();
  /** Those that wait are bounded by the bucket. */
  readonly #turns = new Turns({ atOnce: 1, waitingMax: Number.POSITIVE_INFINITY });

  constructor(read: (range: ReadRange) => Promise<LogPage>, clock: Pick<Clock, 'monotonic'>) {
    this.#read = read;
    this.#clock = clock;
  }

  /** Null: there were so many of late that the pool is to be woken. */
  read(range: ReadRange): Promise<LogPage> | null {
    const nowMs = this.#clock.monotonic();
    if (this.#bucket.take(1, { perS: PAGES_PER_S, nowMs }) < 1) return null;
    return this.#turns.run('pages', () => this.#read(range));
  }
}
