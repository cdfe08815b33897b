/**
 * Which topics have something due in the outbox, as one release knows it: on its worker's thread. What has
 * been released lies dead at the low end of the indexes for as long as any session of the database holds a
 * snapshot. So a look begins where the one before ended, and a batch at the first row that a look saw; a look
 * at everything, for what was committed late, is taken as often as it is cheap.
 */

import type { Clock } from '../../../core/clock.js';
import { asTenant, type TopicKey, topicKey } from '../../../core/topic-key.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';

/** What became visible so long after it was due: later than that a look at everything finds it. */
const LATE_MS = 2_000;
/**
 * What has been due for so long is anybody's: a node may live whose release does not, and only an advisory
 * lock says who releases.
 */
const STALLED_MS = 5_000;
/** A look at everything is followed by others for so many times its length. */
const PAUSE_LENGTHS = 20;
const PAUSE_MS_MAX = 60_000;
const QUERY_CANCELED = '57014';

const NAMED = `LEFT JOIN conduit.topics t ON t.id = d.topic_id AND ${livingHere('t')}
  LEFT JOIN conduit.tenants n ON n.id = t.tenant_id`;

const COLUMNS = `d.topic_id, n.name AS tenant, t.name, n.quotas->>'messages_per_s' AS messages_per_s,
  n.quotas->>'bytes_per_s' AS bytes_per_s, extract(epoch FROM d.due_at) * 1000 AS due_ms,
  extract(epoch FROM clock_timestamp() - d.due_at) * 1000 AS late_ms`;

/**
 * The first row of each topic in the outbox, by jumps over the index (topic_id, due_at, id): its
 * cost is that of the topics, not of the rows, but for those that a snapshot keeps.
 */
const EVERYTHING_SQL = `WITH RECURSIVE d AS (
    (SELECT topic_id, due_at FROM conduit.outbox ORDER BY topic_id, due_at LIMIT 1)
  UNION ALL
    SELECT next.topic_id, next.due_at FROM d h, LATERAL (
      SELECT o.topic_id, o.due_at FROM conduit.outbox o WHERE o.topic_id > h.topic_id
      ORDER BY o.topic_id, o.due_at LIMIT 1) next)
  SELECT ${COLUMNS} FROM d ${NAMED} WHERE d.due_at <= clock_timestamp()`;

/** What fell due in the last $1 ms. Times of the statement, so that the index is entered by them. */
const RECENT_SQL = `SELECT ${COLUMNS} FROM (
    SELECT topic_id, min(due_at) AS due_at FROM conduit.outbox
    WHERE due_at >= (SELECT clock_timestamp() - $1::float8 * interval '1 ms')
      AND due_at <= (SELECT clock_timestamp())
    GROUP BY topic_id) d ${NAMED}`;

interface DueRow {
  topic_id: string;
  /** Null, both: the topic is gone. */
  tenant: string | null;
  name: string | null;
  /** Null: its tenant may have any number released. */
  messages_per_s: string | null;
  bytes_per_s: string | null;
  due_ms: string;
  late_ms: string;
}

export interface DueTopic {
  topicId: number;
  /** Null: the topic is gone. */
  key: TopicKey | null;
  /** Of the first row that may be there, Unix ms; rounded down. */
  dueMs: number;
  /** Rates of its tenant, as they were seen last. */
  pace: ReleasePace;
}

/** Null: there is none. */
export interface ReleasePace {
  readonly messagesPerS: number | null;
  readonly bytesPerS: number | null;
}

export interface DueTopicsOptions {
  clock: Clock;
  /** Whether this worker, of those of its node, has the topic. */
  owns: (key: TopicKey) => boolean;
  /** Whether this node, of all that live, releases it now. */
  isHere: (key: TopicKey) => boolean;
}

export class DueTopics {
  readonly #options: DueTopicsOptions;
  /** What was found and not said to be done. */
  readonly #topics = new Map<number, DueTopic>();
  /** When the last look began; null: nothing is known. */
  #lookedAtMs: number | null = null;
  #everythingAtMs = 0;
  /** The database's time less the monotonic one. */
  #offsetMs = 0;

  constructor(options: DueTopicsOptions) {
    this.#options = options;
  }

  /** Oldest first. What is left of a topic that is gone is everybody's. */
  async look(session: Queryable): Promise<DueTopic[]> {
    const startMs = this.#options.clock.monotonic();
    const sinceMs = startMs - (this.#lookedAtMs ?? startMs) + LATE_MS;
    const isDue = this.#lookedAtMs === null || startMs >= this.#everythingAtMs;
    if (!(isDue && (await this.#lookAtEverything(session)))) {
      this.#add((await session.query<DueRow>(RECENT_SQL, [sinceMs])).rows);
    }
    this.#lookedAtMs = startMs;
    return [...this.#topics.values()].sort((a, b) => a.dueMs - b.dueMs);
  }

  /** For how long a topic's first row has been due, ms. */
  lateMs({ dueMs }: DueTopic): number {
    return Math.max(0, this.#options.clock.monotonic() + this.#offsetMs - dueMs);
  }

  /** Nothing of it is left, but for what was committed late; or there may be from `fromMs` on. */
  released(topic: DueTopic, fromMs: number | null): void {
    if (fromMs === null) this.#topics.delete(topic.topicId);
    else topic.dueMs = fromMs;
  }

  /** The session was lost, or the log beneath it is another. */
  forget(): void {
    this.#topics.clear();
    this.#lookedAtMs = null;
  }

  /** False: there is too much of it. */
  async #lookAtEverything(session: Queryable): Promise<boolean> {
    const { clock } = this.#options;
    const startMs = clock.monotonic();
    try {
      const { rows } = await session.query<DueRow>(EVERYTHING_SQL);
      this.#topics.clear();
      this.#add(rows);
      return true;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === QUERY_CANCELED))
        throw error;
      return false;
    } finally {
      const endMs = clock.monotonic();
      this.#everythingAtMs = endMs + Math.min(PAUSE_MS_MAX, PAUSE_LENGTHS * (endMs - startMs));
    }
  }

  #takes(key: TopicKey, lateMs: number): boolean {
    const { owns, isHere } = this.#options;
    return owns(key) && (lateMs >= STALLED_MS || isHere(key));
  }

  #add(rows: readonly DueRow[]): void {
    for (const row of rows) {
      const { tenant, name } = row;
      const key = tenant === null || name === null ? null : topicKey(asTenant(tenant), name);
      const lateMs = Number(row.late_ms);
      if (key !== null && !this.#takes(key, lateMs)) continue;
      const topicId = Number(row.topic_id);
      const dueMs = Math.floor(Number(row.due_ms));
      this.#offsetMs = dueMs + lateMs - this.#options.clock.monotonic();
      const known = this.#topics.get(topicId);
      const pace = {
        messagesPerS: numberOf(row.messages_per_s),
        bytesPerS: numberOf(row.bytes_per_s),
      };
      if (known === undefined) this.#topics.set(topicId, { topicId, key, dueMs, pace });
      else {
        known.dueMs = Math.min(known.dueMs, dueMs);
        known.pace = pace;
      }
    }
  }
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
