/**
 * The append of one message by one statement that commits by itself: what an unloaded publish needs.
 * pg resolves a query at ReadyForQuery, which the server sends after the commit. Also what became of
 * it when that answer is lost; its place is then not known, so the message is looked for by its id.
 */
import type pg from 'pg';
import { formatUuid } from '../../../core/uuid.js';
import { faultOf } from '../../contract/log-errors.js';
import type { PendingAppend } from '../../contract/message-log.js';
import { backendLives, endBackend } from '../session/own-backends.js';
import type { TopicAppends } from './append-groups.js';
import type { AppendOutcome } from './append-outcome.js';
import { DedupeResult } from './dedupe.js';
import type { LookOptions } from './unknown-commit.js';
import { lockTopic, UnknownCommit } from './unknown-commit.js';

/** Payload bytes; above, COPY costs no more. */
const PAYLOAD_BYTES_MAX = 16 * 1024;

/**
 * Locks and skips as a batch does, and writes the row that COPY would: conduit.lock_head reads the head in a
 * statement of its own, which begins when the lock is granted. No row: the topic is held by somebody else, or
 * gone, or the log is another by now; who waits for it is told. Named, so that its plan is made once a
 * session.
 */
const APPEND_ONE = {
  name: 'append_one',
  text: `INSERT INTO conduit.messages (topic_id, sequence, message_id, published_at,
      expires_at, key, headers, content_type, payload, bytes_to)
    SELECT topic_id, head + 1, $2, published_at, published_at + $3::float8 * interval '1 ms',
      $4::text, $5::text, $6, $7::bytea, bytes_to + octet_length($7::bytea)
        + coalesce(octet_length($4::text), 0) + coalesce(octet_length($5::text), 0)
    FROM conduit.lock_head($1::bigint) WHERE log_oid = $8::oid
    RETURNING sequence, round(extract(epoch FROM published_at) * 1000)::bigint AS published_ms`,
};

/** How long an old session that was told to end may take for it. */
const OLD_ENDS_MS = 2_000;
const OLD_PAUSE_MS = 20;

/**
 * published_at never falls within a topic and is not before the statement's time by the server's
 * clock, so a day back is enough of the log, unless that clock is set by a day in these seconds.
 */
const FIND_SQL = `SELECT sequence,
    round(extract(epoch FROM published_at) * 1000)::bigint AS published_ms
  FROM conduit.messages
  WHERE topic_id = $1 AND message_id = $2 AND published_at > clock_timestamp() - interval '1 day'`;

interface PlaceRow {
  sequence: string;
  published_ms: string;
}

/** The one message of the batch, when the statement can take it; else null. */
export function smallAppend<A extends PendingAppend>(groups: TopicAppends<A>): A | null {
  if (groups.size !== 1) return null;
  for (const appends of groups.values()) {
    const [append] = appends;
    if (append === undefined || appends.length > 1) return null;
    const { dedupeKey, payload } = append.publication;
    return dedupeKey === null && payload.length <= PAYLOAD_BYTES_MAX ? append : null;
  }
  return null;
}

/**
 * Appends it, or answers it as skipped when somebody else has the topic. Rejects with PostgreSQL's
 * error (nothing is stored) or with UnknownCommit. The session must have no transaction open.
 */
export async function appendSmall<A extends PendingAppend>(
  client: pg.Client,
  append: A,
  logOid: number,
): Promise<AppendOutcome<A>> {
  try {
    const values = [...valuesOf(append), logOid];
    const { rows } = await client.query<PlaceRow>({ ...APPEND_ONE, values });
    return outcomeOf(append, rows[0]);
  } catch (error) {
    if (faultOf(error) !== 'connection') throw error;
    const find = (session: pg.Client, options: LookOptions): Promise<AppendOutcome<A> | null> =>
      findAppend(session, append, options);
    throw new UnknownCommit(new Map(), find, error);
  }
}

/** As CopyBuffer writes it. */
function valuesOf({ topicId, messageId, publication }: PendingAppend): unknown[] {
  const { key, headers, contentType, payload, ttlMs } = publication;
  const expires = ttlMs === 0 ? null : ttlMs;
  // pg passes bytes in binary, which PostgreSQL takes for uuid, too.
  return [topicId, messageId, expires, key, headers, contentType, payload];
}

/**
 * Where it was stored; null: it was not. The statement may have reached its backend and not have taken
 * its lock yet, so the lock alone decides nothing: the backend must be gone.
 */
async function findAppend<A extends PendingAppend>(
  client: pg.Client,
  append: A,
  options: LookOptions,
): Promise<AppendOutcome<A> | null> {
  await endBackend(client, options.oldPid);
  await oldIsGone(client, options);
  await lockTopic(client, append.topicId, options);
  const { rows } = await client.query<PlaceRow>(FIND_SQL, [
    append.topicId,
    formatUuid(append.messageId),
  ]);
  await client.query('ROLLBACK');
  return rows[0] === undefined ? null : outcomeOf(append, rows[0]);
}

/** Rejects when the backend still lives after a while: to be asked again. */
async function oldIsGone(client: pg.Client, { oldPid, lockWaitMs }: LookOptions): Promise<void> {
  const waitMs = Math.min(OLD_ENDS_MS, lockWaitMs);
  for (let waitedMs = 0; waitedMs <= waitMs; waitedMs += OLD_PAUSE_MS) {
    if (!(await backendLives(client, oldPid))) return;
    await new Promise((resolve) => setTimeout(resolve, OLD_PAUSE_MS));
  }
  throw new Error('the session whose answer was lost does not end');
}

/** Without a place it was skipped. */
function outcomeOf<A extends PendingAppend>(
  append: A,
  place: PlaceRow | undefined,
): AppendOutcome<A> {
  const { topicId } = append;
  const dedupe = new DedupeResult<A>();
  if (place === undefined) return { commits: [], skipped: new Map([[topicId, [append]]]), dedupe };
  const firstSequence = Number(place.sequence);
  const publishedAtMs = Number(place.published_ms);
  const commit = { topicId, firstSequence, publishedAtMs, appends: [append] };
  return { commits: [commit], skipped: new Map(), dedupe };
}
