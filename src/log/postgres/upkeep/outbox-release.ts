/**
 * Moves what is due from the outbox into the log: the timers, the connection and the choice of
 * topics; release-batch.ts is the transaction. One per topic worker, on a connection of its own.
 * Nodes and workers may run it for the same topic: an advisory lock lets one at a time.
 */
import type { Clock } from '../../../core/clock.js';
import { formatEpoch } from '../../../core/epoch.js';
import { asTenant, type TopicKey, topicKey } from '../../../core/topic-key.js';
import { ReleaseWatch } from '../../contract/log-vitals.js';
import type { TopicRelease } from '../../contract/message-log.js';
import { OtherLog } from '../../contract/subscription-store.js';
import type { Queryable } from '../session/queryable.js';
import type { ReleaseOutcome } from './release-batch.js';
import { BATCH_ROWS_MAX, dropBatch, releaseBatch } from './release-batch.js';

const POLL_MS = 1_000;
/** While rows come. */
const BUSY_MS = 50;

/**
 * The first row of each topic in the outbox, by jumps over the index (topic_id, due_at, id): its
 * cost is that of the topics, not of the rows.
 */
const DUE_TOPICS_SQL = `WITH RECURSIVE heads AS (
    (SELECT topic_id, due_at FROM conduit.outbox ORDER BY topic_id, due_at LIMIT 1)
  UNION ALL
    SELECT next.topic_id, next.due_at FROM heads h, LATERAL (
      SELECT o.topic_id, o.due_at FROM conduit.outbox o WHERE o.topic_id > h.topic_id
      ORDER BY o.topic_id, o.due_at LIMIT 1) next)
  SELECT h.topic_id, n.name AS tenant, t.name, extract(epoch FROM h.due_at) * 1000 AS due_ms,
    extract(epoch FROM clock_timestamp() - h.due_at) * 1000 AS late_ms
  FROM heads h
  LEFT JOIN conduit.topics t ON t.id = h.topic_id AND t.deleted_at IS NULL
  LEFT JOIN conduit.tenants n ON n.id = t.tenant_id
  WHERE h.due_at <= clock_timestamp() ORDER BY h.due_at`;

interface DueTopic {
  topic_id: string;
  /** Null, both: the topic is gone. */
  tenant: string | null;
  name: string | null;
  due_ms: string;
  late_ms: string;
}

export interface OutboxReleaseOptions {
  /** The release's own; null: it is away, and looked for again in the next turn. */
  session: () => Promise<Queryable | null>;
  /** A turn failed on it: it may have a transaction open. */
  drop: (session: Queryable, error: unknown) => void;
  clock: Clock;
  /** Of the log that the worker stands on. */
  incarnation: () => string;
  dedupeWindowMs: number;
  /** Whether this worker appends to the topic. */
  owns: (key: TopicKey) => boolean;
  /** Committed, in sequence order. */
  onReleased: (release: TopicRelease) => void;
  /** A COMMIT's answer was lost: rows may have been appended. */
  onOutcomeUnknown: (topicId: number) => void;
  /** Rows of a deleted topic were dropped, or repeats of a dedupe key. */
  onDropped: (topicId: number, rows: number, why: 'topic deleted' | 'duplicate') => void;
  /** A turn failed; the next is tried as usual. */
  onTrouble: (error: unknown) => void;
}

type State = 'stopped' | 'waiting' | 'working' | 'woken';

export class OutboxRelease {
  readonly #options: OutboxReleaseOptions;
  readonly #watch: ReleaseWatch;
  /** 'woken': working, and to be done again at once. */
  #state: State = 'stopped';
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: OutboxReleaseOptions) {
    this.#options = options;
    this.#watch = new ReleaseWatch(options.clock);
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
    else this.#arm(woken || moved > 0 ? BUSY_MS : POLL_MS);
  }

  async #tryRelease(): Promise<number> {
    const { session, drop, onTrouble } = this.#options;
    const client = await session();
    if (client === null) return 0;
    try {
      return await this.#release(client);
    } catch (error) {
      drop(client, error);
      // The log became another beneath it: the session that is opened next says which.
      if (!(error instanceof OtherLog)) onTrouble(error);
      return 0;
    }
  }

  /** One batch of each topic with something due: rows that left the outbox. */
  async #release(client: Queryable): Promise<number> {
    const { rows } = await client.query<DueTopic>(DUE_TOPICS_SQL);
    const ours = rows.filter((row) => this.#isOurs(row));
    const [oldest] = ours;
    this.#watch.looked(
      oldest ? { dueAtMs: Number(oldest.due_ms), lateMs: Number(oldest.late_ms) } : null,
    );
    let moved = 0;
    for (const { topic_id, name } of ours) {
      if (this.#isStopped()) break;
      const topicId = Number(topic_id);
      moved +=
        name === null
          ? await this.#drop(client, topicId)
          : await this.#releaseTopic(client, topicId);
    }
    if (moved > 0) this.#watch.moved();
    return moved;
  }

  /** What is left of a topic that is gone is everybody's. */
  #isOurs({ tenant, name }: DueTopic): boolean {
    return tenant === null || name === null || this.#options.owns(topicKey(asTenant(tenant), name));
  }

  async #releaseTopic(client: Queryable, topicId: number): Promise<number> {
    const { onReleased, onOutcomeUnknown, onDropped, dedupeWindowMs } = this.#options;
    const incarnation = this.#options.incarnation();
    let outcome: ReleaseOutcome;
    try {
      outcome = await releaseBatch(client, { topicId, incarnation, dedupeWindowMs });
    } catch (error) {
      // The rows are either still in the outbox or in the log; in neither case is a retry wrong.
      onOutcomeUnknown(topicId);
      throw error;
    }
    if (outcome.duplicates > 0) onDropped(topicId, outcome.duplicates, 'duplicate');
    const { rows, duplicates } = outcome;
    if (rows.length > 0) onReleased({ topicId, epoch: formatEpoch(topicId, incarnation), rows });
    return duplicates + rows.length;
  }

  async #drop(client: Queryable, topicId: number): Promise<number> {
    const dropped = await dropBatch(client, topicId);
    if (dropped > 0) this.#options.onDropped(topicId, dropped, 'topic deleted');
    return dropped;
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #wasWoken(): boolean {
    return this.#state === 'woken';
  }
}
