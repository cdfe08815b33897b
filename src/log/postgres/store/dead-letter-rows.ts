/**
 * Writes what a save changes in the dead letters and in the history of failures. The payload never
 * comes this way: it is copied within the database. Whoever calls these holds a transaction.
 */

import type { FailureRecord } from '../../../core/trace-record.js';
import type { DeadLetterDraft } from '../../contract/subscription-store.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';
import type { StoreRows } from './refused-data.js';
import { withinTime, withoutText } from './refused-data.js';
import { storable } from './subscription-rows.js';

/** Whose dead letters or failures: of a durable subscription, or of a session. */
export type Owner = { subscriptionId: number } | { session: string };

interface OwnedBy {
  topicId: number;
  owner: Owner;
}

export type OwnedDraft = OwnedBy & DeadLetterDraft;
export type OwnedFailure = OwnedBy & FailureRecord;
export type OwnedSequence = OwnedBy & { sequence: number };

/** What names a dead letter of either kind, and the index that says so. */
const KEYS = {
  durable: {
    same: 'd.subscription_id = n.subscription_id AND d.sequence = n.sequence',
    conflict: '(subscription_id, sequence) WHERE subscription_id IS NOT NULL',
  },
  ephemeral: {
    same: 'd.topic_id = n.topic_id AND d.sequence = n.sequence AND d.session = n.session',
    conflict: '(topic_id, sequence, session) WHERE session IS NOT NULL',
  },
} as const;

type Kind = keyof typeof KEYS;

/**
 * The copy is of the log, else of the dead letter that was redriven; else there is nothing left to
 * keep. One look-up per draft (LATERAL with LIMIT): a join by hash would read whole leaves. Coming
 * back counts once, however often the save is repeated: the repeat finds it not redriven.
 */
function storeSql(kind: Kind): string {
  const { same, conflict } = KEYS[kind];
  const copied = 'message_id, published_at, expires_at, key, headers, content_type, payload';
  return `INSERT INTO conduit.dead_letters AS old (topic_id, subscription_id, session, sequence,
      ${copied}, reason, attempts, first_failed_at, last_failed_at, last_error)
    SELECT n.topic_id, n.subscription_id, n.session, n.sequence, m.*, n.reason, n.attempts,
      to_timestamp(n.first_failed_ms / 1000), to_timestamp(n.last_failed_ms / 1000), n.last_error
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::int[],
      $7::float8[], $8::float8[], $9::text[]) WITH ORDINALITY AS n (topic_id, subscription_id,
      session, sequence, reason, attempts, first_failed_ms, last_failed_ms, last_error, place)
    JOIN conduit.topics t ON t.id = n.topic_id AND ${livingHere('t')}
    CROSS JOIN LATERAL (
      SELECT ${copied} FROM conduit.messages m
      WHERE m.topic_id = n.topic_id AND m.sequence = n.sequence
      UNION ALL
      SELECT ${copied} FROM conduit.dead_letters d WHERE ${same}
      LIMIT 1) m
    ORDER BY n.place
    ON CONFLICT ${conflict} DO UPDATE SET reason = excluded.reason,
      attempts = excluded.attempts, first_failed_at = excluded.first_failed_at,
      last_failed_at = excluded.last_failed_at, last_error = excluded.last_error,
      redriven_count = old.redriven_count + (old.redriven_at IS NOT NULL)::int,
      redriven_at = NULL`;
}

/** In id order, as a purge locks them. */
function settleSql(kind: Kind): string {
  return `DELETE FROM conduit.dead_letters WHERE id IN (
    SELECT d.id FROM conduit.dead_letters d
    JOIN unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])
      AS n (topic_id, subscription_id, session, sequence) ON ${KEYS[kind].same}
    WHERE d.redriven_at IS NOT NULL ORDER BY d.id FOR UPDATE OF d)`;
}

const STORE_SQL = { durable: storeSql('durable'), ephemeral: storeSql('ephemeral') };
const SETTLE_SQL = { durable: settleSql('durable'), ephemeral: settleSql('ephemeral') };

/** A redriven one that lost its delivery row to a seek would be out of everybody's sight. */
const RETURN_SQL = `UPDATE conduit.dead_letters d SET redriven_at = NULL
  WHERE d.subscription_id = ANY($1::bigint[]) AND d.redriven_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM conduit.deliveries x
      WHERE x.subscription_id = d.subscription_id AND x.sequence = d.sequence)`;

const GIVE_BACK_SQL = `UPDATE conduit.dead_letters SET redriven_at = NULL
  WHERE topic_id = $1 AND session = $2 AND sequence = ANY($3::bigint[])
    AND redriven_at IS NOT NULL`;

const FAILURES_SQL = `INSERT INTO conduit.delivery_history
    (topic_id, sequence, subscription_id, session, attempt, at, outcome, reason)
  SELECT n.topic_id, n.sequence, n.subscription_id, n.session, n.attempt,
    to_timestamp(n.at_ms / 1000), n.outcome, n.reason
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::int[], $6::float8[],
    $7::text[], $8::text[])
    AS n (topic_id, sequence, subscription_id, session, attempt, at_ms, outcome, reason)
  ON CONFLICT DO NOTHING`;

/** All of one kind. Those whose message is nowhere any more are left out. */
export async function storeDeadLetters(
  session: Queryable,
  drafts: readonly OwnedDraft[],
  storeRows: StoreRows,
): Promise<void> {
  const first = drafts[0];
  if (first === undefined) return;
  const statement = STORE_SQL[kindOf(first.owner)];
  await storeRows(drafts, {
    store: async (rows) => {
      await session.query(statement, [
        ...keysOf(rows),
        rows.map((draft) => draft.reason),
        rows.map((draft) => draft.attempts),
        rows.map((draft) => draft.firstFailedAtMs),
        rows.map((draft) => draft.lastFailedAtMs),
        rows.map((draft) => storable(draft.lastError)),
      ]);
    },
    plain: (draft) => ({
      ...draft,
      firstFailedAtMs: withinTime(draft.firstFailedAtMs),
      lastFailedAtMs: withinTime(draft.lastFailedAtMs),
      lastError: withoutText(draft.lastError),
    }),
    // A message must not be settled by a dead letter that is nowhere.
    otherwise: 'refused',
  });
}

/** All of one kind. Redriven dead letters of what was settled go; others stay. */
export async function settleDeadLetters(
  session: Queryable,
  settled: readonly OwnedSequence[],
): Promise<void> {
  const first = settled[0];
  if (first === undefined) return;
  await session.query(SETTLE_SQL[kindOf(first.owner)], keysOf(settled));
}

/** Of subscriptions whose delivery rows were dropped: those without a row are redriven no more. */
export async function returnRedriven(
  session: Queryable,
  subscriptionIds: readonly number[],
): Promise<void> {
  if (subscriptionIds.length > 0) await session.query(RETURN_SQL, [subscriptionIds]);
}

/** Redriven ones of a session that takes them no more are dead letters again. */
export async function giveBack(
  session: Queryable,
  of: { topicId: number; session: string },
  sequences: readonly number[],
): Promise<void> {
  if (sequences.length === 0) return;
  await session.query(GIVE_BACK_SQL, [of.topicId, storable(of.session), sequences]);
}

/** A failure that is there already is not stored twice. */
export async function storeFailures(
  session: Queryable,
  failures: readonly OwnedFailure[],
  storeRows: StoreRows,
): Promise<void> {
  if (failures.length === 0) return;
  await storeRows(failures, {
    store: async (rows) => {
      await session.query(FAILURES_SQL, [
        rows.map((failure) => failure.topicId),
        rows.map((failure) => failure.sequence),
        rows.map(({ owner }) => idOf(owner)),
        rows.map((failure) => storable(failure.session)),
        rows.map((failure) => failure.attempt),
        rows.map((failure) => failure.atMs),
        rows.map((failure) => failure.outcome),
        rows.map((failure) => storable(failure.reason)),
      ]);
    },
    plain: (failure) => ({
      ...failure,
      atMs: withinTime(failure.atMs),
      reason: withoutText(failure.reason),
    }),
    otherwise: 'left out',
  });
}

/** $1 to $4 of both statements: topic, subscription, session, sequence. */
function keysOf(items: readonly OwnedSequence[]): unknown[] {
  return [
    items.map((item) => item.topicId),
    items.map(({ owner }) => idOf(owner)),
    items.map(({ owner }) => ('session' in owner ? storable(owner.session) : null)),
    items.map((item) => item.sequence),
  ];
}

function kindOf(owner: Owner): Kind {
  return 'session' in owner ? 'ephemeral' : 'durable';
}

function idOf(owner: Owner): number | null {
  return 'session' in owner ? null : owner.subscriptionId;
}
