/**
 * Dead letters in PostgreSQL: rows of conduit.dead_letters, as users of the API see them. Keeps no
 * state. Those of a topic or subscription that is gone are not seen; upkeep deletes them.
 */

import {
  type DeadLetterGroup,
  GROUP_ERROR_CHARS,
  GROUPED_MAX,
  GROUPS_MAX,
} from '../../../core/dead-letter-group.js';
import type {
  DeadLetterFilter,
  DeadLetterReason,
  DeadLetterRecord,
} from '../../../core/dead-letter-record.js';
import type { LogRow } from '../../../core/message.js';
import { type Tenant, tenantOf, topicNameWithin } from '../../../core/topic-key.js';
import {
  REDRIVEN_PAGE,
  type RedrivenDelivery,
  type SubscriptionStore,
} from '../../contract/subscription-store.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import type { StoredMessage } from './message-store.js';
import { decodeMessage, messageColumns } from './message-store.js';
import { storable } from './subscription-rows.js';

const COLUMNS = `d.id, d.topic_id, t.name AS topic, s.name AS subscription, d.subscription_id,
  d.session, ${messageColumns('d')}, d.reason, d.attempts,
  floor(extract(epoch FROM d.first_failed_at) * 1000) AS first_failed_ms,
  floor(extract(epoch FROM d.last_failed_at) * 1000) AS last_failed_ms, d.last_error,
  d.redriven_count, d.redriven_at IS NOT NULL AS redriven`;

/** Joins to dead letters `d` what they belong to. `LIVING` says that it is there. */
const OWNERS = `JOIN conduit.topics t ON t.id = d.topic_id
  LEFT JOIN conduit.subscriptions s ON s.id = d.subscription_id`;
const LIVING = `${livingHere('t')} AND (d.subscription_id IS NULL OR s.id IS NOT NULL)`;

/** Of topics `t`; $2: the tenant's name. */
const OF_TENANT = 't.tenant_id = (SELECT id FROM conduit.tenants WHERE name = $2)';

/**
 * Subscriptions are locked before dead letters, as a save does it. The rows that come back are those
 * that nobody marked in between.
 */
const REDRIVE_SQL = `WITH owners AS MATERIALIZED (
    SELECT s.id FROM conduit.subscriptions s
    WHERE s.id IN (SELECT subscription_id FROM conduit.dead_letters WHERE id = ANY($1::bigint[]))
      AND EXISTS (SELECT 1 FROM conduit.topics t WHERE t.id = s.topic_id AND ${OF_TENANT})
    ORDER BY s.id FOR NO KEY UPDATE),
  picked AS MATERIALIZED (
    SELECT d.id FROM conduit.dead_letters d
    JOIN conduit.topics t ON t.id = d.topic_id AND ${livingHere('t')} AND ${OF_TENANT}
    WHERE d.id = ANY($1::bigint[]) AND d.redriven_at IS NULL
      AND (d.subscription_id IS NULL OR d.subscription_id IN (SELECT id FROM owners))
    ORDER BY d.id FOR NO KEY UPDATE OF d),
  marked AS (
    UPDATE conduit.dead_letters d SET redriven_at = clock_timestamp()
    FROM picked p WHERE d.id = p.id AND d.redriven_at IS NULL RETURNING d.*),
  made AS (
    INSERT INTO conduit.deliveries
      (subscription_id, sequence, attempts, due_at, redriven)
    SELECT subscription_id, sequence, 0, clock_timestamp(), true
    FROM marked WHERE subscription_id IS NOT NULL
    ON CONFLICT (subscription_id, sequence) DO UPDATE SET attempts = 0, due_at = excluded.due_at,
      first_failed_at = NULL, last_error = NULL, redriven = true)
  SELECT ${COLUMNS} FROM marked d ${OWNERS} ORDER BY d.id`;

/**
 * The limit is each one's own: they stay until they are settled, and those of one that is paused must not
 * hide all others'.
 */
const REDRIVEN_SQL = `SELECT s.id, d.sequence,
    (extract(epoch FROM d.redriven_at) * 1000000)::bigint AS at_us
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS s (id, at_us, sequence)
  CROSS JOIN LATERAL (
    SELECT sequence, redriven_at FROM conduit.dead_letters
    WHERE subscription_id = s.id AND redriven_at IS NOT NULL AND (redriven_at, sequence) >
      (timestamptz 'epoch' + s.at_us * interval '1 microsecond', s.sequence)
    ORDER BY redriven_at, sequence LIMIT ${REDRIVEN_PAGE}) d
  ORDER BY s.id, d.redriven_at, d.sequence`;

const EPHEMERAL_MAX = 1_000;

const OF_MESSAGE_SQL = `SELECT ${COLUMNS} FROM conduit.dead_letters d ${OWNERS}
  WHERE ${LIVING} AND d.sequence = $2::bigint AND d.subscription_id = ANY($1::bigint[])`;

const EPHEMERAL_SQL = `SELECT ${COLUMNS} FROM conduit.dead_letters d ${OWNERS}
  WHERE ${LIVING} AND d.sequence = $2::bigint AND d.topic_id = $1::bigint AND d.session IS NOT NULL
  ORDER BY d.id LIMIT ${EPHEMERAL_MAX}`;

interface DeadLetterRow extends StoredMessage {
  id: string;
  topic_id: string;
  topic: string;
  subscription: string | null;
  subscription_id: string | null;
  session: string | null;
  reason: string;
  attempts: number;
  first_failed_ms: string;
  last_failed_ms: string;
  last_error: string | null;
  redriven_count: number;
  redriven: boolean;
}

interface GroupRow extends Pick<DeadLetterRow, 'topic' | 'subscription' | 'reason'> {
  error: string | null;
  count: string;
  first_failed_ms: string;
  last_failed_ms: string;
}

export class PostgresDeadLetters {
  readonly #db: Queryable;

  constructor(db: Queryable) {
    this.#db = db;
  }

  /** As the contract has it; sizes are summed without reading the payloads. */
  async list(
    filter: DeadLetterFilter,
    page: { after: number; limit: number; bytesMax: number },
  ): Promise<DeadLetterRecord[]> {
    const { from, values } = selection(filter);
    const n = values.length;
    const { rows } = await this.#db.query<DeadLetterRow>(
      `WITH page AS MATERIALIZED (
         SELECT id, row_number() OVER (ORDER BY id) AS place,
           sum(bytes) OVER (ORDER BY id) - bytes AS before
         FROM (SELECT d.id, octet_length(d.payload) AS bytes ${from} AND d.id > $${n + 1}
           ORDER BY d.id LIMIT $${n + 2}) sized)
       SELECT ${COLUMNS} FROM page p JOIN conduit.dead_letters d ON d.id = p.id ${OWNERS}
       WHERE p.place = 1 OR p.before < $${n + 3}::float8 ORDER BY d.id`,
      [...values, page.after, page.limit, page.bytesMax],
    );
    return rows.map(recordOf);
  }

  async count(filter: DeadLetterFilter): Promise<number> {
    const { from, values } = selection(filter);
    const { rows } = await this.#db.query<{ count: string }>(
      `SELECT count(*) AS count ${from}`,
      values,
    );
    return Number(rows[0]?.count ?? 0);
  }

  async groups(filter: DeadLetterFilter): Promise<DeadLetterGroup[]> {
    const { from, values } = selection(filter);
    const { rows } = await this.#db.query<GroupRow>(
      `SELECT topic, subscription, reason, error, count(*) AS count,
         floor(extract(epoch FROM min(first_failed_at)) * 1000) AS first_failed_ms,
         floor(extract(epoch FROM max(last_failed_at)) * 1000) AS last_failed_ms
       FROM (SELECT t.name AS topic, s.name AS subscription, d.reason, d.first_failed_at,
           d.last_failed_at, left(d.last_error, ${GROUP_ERROR_CHARS}) AS error
         ${from} ORDER BY d.id LIMIT ${GROUPED_MAX}) looked_at
       GROUP BY topic, subscription, reason, error
       ORDER BY count(*) DESC, topic, subscription LIMIT ${GROUPS_MAX}`,
      values,
    );
    return rows.map(groupOf);
  }

  async purge(filter: DeadLetterFilter, limit: number): Promise<number> {
    const { from, values } = selection(filter);
    const { rowCount } = await this.#db.query(
      `DELETE FROM conduit.dead_letters WHERE id IN (
         SELECT d.id ${from} ORDER BY d.id LIMIT $${values.length + 1} FOR UPDATE OF d)`,
      [...values, limit],
    );
    return rowCount ?? 0;
  }

  async redrive(tenant: Tenant, ids: readonly number[]): Promise<DeadLetterRecord[]> {
    if (ids.length === 0) return [];
    const { rows } = await this.#db.query<DeadLetterRow>(REDRIVE_SQL, [ids, tenant]);
    return rows.map(recordOf);
  }

  async redriven(after: readonly RedrivenDelivery[]): Promise<RedrivenDelivery[]> {
    if (after.length === 0) return [];
    const { rows } = await this.#db.query<Record<'id' | 'sequence' | 'at_us', string>>(
      REDRIVEN_SQL,
      [
        arrayText(after.map(({ id }) => id)),
        arrayText(after.map(({ atUs }) => atUs)),
        arrayText(after.map(({ sequence }) => sequence)),
      ],
    );
    return rows.map(({ id, sequence, at_us: atUs }) => {
      return { id: Number(id), atUs: Number(atUs), sequence: Number(sequence) };
    });
  }

  async redrivenRows(
    of: Parameters<SubscriptionStore['redrivenRows']>[0],
    sequences: readonly number[],
  ): Promise<LogRow[]> {
    if (sequences.length === 0) return [];
    const [owner, values] =
      'subscriptionId' in of
        ? ['d.topic_id = $2 AND d.subscription_id = $3', [of.topicId, of.subscriptionId]]
        : ['d.topic_id = $2 AND d.session = $3', [of.topicId, storable(of.session)]];
    const { rows } = await this.#db.query<StoredMessage>(
      `SELECT ${messageColumns('d')} FROM conduit.dead_letters d ${OWNERS}
       WHERE ${LIVING} AND d.sequence = ANY($1::bigint[]) AND ${owner}
         AND d.redriven_at IS NOT NULL ORDER BY d.sequence`,
      [sequences, ...values],
    );
    return rows.map(decodeMessage);
  }

  /** Of all subscriptions of the topic, redriven ones too, in id order. */
  async ofMessage(
    subscriptionIds: readonly number[],
    sequence: number,
  ): Promise<DeadLetterRecord[]> {
    if (subscriptionIds.length === 0) return [];
    const values = [subscriptionIds, sequence];
    const { rows } = await this.#db.query<DeadLetterRow>(OF_MESSAGE_SQL, values);
    return rows.map(recordOf);
  }

  /** Of sessions without a name, the oldest 1,000. */
  async ephemeralOf(topicId: number, sequence: number): Promise<DeadLetterRecord[]> {
    const { rows } = await this.#db.query<DeadLetterRow>(EPHEMERAL_SQL, [topicId, sequence]);
    return rows.map(recordOf);
  }
}

/** FROM and WHERE of dead letters `d`: only what narrows is there, so that it finds its index. */
function selection(filter: DeadLetterFilter): { from: string; values: unknown[] } {
  const topic = topicNameWithin(filter.within);
  const values: unknown[] = [tenantOf(filter.within)];
  const conditions = [LIVING];
  if (topic === null) {
    conditions.push('t.tenant_id = (SELECT id FROM conduit.tenants WHERE name = $1)');
  } else {
    values.push(storable(topic));
    conditions.push(`d.topic_id = (SELECT x.id FROM conduit.topics x JOIN conduit.tenants n
      ON n.id = x.tenant_id WHERE n.name = $1 AND x.name = $${values.length}
      AND ${livingHere('x')})`);
  }
  if (filter.subscription !== null) {
    values.push(storable(filter.subscription));
    conditions.push(`s.name = $${values.length}`);
  }
  if (filter.ids === null) {
    conditions.push('d.redriven_at IS NULL');
  } else {
    values.push(filter.ids);
    conditions.push(`d.id = ANY($${values.length}::bigint[])`);
  }
  const from = `FROM conduit.dead_letters d ${OWNERS} WHERE ${conditions.join(' AND ')}`;
  return { from, values };
}

/** pg's own way costs a closure and several texts for each of ten thousand. */
function arrayText(numbers: readonly number[]): string {
  return `{${numbers.join()}}`;
}

function recordOf(row: DeadLetterRow): DeadLetterRecord {
  return {
    id: Number(row.id),
    topicId: Number(row.topic_id),
    topic: row.topic,
    subscription: row.subscription,
    subscriptionId: row.subscription_id === null ? null : Number(row.subscription_id),
    session: row.session,
    row: decodeMessage(row),
    reason: reasonOf(row.reason),
    attempts: row.attempts,
    firstFailedAtMs: Number(row.first_failed_ms),
    lastFailedAtMs: Number(row.last_failed_ms),
    lastError: row.last_error,
    redrivenCount: row.redriven_count,
    redriven: row.redriven,
  };
}

function groupOf({ topic, subscription, reason, error, ...row }: GroupRow): DeadLetterGroup {
  return {
    ...{ topic, subscription, reason: reasonOf(reason), error, count: Number(row.count) },
    firstFailedAtMs: Number(row.first_failed_ms),
    lastFailedAtMs: Number(row.last_failed_ms),
  };
}

function reasonOf(text: string): DeadLetterReason {
  if (text === 'max_deliver' || text === 'rejected') return text;
  throw new Error(`not a reason of a dead letter in the log: ${text}`);
}
