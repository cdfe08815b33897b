/**
 * What became of a transaction whose end was not answered. Asked on another session, never on one that
 * has a transaction open.
 */
import type pg from 'pg';
import { formatUuid } from '../../../core/uuid.js';
import type { PendingAppend, TopicCommit } from '../../contract/message-log.js';
import { endBackend } from '../session/own-backends.js';
import type { TopicAppends } from './append-groups.js';
import type { AppendOutcome } from './append-outcome.js';

const PRESENT_SQL = `SELECT count(*)::int AS present
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS w (topic_id, sequence, message_id)
  JOIN conduit.messages m USING (topic_id, sequence, message_id)`;

export interface LookOptions {
  /** Of the session whose answer was lost. */
  oldPid: number;
  lockWaitMs: number;
}

/** What was stored, with its places; null: nothing was. Rejects with PostgreSQL's error: ask again. */
export type Find<A extends PendingAppend> = (
  client: pg.Client,
  options: LookOptions,
) => Promise<AppendOutcome<A> | null>;

/** The statement that commits was sent and not answered. */
export class UnknownCommit<A extends PendingAppend> extends Error {
  /** Topics of which nothing was sent. */
  readonly skipped: TopicAppends<A>;
  /** The outcome that it finds has no skipped topics any more. */
  readonly find: Find<A>;

  constructor(skipped: TopicAppends<A>, find: Find<A>, cause: unknown) {
    super('the answer to COMMIT was lost', { cause });
    this.skipped = skipped;
    this.find = find;
  }
}

/**
 * Whether it was committed. Takes the lock of one of its rows, so that it is decided; the transaction
 * stored all of its topics or none. Rejects with PostgreSQL's error, to be asked again.
 */
export async function wasCommitted<A extends PendingAppend>(
  client: pg.Client,
  commits: readonly TopicCommit<A>[],
  options: LookOptions,
): Promise<boolean> {
  // One that still runs the old transaction would keep its rows locked; one that has none gets none.
  await endBackend(client, options.oldPid);
  await lockTopic(client, commits[0]?.topicId ?? 0, options);
  const { rows } = await client.query<{ present: number }>(PRESENT_SQL, [
    commits.map((commit) => commit.topicId),
    commits.map((commit) => commit.firstSequence),
    commits.map(({ appends }) =>
      appends[0] === undefined ? '' : formatUuid(appends[0].messageId),
    ),
  ]);
  await client.query('ROLLBACK');
  const present = rows[0]?.present ?? 0;
  if (present !== 0 && present !== commits.length) {
    throw new Error(`half a transaction: ${present} of ${commits.length} topics`);
  }
  return present > 0;
}

/** Opens a transaction that has the topic's row: whoever had it has committed or not. */
export async function lockTopic(
  client: pg.Client,
  topicId: number,
  { lockWaitMs }: LookOptions,
): Promise<void> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${Math.ceil(lockWaitMs)};
    SELECT 1 FROM conduit.topics WHERE id = ${topicId} FOR NO KEY UPDATE`);
}
