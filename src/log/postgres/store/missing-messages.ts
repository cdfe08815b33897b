/**
 * Messages that were given up when nobody had them any more: retention passed them, so there is nothing
 * to keep as a dead letter. Each is owed to its durable subscription as a delivery; whoever has that open
 * is told a gap in its place. Whoever calls this holds the transaction that stored the dead letters.
 */

import type {
  EphemeralSave,
  MissingMessage,
  SubscriptionSave,
} from '../../contract/subscription-store.js';
import type { Queryable } from '../session/queryable.js';
import { storable } from './subscription-rows.js';

/** Those without a dead letter get a row like that of a redriven one; a repeated save finds it there. */
const OWED_SQL = `INSERT INTO conduit.deliveries
    (subscription_id, sequence, attempts, due_at, redriven)
  SELECT n.subscription_id, n.sequence, 0, clock_timestamp(), true
  FROM unnest($1::bigint[], $2::bigint[]) AS n (subscription_id, sequence)
  WHERE NOT EXISTS (SELECT FROM conduit.dead_letters d
    WHERE d.subscription_id = n.subscription_id AND d.sequence = n.sequence)
  ORDER BY n.subscription_id, n.sequence
  ON CONFLICT (subscription_id, sequence) DO UPDATE SET redriven = true
  RETURNING subscription_id, sequence`;

const WITHOUT_LETTER_SQL = `SELECT n.sequence FROM unnest($3::bigint[]) AS n (sequence)
  WHERE NOT EXISTS (SELECT FROM conduit.dead_letters d
    WHERE d.topic_id = $1 AND d.session = $2 AND d.sequence = n.sequence)
  ORDER BY n.sequence`;

export async function storeMissing(
  session: Queryable,
  saves: readonly SubscriptionSave[],
): Promise<MissingMessage[]> {
  const drafts = saves.flatMap(({ id, deadLetters }) =>
    deadLetters.map(({ sequence }) => ({ id, sequence })),
  );
  if (drafts.length === 0) return [];
  const { rows } = await session.query<{ subscription_id: string; sequence: string }>(OWED_SQL, [
    drafts.map(({ id }) => id),
    drafts.map(({ sequence }) => sequence),
  ]);
  return rows.map((row) => ({ id: Number(row.subscription_id), sequence: Number(row.sequence) }));
}

/** Ascending. */
export async function findMissing(session: Queryable, save: EphemeralSave): Promise<number[]> {
  if (save.deadLetters.length === 0) return [];
  const sequences = save.deadLetters.map(({ sequence }) => sequence);
  const values = [save.topicId, storable(save.session), sequences];
  const { rows } = await session.query<{ sequence: string }>(WITHOUT_LETTER_SQL, values);
  return rows.map(({ sequence }) => Number(sequence));
}
