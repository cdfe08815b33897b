/**
 * Moves what is due from the outbox into the log: the timers, the connection and the choice of
 * topics; release-batch.ts is the transaction. One per topic worker, on a connection of its own. Each topic
 * is placed on one node of those that live, and is anybody's where that leaves it for long; where they are
 * not of one mind an advisory lock lets one at a time.
 */
import type { Clock } from '../../../core/clock.js';
import { formatEpoch } from '../../../core/epoch.js';
import type { TopicKey } from '../../../core/topic-key.js';
import { ReleaseWatch } from '../../contract/log-vitals.js';
import type { TopicRelease } from '../../contract/message-log.js';
import { OtherLog } from '../../contract/subscription-store.js';
import type { Queryable } from '../session/queryable.js';
import { type DueTopic, DueTopics } from './due-topics.js';
import type { ReleaseOutcome } from './release-batch.js';
import { BATCH_ROWS_MAX, dropBatch, releaseBatch } from './release-batch.js';
import { ReleaseQuota } from './release-quota.js';

const POLL_MS = 1_000;
/** While rows come. */
const BUSY_MS = 50;

export interface OutboxReleaseOptions {
  /** The release's own; null: it is away, and looked for again in the next turn. */
  session: () => Promise<Queryable | null>;
  /** A turn failed on it: it may have a transaction open. */
  drop: (session: Queryable, error: unknown) => void;
  clock: Clock;
  /** Of the log that the worker stands on. */
  incarnation: () => string;
  dedupeWindowMs: number;
  /** As DueTopicsOptions has them. */
  owns: (key: TopicKey) => boolean;
  isHere: (key: TopicKey) => boolean;
  /** Committed, in sequence order. */
  onReleased: (release: TopicRelease) => void;
  /** A COMMIT's answer was lost: rows may have been appended. */
  onOutcomeUnknown: (topicId: number) => void;
  /** Rows of a deleted topic were dropped, or repeats of a dedupe key. */
  onDropped: (topic: DueTopic, rows: number, why: 'topic deleted' | 'duplicate') => void;
  /** A turn failed; the next is tried as usual. */
  onTrouble: (error: unknown) => void;
}

type State = 'stopped' | 'waiting' | 'working' | 'woken';

export class OutboxRelease {
  readonly #options: OutboxReleaseOptions;
  readonly #watch: ReleaseWatch;
  readonly #due: DueTopics;
  readonly #quota = new ReleaseQuota();
  /** Topics of tenants that have to wait for their quota, as of the last turn. */
  readonly #held = new Set<number>();
  /** 'woken': working, and to be done again at once. */
  #state: State = 'stopped';
  /** `moved`: of topics that are placed here by now what fell due before was passed over. */
  #knowledge: 'good' | 'moved' = 'good';
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: OutboxReleaseOptions) {
    this.#options = options;
    this.#watch = new ReleaseWatch(options.clock);
    this.#due = new DueTopics(options);
  }

  get vitals(): ReleaseWatch['vitals'] {
    return this.#watch.vitals;
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'waiting';
    this.#arm(0);
  }

  /** Something may be due: looks at once. Any number of calls during a turn make one more turn. */
  wake(): void {
    if (this.#state === 'working') this.#state = 'woken';
    else if (this.#state === 'waiting') this.#arm(0);
  }

  /** Topics may have come here, or have gone to other nodes: all that is due is looked for, at once. */
  moved(): void {
    this.#knowledge = 'moved';
    this.wake();
  }

  /** After the turn under way; nothing is released from then on. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#turn;
  }

  #arm(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#turn = this.#work();
    }, ms);
  }

  async #work(): Promise<void> {
    if (this.#state !== 'waiting') return;
    this.#state = 'working';
    const moved = await this.#tryRelease();
    if (this.#isStopped()) return;
    const woken = this.#wasWoken();
    this.#state = 'waiting';
    if (moved >= BATCH_ROWS_MAX) this.#arm(0);
    else this.#arm(woken || moved > 0 || this.#held.size > 0 ? BUSY_MS : POLL_MS);
  }

  async #tryRelease(): Promise<number> {
    const { session, drop, onTrouble } = this.#options;
    const client = await session();
    if (client === null) return 0;
    try {
      return await this.#release(client);
    } catch (error) {
      drop(client, error);
      this.#due.forget();
      this.#quota.forget();
      // The log became another beneath it: the session that is opened next says which.
      if (!(error instanceof OtherLog)) onTrouble(error);
      return 0;
    }
  }

  /** One batch of each topic with something due: rows that left the outbox. */
  async #release(client: Queryable): Promise<number> {
    if (this.#knowledge === 'moved') this.#due.forget();
    this.#knowledge = 'good';
    const topics = await this.#due.look(client);
    // Who has to wait for his quota is nobody's trouble.
    const oldest = topics.find(({ topicId }) => !this.#held.has(topicId));
    this.#held.clear();
    this.#watch.looked(oldest ? { dueAtMs: oldest.dueMs, lateMs: this.#due.lateMs(oldest) } : null);
    let moved = 0;
    for (const topic of topics) {
      if (this.#isStopped()) break;
      moved +=
        topic.key === null
          ? await this.#drop(client, topic)
          : await this.#releaseTopic(client, topic);
    }
    if (moved > 0) this.#watch.moved();
    return moved;
  }

  async #releaseTopic(client: Queryable, topic: DueTopic): Promise<number> {
    const { onReleased, onOutcomeUnknown, onDropped, dedupeWindowMs } = this.#options;
    const { topicId, dueMs } = topic;
    const incarnation = this.#options.incarnation();
    const room = await this.#quota.roomFor(client, topic);
    if (room === null) {
      this.#held.add(topicId);
      return 0;
    }
    let outcome: ReleaseOutcome;
    try {
      outcome = await releaseBatch(client, {
        topicId,
        dueMs,
        incarnation,
        dedupeWindowMs,
        room,
      });
    } catch (error) {
      // The rows are either still in the outbox or in the log; in neither case is a retry wrong.
      onOutcomeUnknown(topicId);
      throw error;
    }
    this.#due.released(topic, outcome.fromMs);
    if (outcome.duplicates > 0) onDropped(topic, outcome.duplicates, 'duplicate');
    const { rows, duplicates } = outcome;
    const bytes = rows.reduce((sum, { payload }) => sum + payload.length, 0);
    this.#quota.spent(topic, { rows: rows.length, bytes });
    if (rows.length > 0) onReleased({ topicId, epoch: formatEpoch(topicId, incarnation), rows });
    return duplicates + rows.length;
  }

  async #drop(client: Queryable, topic: DueTopic): Promise<number> {
    const { topicId, dueMs } = topic;
    const dropped = await dropBatch(client, topicId);
    this.#due.released(topic, dropped < BATCH_ROWS_MAX ? null : dueMs);
    if (dropped > 0) this.#options.onDropped(topic, dropped, 'topic deleted');
    return dropped;
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #wasWoken(): boolean {
    return this.#state === 'woken';
  }
}
