/**
 * Which incarnation of the log this worker stands on: told by each session that appends when it opens, and
 * found out once a second for sessions that live on while the database becomes another beneath them.
 */
import type { DatabaseClock } from '../../../core/database-clock.js';
import { formatEpoch, incarnationOf } from '../../../core/epoch.js';
import { DatabasePulse, type Seen } from './database-pulse.js';
import { beginIncarnation, commonUpTo } from './incarnation.js';
import type { Queryable } from './queryable.js';

export interface LogIncarnationOptions {
  db: Queryable;
  clock: DatabaseClock;
  /** Whether appends are taken now. */
  isOpen: () => boolean;
  onChanged: () => void;
  onTrouble: (what: string, error: unknown) => void;
}

export class LogIncarnation {
  readonly #options: LogIncarnationOptions;
  readonly #pulse: DatabasePulse;
  /** Empty: none was seen. */
  #name = '';

  constructor(options: LogIncarnationOptions) {
    this.#options = options;
    this.#pulse = new DatabasePulse({
      db: options.db,
      clock: options.clock,
      onIncarnation: (name, sinceMs) => this.#seen(name, sinceMs),
      onTrouble: (error) => options.onTrouble('asking the database which one it is', error),
    });
  }

  /** Resolves once the database's time is known. */
  start(): Promise<void> {
    return this.#pulse.start();
  }

  stop(): void {
    this.#pulse.stop();
  }

  epochOf(topicId: number): string {
    return formatEpoch(topicId, this.#name);
  }

  /** As a session says that was just opened. */
  becomes(name: string): void {
    const before = this.#name;
    this.#name = name;
    if (before === '') return;
    this.#pulse.look();
    if (before !== name) this.#options.onChanged();
  }

  /** A standby that was promoted while its sessions lived on is another. */
  async promoted(): Promise<void> {
    this.becomes(await beginIncarnation(this.#options.db, null));
  }

  /** As the contract of the log has it. */
  commonUpTo(positions: readonly { topicId: number; epoch: string }[]): Promise<(number | null)[]> {
    const foreign = positions.map(({ topicId, epoch }) => ({
      topicId,
      incarnation: incarnationOf(epoch, topicId),
    }));
    return commonUpTo(this.#options.db, foreign);
  }

  /**
   * The sessions live on, and it is another: what was appended meanwhile stands above its beginning. That
   * cannot be entered while appends are not taken: the next question finds it again.
   */
  async #seen(name: string, sinceMs: number | null): Promise<Seen> {
    const { db, isOpen } = this.#options;
    if (name === this.#name) return 'taken in';
    if (!isOpen()) return 'not yet';
    this.becomes(await beginIncarnation(db, sinceMs));
    return 'taken in';
  }
}
