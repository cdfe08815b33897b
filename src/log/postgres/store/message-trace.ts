/**
 * What became of one message, in PostgreSQL: where it stands, which subscriptions have it, where it
 * failed. Keeps no state. Failures are kept for days; upkeep deletes the older ones.
 */

import type { DeliveryRecord, SubscriptionRecord } from '../../../core/subscription-record.js';
import { type Tenant, topicKey } from '../../../core/topic-key.js';
import type { FailureRecord, TraceFailure } from '../../../core/trace-record.js';
import { formatUuid, uuidTimeMs } from '../../../core/uuid.js';
import type {
  FoundMessage,
  SubscriptionStore,
  TracePage,
} from '../../contract/subscription-store.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import type { StoredMessage } from './message-store.js';
import { decodeMessage, messageColumns } from './message-store.js';
import type { PostgresDeadLetters } from './postgres-dead-letters.js';
import type { DeliveryRow, SubscriptionRow } from './subscription-rows.js';
import {
  CURSOR_JOIN,
  DELIVERY_COLUMNS,
  deliveryOf,
  SUBSCRIPTION_COLUMNS,
  subscriptionOf,
} from './subscription-rows.js';

const FAILURES_MAX = 1_000;
const DAY_MS = 86_400_000;

/** The leaves of the days around the id's time, each by its BRIN index on message_id; or all others. */
const PUBLISHED = {
  around: `m.published_at >= to_timestamp($3::float8 / 1000)
    AND m.published_at < to_timestamp($4::float8 / 1000)`,
  elsewhere: `(m.published_at < to_timestamp($3::float8 / 1000)
    OR m.published_at >= to_timestamp($4::float8 / 1000))`,
} as const;

function findSql(where: keyof typeof PUBLISHED): string {
  return `SELECT t.id AS topic_id, t.name AS topic, ${messageColumns('m')}
  FROM conduit.messages m
  JOIN conduit.topics t ON t.id = m.topic_id AND ${livingHere('t')}
  JOIN conduit.tenants n ON n.id = t.tenant_id AND n.name = $1
  WHERE m.message_id = $2::uuid AND ${PUBLISHED[where]} AND m.sequence >= t.first_sequence
  LIMIT 1`;
}

const FIND_SQL = { around: findSql('around'), elsewhere: findSql('elsewhere') };

const SUBSCRIPTIONS_SQL = `SELECT ${SUBSCRIPTION_COLUMNS}, ${DELIVERY_COLUMNS}
  FROM conduit.subscriptions s
  JOIN conduit.topics t ON t.id = s.topic_id AND ${livingHere('t')}
  ${CURSOR_JOIN}
  LEFT JOIN conduit.deliveries d ON d.subscription_id = s.id AND d.sequence = $2
  WHERE s.topic_id = $1 AND s.name > $3 ORDER BY s.name LIMIT $4`;

const FAILURES_SQL = `SELECT s.name AS subscription, h.sequence, h.attempt,
    floor(extract(epoch FROM h.at) * 1000) AS at_ms, h.outcome, h.reason, h.session
  FROM conduit.delivery_history h
  JOIN conduit.topics t ON t.id = h.topic_id AND ${livingHere('t')}
  LEFT JOIN conduit.subscriptions s ON s.id = h.subscription_id
  WHERE h.topic_id = $1 AND h.sequence = $2 AND (h.subscription_id IS NULL OR s.id IS NOT NULL)
  ORDER BY h.at, h.attempt LIMIT ${FAILURES_MAX}`;

type TracedRow = SubscriptionRow & (DeliveryRow | { sequence: null });

interface FailureRow {
  subscription: string | null;
  sequence: string;
  attempt: number;
  at_ms: string;
  outcome: string;
  reason: string | null;
  session: string;
}

export class MessageTrace {
  readonly #db: Queryable;
  readonly #deadLetters: PostgresDeadLetters;

  constructor(db: Queryable, deadLetters: PostgresDeadLetters) {
    this.#db = db;
    this.#deadLetters = deadLetters;
  }

  /**
   * Around the id's time first, then everywhere: whoever made it may have had another clock, and the append
   * may have waited.
   */
  async find(tenant: Tenant, messageId: Uint8Array): Promise<FoundMessage | null> {
    return (
      (await this.#find(tenant, messageId, 'around')) ??
      (await this.#find(tenant, messageId, 'elsewhere'))
    );
  }

  async of(
    topicId: number,
    sequence: number,
    page: TracePage,
  ): ReturnType<SubscriptionStore['traceOf']> {
    const found = await this.#subscriptions(topicId, sequence, page);
    const subscriptions = found.slice(0, page.limit);
    const last = subscriptions.at(-1)?.record.name ?? null;
    const ids = subscriptions.map(({ record }) => record.id);
    const [ofPage, ephemeral, failures] = await Promise.all([
      this.#deadLetters.ofMessage(ids, sequence),
      page.after === '' ? this.#deadLetters.ephemeralOf(topicId, sequence) : [],
      this.#failures(topicId, sequence),
    ]);
    const deadLetters = [...ofPage, ...ephemeral].sort((a, b) => a.id - b.id);
    const next = found.length > page.limit ? last : null;
    return { subscriptions, deadLetters, failures, next };
  }

  async #find(
    tenant: Tenant,
    messageId: Uint8Array,
    where: keyof typeof PUBLISHED,
  ): Promise<FoundMessage | null> {
    const madeAtMs = uuidTimeMs(messageId);
    const { rows } = await this.#db.query<StoredMessage & { topic_id: string; topic: string }>(
      FIND_SQL[where],
      [tenant, formatUuid(messageId), madeAtMs - DAY_MS, madeAtMs + DAY_MS],
    );
    const row = rows[0];
    if (row === undefined) return null;
    const key = topicKey(tenant, row.topic);
    return { key, topicId: Number(row.topic_id), row: decodeMessage(row) };
  }

  /** One more than the page, if there is one. */
  async #subscriptions(
    topicId: number,
    sequence: number,
    { after, limit }: TracePage,
  ): Promise<{ record: SubscriptionRecord; delivery: DeliveryRecord | null }[]> {
    const { rows } = await this.#db.query<TracedRow>(SUBSCRIPTIONS_SQL, [
      topicId,
      sequence,
      after.split('\0', 1)[0],
      limit + 1,
    ]);
    return rows.map((row) => ({
      record: subscriptionOf(row),
      delivery: row.sequence === null ? null : deliveryOf(row),
    }));
  }

  async #failures(topicId: number, sequence: number): Promise<TraceFailure[]> {
    const { rows } = await this.#db.query<FailureRow>(FAILURES_SQL, [topicId, sequence]);
    return rows.map((row) => ({
      subscription: row.subscription,
      sequence: Number(row.sequence),
      attempt: row.attempt,
      atMs: Number(row.at_ms),
      outcome: outcomeOf(row.outcome),
      reason: row.reason,
      session: row.session,
    }));
  }
}

function outcomeOf(text: string): FailureRecord['outcome'] {
  if (text === 'ack_wait' || text === 'nack' || text === 'disconnect' || text === 'rejected') {
    return text;
  }
  throw new Error(`not an outcome in the log: ${text}`);
}
