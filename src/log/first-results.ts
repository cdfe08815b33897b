/**
 * First results of dedupe keys in PostgreSQL: of what is in the log, and of what waits in the outbox. Keeps
 * no state. A key whose transaction is not over is not seen, so nobody waits for it here.
 */
import type { ContentType, Publication } from '../core/message.js';
import { parseUuid } from '../core/uuid.js';
import { fingerprint } from './fingerprint.js';
import type { FirstResult } from './message-log.js';
import type { Queryable } from './queryable.js';
import { isSameMessage } from './same-message.js';

/**
 * One look-up per key and table (LATERAL with LIMIT): a join by hash reads a whole table for each batch, when
 * its statistics are of another hour (200,000 rows, 500 keys: 300 ms, so 3). Without a name, so that it
 * is planned by the tables' size of now. What is stored counts before what waits under the same key.
 */
const FIRSTS_SQL = `WITH n AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::text[]) AS n (topic_id, dedupe_key))
  SELECT n.topic_id, n.dedupe_key, o.fingerprint, 0 AS sequence, NULL AS message_id,
    0 AS published_ms, o.id AS deferred_id, floor(extract(epoch FROM o.due_at) * 1000) AS deliver_ms
  FROM n CROSS JOIN LATERAL (
    SELECT id, due_at, conduit.fingerprint(content_type, key, headers, payload) AS fingerprint
    FROM conduit.outbox WHERE topic_id = n.topic_id AND dedupe_key = n.dedupe_key LIMIT 1) o
  UNION ALL
  SELECT n.topic_id, n.dedupe_key, d.fingerprint, d.sequence, d.message_id,
    floor(extract(epoch FROM d.published_at) * 1000), d.deferred_id,
    floor(extract(epoch FROM d.deliver_at) * 1000)
  FROM n CROSS JOIN LATERAL (
    SELECT * FROM conduit.publish_dedupe
    WHERE topic_id = n.topic_id AND dedupe_key = n.dedupe_key LIMIT 1) d
  WHERE d.expires_at > clock_timestamp()`;

const WAITING_BODY_SQL = `SELECT content_type, key, headers, payload FROM conduit.outbox WHERE id = $1`;

/** The times spare a look into every leaf. */
const STORED_BODY_SQL = `SELECT content_type, key, headers, payload FROM conduit.messages
  WHERE topic_id = $1 AND sequence = $2
    AND published_at BETWEEN to_timestamp($3::float8 / 1000 - 1) AND to_timestamp($3::float8 / 1000 + 1)`;

/** What a statement gives of a first result. */
export interface FirstRow {
  fingerprint: Buffer;
  sequence: string;
  message_id: string | null;
  published_ms: string;
  deferred_id: string | null;
  deliver_ms: string | null;
}

interface KeyedFirstRow extends FirstRow {
  topic_id: string;
  dedupe_key: string;
}

/** A first result and what its message's bytes are told by. */
export interface KeptFirst {
  topicId: number;
  fingerprint: Buffer;
  first: FirstResult;
}

interface BodyRow {
  content_type: number;
  key: string | null;
  headers: string | null;
  payload: Buffer;
}

/** By `keyName`. */
export async function findFirsts(
  session: Queryable,
  topicIds: readonly number[],
  keys: readonly string[],
): Promise<Map<string, KeptFirst>> {
  const { rows } = await session.query<KeyedFirstRow>(FIRSTS_SQL, [topicIds, keys]);
  return new Map(
    rows.map((row) => {
      const topicId = Number(row.topic_id);
      return [keyName(topicId, row.dedupe_key), keptFirst(topicId, row)];
    }),
  );
}

export function keyName(topicId: number, dedupeKey: string): string {
  return `${topicId} ${dedupeKey}`;
}

export function keptFirst(topicId: number, row: FirstRow): KeptFirst {
  const messageId = row.message_id === null ? new Uint8Array(16) : parseUuid(row.message_id);
  if (messageId === null) throw new Error(`not a uuid: ${row.message_id}`);
  const first: FirstResult = {
    sequence: Number(row.sequence),
    messageId,
    publishedAtMs: Number(row.published_ms),
    deferred:
      row.deferred_id === null
        ? null
        : { id: Number(row.deferred_id), deliverAtMs: Number(row.deliver_ms ?? row.published_ms) },
  };
  return { topicId, fingerprint: row.fingerprint, first };
}

/**
 * Whether a publish repeats the first one. null: cannot be told, for it was neither waiting nor in the
 * log any more; it may have been released a moment ago.
 */
export async function isRepeatOf(
  session: Queryable,
  publication: Publication,
  { topicId, fingerprint: its, first }: KeptFirst,
): Promise<boolean | null> {
  if (its.equals(fingerprint(publication))) return true;
  const { sequence, deferred, publishedAtMs } = first;
  const { rows } =
    sequence === 0
      ? await session.query<BodyRow>(WAITING_BODY_SQL, [deferred?.id ?? 0])
      : await session.query<BodyRow>(STORED_BODY_SQL, [topicId, sequence, publishedAtMs]);
  const body = rows[0];
  if (body === undefined) return null;
  return isSameMessage(publication, { ...body, contentType: body.content_type as ContentType });
}
