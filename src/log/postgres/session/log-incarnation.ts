/**
 * Which incarnation of the log this worker stands on: told by each session that appends when it opens, and
 * found out once a second for sessions that live on while the database becomes another beneath them. It
 * remembers those that it stood on, for a log that was restored from a dump of before and knows none of them.
 */
import type { DatabaseClock } from '../../../core/database-clock.js';
import { formatEpoch, incarnationOf } from '../../../core/epoch.js';
import { DatabasePulse, type Seen } from './database-pulse.js';
import type { Ancestor, Entered, ForeignPosition, Incarnation } from './incarnation.js';
import { beginIncarnation, commonUpTo, enterIncarnation, readNames } from './incarnation.js';
import type { Queryable } from './queryable.js';

/** As many as a log remembers of its own. */
const REMEMBERED_MAX = 20;
/**
 * A message has its time before its transaction commits, and a dump has what was committed: none is under
 * way for so long.
 */
const COMMIT_MS = 30_000;

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
  #logOid = 0;
  /** Those that it stood on, the oldest first, with what they went through. */
  readonly #remembered = new Map<string, readonly Ancestor[]>();

  constructor(options: LogIncarnationOptions) {
    this.#options = options;
    this.#pulse = new DatabasePulse({
      db: options.db,
      clock: options.clock,
      onIncarnation: (name, sinceMs) => this.#seen(name, sinceMs),
      onTrouble: (error) => options.onTrouble('asking the database which one it is', error),
    });
  }

  /** The last that was seen. */
  get name(): string {
    return this.#name;
  }

  /** Resolves once the database's time is known. */
  start(): Promise<void> {
    return this.#pulse.start();
  }

  stop(): void {
    this.#pulse.stop();
  }

  /** Somebody has met another one. */
  look(): void {
    this.#pulse.look();
  }

  epochOf(topicId: number): string {
    return formatEpoch(topicId, this.#name);
  }

  /** Of a session that was just opened. */
  enter(db: Queryable): Promise<Entered> {
    const { seenAtMs: atMs, wal } = this.#pulse;
    return enterIncarnation(db, { logOid: this.#logOid, atMs, wal });
  }

  /** As a session says that was just opened. */
  becomes({ name, logOid, lineage }: Incarnation): void {
    const before = this.#name;
    this.#name = name;
    this.#logOid = logOid;
    this.#remember(name, lineage);
    if (before === '') return;
    this.#pulse.look();
    if (before !== name) this.#options.onChanged();
  }

  /** A standby that was promoted while its sessions lived on is another. */
  async promoted(): Promise<void> {
    this.becomes(await beginIncarnation(this.#options.db, null));
  }

  /** As the contract of the log has it, of a session that stands on this one. */
  async commonUpTo(
    db: Queryable,
    positions: readonly { topicId: number; epoch: string }[],
  ): Promise<(number | null)[]> {
    const foreign = positions.map(
      ({ topicId, epoch }): ForeignPosition => ({
        topicId,
        incarnation: incarnationOf(epoch, topicId),
      }),
    );
    const common = await commonUpTo(db, foreign);
    await this.#fromMemory(db, foreign, common);
    return common;
  }

  /** Fills in what the log does not know itself, where it knows one that went before. */
  async #fromMemory(
    db: Queryable,
    foreign: readonly ForeignPosition[],
    common: (number | null)[],
  ): Promise<void> {
    const places = foreign.flatMap(({ incarnation }, n) =>
      common[n] === null && this.#remembered.has(incarnation) ? [n] : [],
    );
    if (places.length === 0) return;
    const here = await readNames(db);
    const asked = places.flatMap((place) => {
      const { topicId = 0, incarnation = '' } = foreign[place] ?? {};
      const shared = lastShared(this.#remembered.get(incarnation) ?? [], here);
      return shared === null ? [] : [{ place, position: { topicId, ...shared } }];
    });
    const found = await commonUpTo(
      db,
      asked.map(({ position }) => position),
    );
    asked.forEach(({ place }, n) => {
      common[place] = found[n] ?? null;
    });
  }

  #remember(name: string, lineage: readonly Ancestor[]): void {
    this.#remembered.delete(name);
    this.#remembered.set(name, lineage);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= REMEMBERED_MAX) break;
      this.#remembered.delete(oldest);
    }
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

/**
 * The last of a lineage that the log here has gone through, too, and up to when what was published in it is
 * in that lineage's end; null: there is none, or it is not known how far.
 */
function lastShared(
  lineage: readonly Ancestor[],
  here: ReadonlySet<string>,
): Omit<ForeignPosition, 'topicId'> | null {
  let untilMs = Number.POSITIVE_INFINITY;
  for (const { name, commonUntilMs } of [...lineage].reverse()) {
    if (here.has(name)) {
      const isWhole = untilMs === Number.POSITIVE_INFINITY;
      return { incarnation: name, ...(isWhole ? {} : { untilMs: untilMs - COMMIT_MS }) };
    }
    if (commonUntilMs === null) return null;
    untilMs = Math.min(untilMs, commonUntilMs);
  }
  return null;
}
