/**
 * What is kept of each topic: moves topics.first_sequence by hours, messages and bytes, in bounded
 * steps; readers clip at it at once, rows go with their leaf (partitions.ts). Runs on a session of its
 * own with a short lock_timeout; a topic whose row is held is left to the next turn.
 */
import type { Clock } from '../../../core/clock.js';
import type { Queryable } from '../session/queryable.js';

const TOPICS_MAX = 1_000;
/** Rows summed exactly in one step; larger moves reckon bytes by the share of messages. */
const EXACT_ROWS_MAX = 20_000;
export const PURGE_ROWS_MAX = 10_000;
export const PURGE_MS_MAX = 20_000;
const LOCK_TIMEOUT_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';

/** Topics past one of their bounds. The first readable row tells whether hours are passed. */
const CANDIDATES_SQL = `SELECT t.id, t.first_sequence, d.sequence AS last_sequence, d.bytes,
    t.gone_bytes, t.retention_messages, t.retention_bytes, h.since::text
  FROM conduit.topics t
  JOIN conduit.topic_heads(ARRAY(SELECT id FROM conduit.topics WHERE deleted_at IS NULL)) d
    ON d.topic_id = t.id, LATERAL (
    SELECT clock_timestamp() - least(t.retention_hours, $1::float8) * interval '1 hour' AS since) h
  WHERE t.deleted_at IS NULL AND t.first_sequence <= d.sequence AND (
    d.sequence - t.first_sequence + 1 > t.retention_messages
    OR d.bytes > t.retention_bytes
    OR (SELECT m.published_at FROM conduit.messages m
        WHERE m.topic_id = t.id AND m.sequence = t.first_sequence) < h.since)
  ORDER BY t.id LIMIT ${TOPICS_MAX}`;

/** What append counts of a row. */
const BYTES = `octet_length(payload) + coalesce(octet_length(key), 0)
  + coalesce(octet_length(headers), 0)`;

/** First sequence published at or after $4, of $2 to $3 + 1. */
const FIRST_SINCE_SQL = `WITH RECURSIVE search(low, high) AS (
    SELECT $2::bigint, $3::bigint + 1
  UNION ALL
    SELECT CASE WHEN late.yes THEN s.low ELSE (s.low + s.high) / 2 + 1 END,
      CASE WHEN late.yes THEN (s.low + s.high) / 2 ELSE s.high END
    FROM search s, LATERAL (SELECT coalesce((
      SELECT m.published_at >= $4::timestamptz FROM conduit.messages m
      WHERE m.topic_id = $1::bigint AND m.sequence = (s.low + s.high) / 2), false) AS yes) late
    WHERE s.low < s.high)
  SELECT low FROM search WHERE low >= high`;

/**
 * Behind the last append, of $2 to $3, up to which the topic had less than $4 bytes. Appends say so in their
 * last row; none is found where rows of before sql/0013_unversioned_heads.sql say nothing.
 */
const LAST_WITHIN_SQL = `WITH RECURSIVE search(low, high) AS (
    SELECT $2::bigint, $3::bigint + 1
  UNION ALL
    SELECT CASE WHEN late.yes THEN s.low ELSE (s.low + s.high) / 2 + 1 END,
      CASE WHEN late.yes THEN (s.low + s.high) / 2 ELSE s.high END
    FROM search s, LATERAL (SELECT coalesce((
      SELECT m.bytes_to >= $4::bigint FROM conduit.messages m
      WHERE m.topic_id = $1::bigint AND m.bytes_to IS NOT NULL
        AND m.sequence BETWEEN (s.low + s.high) / 2 AND (s.low + s.high) / 2 + ${EXACT_ROWS_MAX}
      ORDER BY m.sequence LIMIT 1), false) AS yes) late
    WHERE s.low < s.high)
  SELECT m.sequence + 1 AS from, m.bytes_to FROM search, LATERAL (
    SELECT sequence, bytes_to FROM conduit.messages
    WHERE topic_id = $1::bigint AND bytes_to IS NOT NULL
      AND sequence BETWEEN greatest($2::bigint, low - ${EXACT_ROWS_MAX}) AND low - 1
    ORDER BY sequence DESC LIMIT 1) m
  WHERE low >= high`;

/** How far from $2 on rows must go until at least $4 bytes went, within $3 rows. */
const FIRST_BY_BYTES_SQL = `SELECT coalesce(min(sequence) FILTER (WHERE sum >= $4::bigint),
    max(sequence), $2::bigint - 1) + 1 AS low
  FROM (SELECT sequence, sum(${BYTES}) OVER (ORDER BY sequence) AS sum FROM conduit.messages
    WHERE topic_id = $1::bigint AND sequence BETWEEN $2::bigint AND $2::bigint + $3::bigint - 1) m`;

/** Both from first_sequence = $2 up to $3, which is readable still, or the next one that will be. */
const MOVE_SQL = `UPDATE conduit.topics t SET first_sequence = $3::bigint,
    gone_bytes = conduit.bytes_before(t, $3::bigint)
  WHERE t.id = $1::bigint AND t.first_sequence = $2::bigint AND t.deleted_at IS NULL`;

interface Candidate {
  id: string;
  first_sequence: string;
  last_sequence: string;
  bytes: string;
  gone_bytes: string;
  retention_messages: string | null;
  retention_bytes: string | null;
  since: string;
}

/** One turn over all topics: how many were moved. `hoursMax`: the node's own bound. */
export async function applyRetention(session: Queryable, hoursMax: number): Promise<number> {
  await session.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  const { rows } = await session.query<Candidate>(CANDIDATES_SQL, [hoursMax]);
  let moved = 0;
  for (const topic of rows) if (await moveFirst(session, topic)) moved++;
  return moved;
}

/**
 * Runs a DELETE of at most PURGE_ROWS_MAX rows until it finds fewer, or the time is up: how many
 * went.
 */
export async function purgeInChunks(
  session: Queryable,
  deleteSql: string,
  clock: Clock,
): Promise<number> {
  const until = clock.monotonic() + PURGE_MS_MAX;
  let purged = 0;
  for (;;) {
    const { rowCount } = await session.query(deleteSql);
    purged += rowCount ?? 0;
    if ((rowCount ?? 0) < PURGE_ROWS_MAX || clock.monotonic() > until) return purged;
  }
}

async function moveFirst(session: Queryable, topic: Candidate): Promise<boolean> {
  const first = Number(topic.first_sequence);
  const to = Math.max(
    firstByMessages(topic),
    await firstByHours(session, topic),
    await firstByBytes(session, topic),
  );
  if (to <= first) return false;
  try {
    const { rowCount } = await session.query(MOVE_SQL, [topic.id, first, to]);
    return rowCount === 1;
  } catch (error) {
    const busy = error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
    if (busy) return false;
    throw error;
  }
}

function firstByMessages(topic: Candidate): number {
  if (topic.retention_messages === null) return 0;
  return Number(topic.last_sequence) - Number(topic.retention_messages) + 1;
}

async function firstByHours(session: Queryable, topic: Candidate): Promise<number> {
  const { rows } = await session.query<{ low: string }>(FIRST_SINCE_SQL, [
    topic.id,
    topic.first_sequence,
    topic.last_sequence,
    topic.since,
  ]);
  return Number(rows[0]?.low ?? 0);
}

async function firstByBytes(session: Queryable, topic: Candidate): Promise<number> {
  const excess = Number(topic.bytes) - Number(topic.retention_bytes ?? Number.POSITIVE_INFINITY);
  if (excess <= 0) return 0;
  const { id, first_sequence: first, last_sequence: last } = topic;
  const until = Number(topic.gone_bytes) + excess;
  const within = await session.query<{ from: string; bytes_to: string }>(LAST_WITHIN_SQL, [
    id,
    first,
    last,
    until,
  ]);
  const [begin] = within.rows;
  const { rows } = await session.query<{ low: string }>(FIRST_BY_BYTES_SQL, [
    id,
    begin?.from ?? first,
    EXACT_ROWS_MAX,
    begin === undefined ? excess : until - Number(begin.bytes_to),
  ]);
  return Number(rows[0]?.low ?? 0);
}
