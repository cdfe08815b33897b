/**
 * One append: BEGIN, lock the topics and read their heads, COPY, COMMIT; a lone message goes by
 * small-append.ts. It says how far it came when it fails, since that decides what may be said of its
 * messages: before COMMIT was sent nothing is stored; after it, without an answer, nobody knows.
 */

import type pg from 'pg';
import { faultOf } from '../../contract/log-errors.js';
import type { PendingAppend, TopicCommit } from '../../contract/message-log.js';
import { livingHere } from '../session/living-topic.js';
import { copyAndCommit } from './append-copy.js';
import type { TopicAppends } from './append-groups.js';
import type { AppendOutcome } from './append-outcome.js';
import { CopyBuffer, type CopyCommit, copyBytes } from './copy-rows.js';
import { claimKeys, foldRepeats } from './dedupe.js';
import { appendSmall, smallAppend } from './small-append.js';
import type { LookOptions } from './unknown-commit.js';
import { UnknownCommit, wasCommitted } from './unknown-commit.js';

export interface AppendOptions {
  dedupeWindowMs: number;
  /** Waits for the rows (as long as lock_timeout), for a topic that was skipped before. */
  locking: 'skip' | 'wait';
  /** How long; absent: the session's lock_timeout. */
  lockWaitMs?: number;
  /** Of conduit.messages when the session was opened. */
  logOid: number;
}

/**
 * Asked when the topics are locked, so that it cannot change any more: a schema that was restored beneath a
 * session has other topics under the same ids.
 */
const LOG_OID = `to_regclass('conduit.messages')::oid AS log_oid`;

/** As it is written. */
type Placed<A extends PendingAppend> = TopicCommit<A> & CopyCommit;
type Prepared<A extends PendingAppend> = AppendOutcome<A> & { commits: Placed<A>[] };

/** Rejects with PostgreSQL's error (nothing is stored) or with UnknownCommit. */
export async function appendOn<A extends PendingAppend>(
  client: pg.Client,
  groups: TopicAppends<A>,
  options: AppendOptions,
): Promise<AppendOutcome<A>> {
  const small = options.locking === 'skip' ? smallAppend(groups) : null;
  // In a transaction that was left open it would be answered and not committed.
  if (small !== null && client.getTransactionStatus() === 'I') {
    return appendSmall(client, small, options.logOid);
  }
  try {
    const outcome = await prepare(client, groups, options);
    await commit(client, outcome);
    return outcome;
  } catch (error) {
    if (!(error instanceof UnknownCommit)) await rollback(client);
    throw error;
  }
}

async function prepare<A extends PendingAppend>(
  client: pg.Client,
  groups: TopicAppends<A>,
  options: AppendOptions,
): Promise<Prepared<A>> {
  const { unique, result: dedupe } = foldRepeats(groups);
  const skipped: TopicAppends<A> = new Map();
  const hasKeys = [...unique.values()].some((list) =>
    list.some((append) => append.publication.dedupeKey !== null),
  );
  let wanted = unique;
  const opening = options.locking === 'wait' ? `${beginSql(options)}; ${lockSql(unique)}` : 'BEGIN';
  if (hasKeys) {
    const locked = await lock(client, `${opening}; ${lockSql(unique, 'SKIP LOCKED')}`, options);
    wanted = new Map([...unique].filter(([id]) => locked.has(id)));
    wanted = await claimKeys(client, wanted, dedupe);
    for (const [id, list] of unique) if (!locked.has(id)) skipped.set(id, list);
  }
  const begin = hasKeys ? '' : `${opening}; `;
  const places = await readHeads(client, begin, wanted, options);
  const commits: Placed<A>[] = [];
  for (const [topicId, appends] of wanted) {
    const place = places.get(topicId);
    if (place === undefined) {
      if (appends.length > 0) skipped.set(topicId, appends);
    } else commits.push({ topicId, ...place, appends });
  }
  if (hasKeys) await dedupe.store(client, commits, options.dedupeWindowMs);
  return { commits, skipped, dedupe };
}

async function commit<A extends PendingAppend>(
  client: pg.Client,
  outcome: Prepared<A>,
): Promise<void> {
  if (outcome.commits.length === 0) {
    await client.query('ROLLBACK');
    return;
  }
  const rows = copyRows(outcome.commits);
  try {
    await copyAndCommit(client, rows);
  } catch (error) {
    // An error of the server's rolled it back. One of the connection's may have come after the commit.
    if (faultOf(error) !== 'connection') throw error;
    throw new UnknownCommit(
      outcome.skipped,
      (session, look) => find(session, outcome, look),
      error,
    );
  }
}

async function find<A extends PendingAppend>(
  client: pg.Client,
  outcome: AppendOutcome<A>,
  options: LookOptions,
): Promise<AppendOutcome<A> | null> {
  if (!(await wasCommitted(client, outcome.commits, options))) return null;
  return { ...outcome, skipped: new Map() };
}

function copyRows<A extends PendingAppend>(commits: readonly Placed<A>[]): Buffer {
  let bytes = 0;
  for (const { appends } of commits) {
    for (const { publication } of appends) bytes += copyBytes(publication);
  }
  const buffer = new CopyBuffer(bytes);
  for (const commit of commits) buffer.add(commit);
  return buffer.finish();
}

const HEADS = `SELECT topic_id, head, bytes_to, log_oid,
  round(extract(epoch FROM published_at) * 1000)::bigint AS published_ms`;

type Place = Pick<CopyCommit, 'firstSequence' | 'bytesBefore' | 'publishedAtMs'>;

/** Of those that nobody else holds; they are locked. */
async function readHeads<A extends PendingAppend>(
  client: pg.Client,
  begin: string,
  groups: TopicAppends<A>,
  options: AppendOptions,
): Promise<Map<number, Place>> {
  const ids = [...groups.keys()].filter((id) => groups.get(id)?.length !== 0);
  // Only integers of our own stand in the text; the simple protocol takes all in one round trip.
  const locked = ids.length === 1 ? `lock_head(${ids[0]})` : `lock_heads('{${ids}}')`;
  const rows = lastRows(await client.query(`${begin}${HEADS} FROM conduit.${locked}`));
  checkLog(rows, options);
  return new Map(
    rows.map((row) => [
      Number(row['topic_id']),
      {
        firstSequence: Number(row['head']) + 1,
        bytesBefore: Number(row['bytes_to']),
        publishedAtMs: Number(row['published_ms']),
      },
    ]),
  );
}

function beginSql({ lockWaitMs }: AppendOptions): string {
  if (lockWaitMs === undefined) return 'BEGIN';
  return `BEGIN; SET LOCAL lock_timeout = ${Math.ceil(lockWaitMs)}`;
}

function lockSql<A>(groups: TopicAppends<A>, mode = ''): string {
  return `SELECT id, ${LOG_OID} FROM conduit.topics WHERE id = ANY('{${[...groups.keys()]}}')
    AND ${livingHere()} ORDER BY id FOR NO KEY UPDATE ${mode}`;
}

async function lock(client: pg.Client, sql: string, options: AppendOptions): Promise<Set<number>> {
  const rows = lastRows(await client.query(sql));
  checkLog(rows, options);
  return new Set(rows.map((row) => Number(row['id'])));
}

/** Throws what ends the session: the next one stands on the log that is there. */
function checkLog([row]: readonly Record<string, unknown>[], { logOid }: AppendOptions): void {
  if (row === undefined || row['log_oid'] === logOid) return;
  throw new Error('the connection ended: the log was replaced beneath it');
}

/** The rows of the last statement: several in one query give an array of results. */
function lastRows(result: unknown): Record<string, unknown>[] {
  const last = Array.isArray(result) ? result.at(-1) : result;
  return (last as pg.QueryResult<Record<string, unknown>>).rows;
}

/** Best effort: a session that cannot roll back is lost, and its loss is noticed elsewhere. */
async function rollback(client: pg.Client): Promise<void> {
  try {
    await client.query('ROLLBACK');
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
