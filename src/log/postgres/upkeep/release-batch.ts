/**
 * The transaction that moves one batch of one topic from the outbox into the log: rows leave the
 * one and enter the other together, so nothing is lost or doubled whenever it breaks off.
 */

import { idTag } from '../../../core/id-tag.js';
import type { ContentType, LogRow } from '../../../core/message.js';
import { formatUuid, makeUuidV7 } from '../../../core/uuid.js';
import { fingerprint } from '../../contract/fingerprint.js';
import { OtherLog } from '../../contract/subscription-store.js';
import { livingHere, neededHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';

export const BATCH_ROWS_MAX = 500;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** What one batch may have: so many rows, and another one as long as it has less than so many bytes. */
export interface ReleaseRoom {
  readonly rows: number;
  readonly bytes: number;
}

/** Of a tenant without quotas. */
export const WHOLE_BATCH: ReleaseRoom = { rows: BATCH_ROWS_MAX, bytes: BATCH_BYTES_MAX };

/**
 * The topic's row is held by an append for milliseconds; by something stuck it is tried again
 * later.
 */
const LOCK_TIMEOUT_MS = 500;
/** First key of the advisory lock; the second is of the topic. */
const LOCK_CLASS = 0x0b0c;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * The table's statistics are of another hour: without sorts and scans to choose from, a batch is
 * read off the index in its order, whatever the backlog (200,000 rows, no statistics: 57 ms, so 1.6
 * ms).
 */
const BEGIN_SQL = `BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL enable_sort = off;
  SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off`;

const LOCK_RELEASE_SQL = `SELECT pg_try_advisory_xact_lock(${LOCK_CLASS},
  ($1::bigint % 2147483647)::int) AS locked`;

/**
 * One look-up by primary key per row (LATERAL; OFFSET 0 below keeps it one): a join by hash would
 * read the whole backlog for every batch.
 */
const TAKE_SQL = `SELECT o.*, floor(extract(epoch FROM sized.due_at) * 1000) AS due_ms,
    sized.due_rows::int
  FROM (
    SELECT id, due_at, count(*) OVER () AS due_rows, sum(octet_length(payload)) OVER (ORDER BY due_at, id)
      - octet_length(payload) AS before
    FROM (
      SELECT id, due_at, payload FROM conduit.outbox
      WHERE topic_id = $1 AND due_at >= to_timestamp($2::float8 / 1000)
        AND due_at <= (SELECT clock_timestamp())
      ORDER BY due_at, id LIMIT $3) due) sized
  CROSS JOIN LATERAL (
    SELECT id, payload, content_type, key, headers, dedupe_key, ttl_ms FROM conduit.outbox
    WHERE id = sized.id FOR UPDATE SKIP LOCKED) o
  WHERE sized.before < $4 ORDER BY sized.due_at, sized.id`;

/** By then the log cannot be replaced any more: which one it is, is asked here. */
const LOCK_TOPIC_SQL = `SELECT conduit.incarnation() AS incarnation FROM (
    SELECT id FROM conduit.topics WHERE id = $1 AND ${livingHere()} FOR NO KEY UPDATE) t`;

/** Of a topic that is locked already. */
const HEAD_SQL = `SELECT head, bytes_to, published_at::text,
    floor(extract(epoch FROM published_at) * 1000) AS published_ms
  FROM conduit.lock_head($1::bigint)`;

const KNOWN_KEYS_SQL = `SELECT dedupe_key FROM conduit.publish_dedupe
  WHERE topic_id = $1 AND dedupe_key = ANY($2::text[]) AND expires_at > clock_timestamp()`;

/**
 * $2, $3, $4, $10: id, sequence, message id and bytes_to of what is appended; $6: all ids that leave the
 * outbox.
 */
const MOVE_SQL = `WITH new AS (
    SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::uuid[], $10::bigint[])
      AS n(id, sequence, message_id, bytes_to)),
  moved AS (
    INSERT INTO conduit.messages (topic_id, sequence, message_id, published_at, expires_at, key,
      headers, content_type, payload, bytes_to)
    SELECT o.topic_id, n.sequence, n.message_id, $5::timestamptz,
      CASE WHEN o.ttl_ms > 0 THEN $5::timestamptz + o.ttl_ms * interval '1 ms' END,
      o.key, o.headers, o.content_type, o.payload, n.bytes_to
    FROM new n
    CROSS JOIN LATERAL (SELECT * FROM conduit.outbox WHERE id = n.id OFFSET 0) o),
  keys AS (
    INSERT INTO conduit.publish_dedupe
      (topic_id, dedupe_key, fingerprint, sequence, message_id, published_at, expires_at,
      deferred_id, deliver_at)
    SELECT $1::bigint, k.dedupe_key, k.fingerprint, n.sequence, n.message_id, $5::timestamptz,
      clock_timestamp() + $9::float8 * interval '1 ms', f.id, k.due_at
    FROM unnest($7::bigint[], $8::bytea[]) AS f(id, fingerprint)
    JOIN new n ON n.id = f.id
    CROSS JOIN LATERAL (
      SELECT dedupe_key, f.fingerprint, due_at FROM conduit.outbox WHERE id = f.id OFFSET 0) k
    ON CONFLICT (topic_id, dedupe_key) DO UPDATE SET fingerprint = excluded.fingerprint,
      sequence = excluded.sequence, message_id = excluded.message_id,
      published_at = excluded.published_at, expires_at = excluded.expires_at,
      deferred_id = excluded.deferred_id, deliver_at = excluded.deliver_at),
  remembered AS (
    INSERT INTO conduit.outbox_releases (tenant_id, topic_id, ids)
    SELECT tenant_id, id, $6::bigint[] FROM conduit.topics WHERE id = $1::bigint)
  DELETE FROM conduit.outbox WHERE id = ANY($6::bigint[])`;

/** A log that was restored since the topic was looked up may have a living one of its id. */
const DROP_SQL = `DELETE FROM conduit.outbox WHERE id IN (
  SELECT id FROM conduit.outbox WHERE topic_id = $1
    AND NOT EXISTS (SELECT FROM conduit.topics t WHERE t.id = $1 AND ${neededHere('t')})
  LIMIT ${BATCH_ROWS_MAX} FOR UPDATE SKIP LOCKED)`;

interface OutboxRow {
  id: string;
  payload: Buffer;
  content_type: number;
  key: string | null;
  headers: string | null;
  dedupe_key: string | null;
  ttl_ms: string;
  due_ms: string;
  /** That were looked at, those included that somebody else has locked. */
  due_rows: number;
}

interface Head {
  head: string;
  bytes_to: string;
  published_at: string;
  published_ms: string;
}

export interface ReleaseOptions {
  topicId: number;
  /** Nothing that was due before, Unix ms, is looked for: what is dead there would be walked. */
  dueMs: number;
  /** Of the log that the worker stands on: no other is appended to. */
  incarnation: string;
  dedupeWindowMs: number;
  /** No more than WHOLE_BATCH, which it is when absent. */
  room?: ReleaseRoom;
}

export interface ReleaseOutcome {
  /** Committed; empty when there was nothing, or somebody else holds the topic. */
  rows: LogRow[];
  /** Rows that left the outbox for a dedupe key that had its message. */
  duplicates: number;
  /** There may be more that is due from then on, Unix ms; null: there was none. */
  fromMs: number | null;
}

/** Rejects OtherLog, or with PostgreSQL's error; only when that came from COMMIT is the outcome open. */
export async function releaseBatch(
  client: Queryable,
  options: ReleaseOptions,
): Promise<ReleaseOutcome> {
  await client.query(BEGIN_SQL);
  let outcome: ReleaseOutcome;
  try {
    outcome = await moveBatch(client, options);
  } catch (error) {
    await client.query('ROLLBACK');
    if (codeOf(error) === LOCK_NOT_AVAILABLE) return nothing(options.dueMs);
    throw error;
  }
  await client.query(outcome.rows.length + outcome.duplicates === 0 ? 'ROLLBACK' : 'COMMIT');
  return outcome;
}

/** Deletes some of what waits for a topic that is gone. */
export async function dropBatch(client: Queryable, topicId: number): Promise<number> {
  const { rowCount } = await client.query(DROP_SQL, [topicId]);
  return rowCount ?? 0;
}

function nothing(fromMs: number | null): ReleaseOutcome {
  return { rows: [], duplicates: 0, fromMs };
}

/** Without rows and duplicates nothing was changed. */
async function moveBatch(client: Queryable, options: ReleaseOptions): Promise<ReleaseOutcome> {
  const { topicId, dueMs, incarnation, dedupeWindowMs, room = WHOLE_BATCH } = options;
  const lock = await client.query<{ locked: boolean }>(LOCK_RELEASE_SQL, [topicId]);
  if (lock.rows[0]?.locked !== true) return nothing(dueMs);
  // The payloads are read before the topic is locked: others wait for the topic.
  const taken = (await client.query<OutboxRow>(TAKE_SQL, [topicId, dueMs, room.rows, room.bytes]))
    .rows;
  if (taken.length === 0) return nothing(null);
  const { rows: locked } = await client.query<{ incarnation: string }>(LOCK_TOPIC_SQL, [topicId]);
  // The look at everything finds it without a name.
  if (locked[0] === undefined) return nothing(null);
  if (locked[0].incarnation !== incarnation) throw new OtherLog();
  const survivors = await withoutRepeats(client, topicId, taken);
  const head = survivors.length === 0 ? null : await readHead(client, topicId);
  const rows = head === null ? [] : survivors.map((row, n) => logRowOf(row, topicId, { head, n }));
  const keyed = survivors.filter((row) => row.dedupe_key !== null);
  await client.query(MOVE_SQL, [
    topicId,
    survivors.map((row) => row.id),
    rows.map((row) => row.sequence),
    rows.map((row) => formatUuid(row.messageId)),
    head?.published_at,
    taken.map((row) => row.id),
    keyed.map((row) => row.id),
    keyed.map((row) => fingerprint({ ...row, contentType: row.content_type as ContentType })),
    dedupeWindowMs,
    bytesTo(rows, Number(head?.bytes_to)),
  ]);
  return { rows, duplicates: taken.length - survivors.length, fromMs: leftFrom(taken, room) };
}

/** Where the next batch begins, when this one is full. */
function leftFrom(taken: readonly OutboxRow[], room: ReleaseRoom): number | null {
  const bytes = taken.reduce((sum, row) => sum + row.payload.length, 0);
  const last = taken.at(-1);
  if (last === undefined) return null;
  const isFull = last.due_rows >= room.rows || bytes >= room.bytes;
  return isFull ? Number(last.due_ms) : null;
}

/** Under the topic's lock nobody else adds keys to it. */
async function withoutRepeats(
  client: Queryable,
  topicId: number,
  taken: readonly OutboxRow[],
): Promise<OutboxRow[]> {
  const keys = new Set(taken.map((row) => row.dedupe_key).filter((key) => key !== null));
  if (keys.size === 0) return [...taken];
  const { rows } = await client.query<{ dedupe_key: string }>(KNOWN_KEYS_SQL, [topicId, [...keys]]);
  const known = new Set(rows.map((row) => row.dedupe_key));
  return taken.filter((row) => {
    if (row.dedupe_key === null) return true;
    if (known.has(row.dedupe_key)) return false;
    known.add(row.dedupe_key);
    return true;
  });
}

async function readHead(client: Queryable, topicId: number): Promise<Head> {
  const [head] = (await client.query<Head>(HEAD_SQL, [topicId])).rows;
  if (head === undefined) throw new Error(`topic ${topicId} is locked and has no head`);
  return head;
}

/** The last row of what is appended together has the bytes of the topic up to it. */
function bytesTo(rows: readonly LogRow[], before: number): (number | null)[] {
  const bytes = rows.reduce(
    (sum, { payload, key, headers }) =>
      sum + payload.length + Buffer.byteLength(key ?? '') + Buffer.byteLength(headers ?? ''),
    before,
  );
  return rows.map((_, n) => (n === rows.length - 1 ? bytes : null));
}

function logRowOf(row: OutboxRow, topicId: number, { head, n }: { head: Head; n: number }): LogRow {
  const publishedAtMs = Number(head.published_ms);
  const ttlMs = Number(row.ttl_ms);
  return {
    sequence: Number(head.head) + 1 + n,
    messageId: makeUuidV7(publishedAtMs, idTag(topicId)),
    publishedAtMs,
    contentType: row.content_type as ContentType,
    payload: row.payload,
    key: row.key,
    headers: row.headers,
    expiresAtMs: ttlMs === 0 ? 0 : publishedAtMs + ttlMs,
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
