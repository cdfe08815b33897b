/**
 * Topics whose row somebody else has locked, each waited for alone, on a few sessions of its own. While
 * more topics wait than there are sessions, turns are short, so that none waits behind one that is
 * stuck. A topic that was waited for too long is told `topic_busy`.
 */
import type { Clock } from '../../../core/clock.js';
import type { LogSink, PendingAppend } from '../../contract/message-log.js';
import { breakBlockers } from '../session/lock-breaker.js';
import type { Queryable } from '../session/queryable.js';
import type { TopicAppends } from './append-groups.js';
import type { AppendLane } from './append-lane.js';
import type { AppendConnection } from './append-session.js';

/** A topic's messages wait about this long. */
const WAIT_MS = 3_000;
const TURN_MS = 250;
const TURN_MS_MIN = 5;
const LOOK_MS = 500;

export interface WaitingLane<A extends PendingAppend> {
  lane: AppendLane<A>;
  connection: AppendConnection;
}

export interface TopicWaiterOptions<A extends PendingAppend> {
  lanes: readonly WaitingLane<A>[];
  clock: Clock;
  sink: LogSink<A>;
  /** For a look at who blocks; not one of the lanes' sessions. */
  db: Queryable;
  /** Takes what was appended to the topic while it was waited for. */
  takeLater: (topicId: number) => readonly A[];
  /** The topic may go into batches again. */
  onDone: (topicId: number) => void;
  onTrouble: (what: string, error: unknown) => void;
  onBug: (error: unknown) => void;
}

interface Waiting<A> {
  topicId: number;
  appends: A[];
  sinceMs: number;
  tries: number;
}

export class TopicWaiter<A extends PendingAppend> {
  readonly #options: TopicWaiterOptions<A>;
  /** Not tried yet. */
  readonly #fresh: Waiting<A>[] = [];
  /** Tried, and still locked. */
  readonly #again: Waiting<A>[] = [];
  readonly #working = new Map<WaitingLane<A>, Promise<void>>();
  #watch: NodeJS.Timeout | null = null;

  constructor(options: TopicWaiterOptions<A>) {
    this.#options = options;
  }

  take(locked: TopicAppends<A>): void {
    const sinceMs = this.#options.clock.monotonic();
    for (const [topicId, appends] of locked)
      this.#fresh.push({ topicId, appends, sinceMs, tries: 0 });
    for (const lane of this.#options.lanes) {
      if (this.#fresh.length === 0) break;
      if (!this.#working.has(lane)) this.#start(lane);
    }
  }

  /** Answers what waits; what is still locked is told so. */
  async close(): Promise<void> {
    await Promise.all(this.#working.values());
    await Promise.all(this.#options.lanes.map(({ connection }) => connection.close()));
  }

  #start(lane: WaitingLane<A>): void {
    this.#watch ??= setInterval(() => this.#breakBlockers(), LOOK_MS);
    const work = this.#work(lane)
      .finally(() => {
        this.#working.delete(lane);
        if (this.#working.size > 0 || this.#watch === null) return;
        clearInterval(this.#watch);
        this.#watch = null;
      })
      .catch(this.#options.onBug);
    this.#working.set(lane, work);
  }

  async #work({ lane }: WaitingLane<A>): Promise<void> {
    const { clock, onDone } = this.#options;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { topicId, appends, sinceMs } = next;
      const leftMs = sinceMs + WAIT_MS - clock.monotonic();
      if (leftMs <= 0 && next.tries > 0) {
        this.#tellBusy(next);
        onDone(topicId);
        continue;
      }
      next.tries++;
      const others = this.#fresh.length + this.#again.length;
      const ms = Math.max(TURN_MS_MIN, others > 0 ? Math.min(leftMs, TURN_MS) : leftMs);
      const locked = await lane.write(new Map([[topicId, appends]]), { ms });
      if (locked.size > 0) {
        // Of a batch that was bisected a part may be done.
        next.appends = locked.get(topicId) ?? [];
        if (clock.monotonic() < sinceMs + WAIT_MS) {
          this.#again.push(next);
          continue;
        }
        this.#tellBusy(next);
      }
      onDone(topicId);
    }
  }

  #next(): Waiting<A> | undefined {
    const oldest = this.#again[0];
    const isLate =
      oldest !== undefined && oldest.sinceMs + WAIT_MS < this.#options.clock.monotonic();
    return isLate ? this.#again.shift() : (this.#fresh.shift() ?? this.#again.shift());
  }

  /** Those that came meanwhile as well: they would wait as long, one batch after another. */
  #tellBusy({ topicId, appends }: Waiting<A>): void {
    const { sink, takeLater } = this.#options;
    for (const append of [...appends, ...takeLater(topicId)]) {
      sink.failed(append, 'topic_busy', 'another writer holds the topic');
    }
  }

  #breakBlockers(): void {
    const { lanes, db, onTrouble } = this.#options;
    const pids = lanes.flatMap(({ connection }) => connection.session?.pid ?? []);
    breakBlockers(db, pids).catch((error: unknown) => onTrouble('lock breaker', error));
  }
}
