/**
 * Committed messages in PostgreSQL: reads of conduit.messages, by its leaves' index on
 * (topic_id, sequence). Keeps no state and takes no lock. Sequences are contiguous, so a page is
 * asked for by its exact bounds: whatever plan is made of it touches no more rows than the page
 * has.
 */

import { RequestError } from '../../../core/errors.js';
import { DEAD_LETTERS_COUNTED, type LogTotals } from '../../../core/log-figures.js';
import type { ContentType, LogRow } from '../../../core/message.js';
import type { Tenant } from '../../../core/topic-key.js';
import { parseUuid } from '../../../core/uuid.js';
import type { LogPage, ReadRange } from '../../contract/message-log.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';

/** PostgreSQL's bigint cannot hold Infinity. */
const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;

/** Reckons a row as rowBytes of core/message.ts does (octets for UTF-16 units: about the same). */
const ROW_BYTES = `octet_length(payload) + coalesce(octet_length(key), 0)
  + coalesce(octet_length(headers), 0) + 64`;

/** What `decodeMessage` takes, of a table that has the columns of conduit.messages. */
export function messageColumns(alias: string): string {
  return `${alias}.sequence, ${alias}.message_id,
    floor(extract(epoch FROM ${alias}.published_at) * 1000) AS published_ms,
    floor(extract(epoch FROM ${alias}.expires_at) * 1000) AS expires_ms,
    ${alias}.key, ${alias}.headers, ${alias}.content_type, ${alias}.payload`;
}

/** Of one topic; none when it is deleted. Its head is looked for in the leaf of its last day alone. */
const BOUNDS = 'SELECT first_sequence, last_sequence FROM conduit.read_head($1::bigint)';

/**
 * The topic's bounds beside each row of the page; one row without a message when the page is empty.
 */
function pageSql(order: 'asc' | 'desc'): string {
  const bounds =
    order === 'asc'
      ? '(SELECT low FROM t) AND (SELECT least(high, low + $4 - 1) FROM t)'
      : '(SELECT greatest(low, high - $4 + 1) FROM t) AND (SELECT high FROM t)';
  return `WITH t AS MATERIALIZED (
    SELECT first_sequence, last_sequence,
      greatest($2::bigint, first_sequence) AS low, least($3::bigint, last_sequence) AS high
    FROM (${BOUNDS}) b)
  SELECT t.first_sequence, t.last_sequence, t.low, t.high, ${messageColumns('p')}
  FROM t LEFT JOIN (
    SELECT m.*, sum(${ROW_BYTES}) OVER (ORDER BY sequence ${order}) - (${ROW_BYTES}) AS before
    FROM conduit.messages m
    WHERE topic_id = $1::bigint AND sequence BETWEEN ${bounds}
  ) p ON p.before = 0 OR p.before < $5::bigint
  ORDER BY p.sequence ${order}`;
}

const PAGE_SQL = { asc: pageSql('asc'), desc: pageSql('desc') };

/**
 * The sequence next to a bound that has rows: only asked when a page was empty for no good reason.
 */
const NEXT_SQL = {
  asc: `SELECT sequence FROM conduit.messages
    WHERE topic_id = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence LIMIT 1`,
  desc: `SELECT sequence FROM conduit.messages
    WHERE topic_id = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence DESC LIMIT 1`,
};

/** A binary search: published_at never falls within a topic, and has no index beside the leaves. */
const SEQUENCE_AT_SQL = `WITH RECURSIVE search(low, high) AS (
    SELECT first_sequence, last_sequence + 1 FROM (${BOUNDS}) b
  UNION ALL
    SELECT CASE WHEN late.yes THEN s.low ELSE (s.low + s.high) / 2 + 1 END,
      CASE WHEN late.yes THEN (s.low + s.high) / 2 ELSE s.high END
    FROM search s, LATERAL (SELECT coalesce((
      SELECT m.published_at >= to_timestamp($2::float8 / 1000) FROM conduit.messages m
      WHERE m.topic_id = $1::bigint AND m.sequence = (s.low + s.high) / 2), false) AS yes) late
    WHERE s.low < s.high)
  SELECT low FROM search WHERE low >= high`;

interface BoundsRow {
  first_sequence: string;
  last_sequence: string;
  low: string;
  high: string;
}

/** The select list of `messageColumns`. */
export interface StoredMessage {
  sequence: string;
  message_id: string;
  published_ms: string;
  expires_ms: string | null;
  key: string | null;
  headers: string | null;
  content_type: number;
  payload: Buffer;
}

type MessageRow = BoundsRow & StoredMessage;

type PageRow = MessageRow | (BoundsRow & { sequence: null });

export class MessageStore {
  readonly #db: Queryable;

  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * Rows and bounds are of one snapshot. Rows past their expiry are given too. Rejects
   * `topic_not_found` when the topic is deleted.
   */
  async read(range: ReadRange): Promise<LogPage> {
    const page = await this.#page(range);
    if (page.rows.length > 0 || page.low > page.high) return page;
    // A hole inside the bounds: go on behind it rather than call all that follows lost.
    const next = await this.#nextSequence(range, page.low, page.high);
    if (next === null) return page;
    return this.#page(
      range.order === 'asc' ? { ...range, fromSequence: next } : { ...range, toSequence: next },
    );
  }

  async sequenceAt(topicId: number, timeMs: number): Promise<number> {
    const { rows } = await this.#db.query<{ low: string }>(SEQUENCE_AT_SQL, [topicId, timeMs]);
    const row = rows[0];
    if (row === undefined) throw topicGone();
    return Number(row.low);
  }

  /** Zeros for a tenant that does not exist. */
  async totals(tenant: Tenant): Promise<LogTotals> {
    const { rows } = await this.#db.query<
      Record<'topics' | 'messages' | 'bytes' | 'deferred' | 'dead_letters', string>
    >(
      `WITH n AS (SELECT id FROM conduit.tenants WHERE name = $1)
       SELECT (SELECT count(*) FROM conduit.topics
           WHERE tenant_id = (SELECT id FROM n) AND deleted_at IS NULL) AS topics,
         coalesce(sum(sequence), 0) AS messages,
         coalesce(sum(bytes), 0) AS bytes,
         (SELECT count(*) FROM conduit.outbox WHERE tenant_id = (SELECT id FROM n)) AS deferred,
         (SELECT count(*) FROM (
           SELECT FROM conduit.topics t CROSS JOIN LATERAL (
             SELECT FROM conduit.dead_letters d
             WHERE d.topic_id = t.id AND d.redriven_at IS NULL AND (d.subscription_id IS NULL
               OR EXISTS (SELECT FROM conduit.subscriptions s WHERE s.id = d.subscription_id))
             LIMIT ${DEAD_LETTERS_COUNTED}) d
           WHERE t.tenant_id = (SELECT id FROM n) AND t.deleted_at IS NULL
           LIMIT ${DEAD_LETTERS_COUNTED}) kept) AS dead_letters
       FROM conduit.topic_heads(ARRAY(SELECT id FROM conduit.topics
         WHERE tenant_id = (SELECT id FROM n) AND ${livingHere()}))`,
      [tenant],
    );
    return {
      topics: Number(rows[0]?.topics ?? 0),
      messages: Number(rows[0]?.messages ?? 0),
      bytes: Number(rows[0]?.bytes ?? 0),
      deferred: Number(rows[0]?.deferred ?? 0),
      deadLetters: Number(rows[0]?.dead_letters ?? 0),
      deadLettersEvicted: 0,
    };
  }

  async #page(range: ReadRange): Promise<LogPage & { low: number; high: number }> {
    // By name, so that the session plans it once: planning took as long as the read (1.8 ms).
    const { order } = range;
    const statement = { name: `page_${order}`, text: PAGE_SQL[order] };
    const { rows } = await this.#db.query<PageRow>(statement, [
      range.topicId,
      Math.min(Math.max(range.fromSequence, 1), SEQUENCE_MAX),
      Math.min(range.toSequence, SEQUENCE_MAX),
      range.rowsMax,
      Math.min(range.bytesMax, SEQUENCE_MAX),
    ]);
    const bounds = rows[0];
    if (bounds === undefined) throw topicGone();
    return {
      rows: rows.filter(isMessage).map(decodeMessage),
      firstSequence: Number(bounds.first_sequence),
      lastSequence: Number(bounds.last_sequence),
      low: Number(bounds.low),
      high: Number(bounds.high),
    };
  }

  async #nextSequence(range: ReadRange, low: number, high: number): Promise<number | null> {
    const { rows } = await this.#db.query<{ sequence: string }>(NEXT_SQL[range.order], [
      range.topicId,
      low,
      high,
    ]);
    return rows[0] === undefined ? null : Number(rows[0].sequence);
  }
}

/** Without its id, which counts the topics of all tenants. */
function topicGone(): RequestError {
  return new RequestError('topic_not_found', 'the topic was deleted');
}

function isMessage(row: PageRow): row is MessageRow {
  return row.sequence !== null;
}

export function decodeMessage(row: StoredMessage): LogRow {
  const messageId = parseUuid(row.message_id);
  if (messageId === null) throw new Error(`not a UUID in the log: ${row.message_id}`);
  return {
    sequence: Number(row.sequence),
    messageId,
    publishedAtMs: Number(row.published_ms),
    contentType: row.content_type as ContentType,
    payload: row.payload,
    key: row.key,
    headers: row.headers,
    expiresAtMs: row.expires_ms === null ? 0 : Number(row.expires_ms),
  };
}
