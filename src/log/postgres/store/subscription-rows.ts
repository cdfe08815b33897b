/**
 * Durable subscriptions and their deliveries as PostgreSQL has them: select lists, what pg makes of
 * them, the records of the contract, and how one is deleted. Keeps no state.
 */

import type { SequenceRange } from '../../../core/ack-floor.js';
import type { Ordering } from '../../../core/cursor-ledger.js';
import type { DeliveryRecord, SubscriptionRecord } from '../../../core/subscription-record.js';
import { livingHere } from '../session/living-topic.js';
import type { Queryable } from '../session/queryable.js';

const CREATED_MS = 'floor(extract(epoch FROM s.created_at) * 1000)';

/** That the subscription `s` is the one that a row with its id says: of that topic, made at that time. */
export function sameSql(row: string): string {
  return `s.topic_id = ${row}.topic_id AND ${CREATED_MS} = ${row}.created_ms`;
}

/** Of conduit.subscriptions `s`, and its topic `t`. */
export const SETTING_COLUMNS = `s.id, s.topic_id, t.name AS topic, s.name, s.ack_wait_ms,
  s.max_deliver, s.ordering, s.term, s.paused, ${CREATED_MS} AS created_ms`;

/** The same, and its cursor `c`, which `CURSOR_JOIN` adds. */
export const SUBSCRIPTION_COLUMNS = `${SETTING_COLUMNS}, s.owner_boot, c.ack_floor, c.settled, c.delivered`;

/**
 * The cursor of that subscription, from the high end of the index: what a held snapshot keeps of the saves
 * before lies below, and is not walked.
 */
export function cursorSql(subscriptionId: string): string {
  return `SELECT ctid AS version, saves, ack_floor, settled, delivered FROM conduit.cursors
    WHERE subscription_id = ${subscriptionId} ORDER BY number DESC LIMIT 1`;
}

export const CURSOR_JOIN = `CROSS JOIN LATERAL (${cursorSql('s.id')}) c`;

/** Of conduit.deliveries `d`. */
export const DELIVERY_COLUMNS = `d.sequence, d.attempts,
  floor(extract(epoch FROM d.due_at) * 1000) AS due_ms,
  floor(extract(epoch FROM d.first_failed_at) * 1000) AS first_failed_ms, d.last_error, d.redriven`;

/** The select list of `SETTING_COLUMNS`; bigints and numerics come as text. */
export interface SettingRow {
  id: string;
  topic_id: string;
  topic: string;
  name: string;
  ack_wait_ms: string;
  max_deliver: number;
  ordering: string;
  term: string;
  paused: boolean;
  created_ms: string;
}

export interface CursorRow {
  ack_floor: string;
  settled: string[];
  delivered: string;
}

/** The select list of `SUBSCRIPTION_COLUMNS`. */
export type SubscriptionRow = SettingRow & CursorRow & { owner_boot?: string | null };

/** The select list of `DELIVERY_COLUMNS`. */
export interface DeliveryRow {
  sequence: string;
  attempts: number;
  due_ms: string;
  first_failed_ms: string | null;
  last_error: string | null;
  redriven: boolean;
}

export function subscriptionOf(row: SubscriptionRow): SubscriptionRecord {
  return {
    id: Number(row.id),
    topicId: Number(row.topic_id),
    topic: row.topic,
    name: row.name,
    settings: {
      ackWaitMs: Number(row.ack_wait_ms),
      maxDeliver: row.max_deliver,
      ordering: orderingOf(row.ordering),
    },
    ackFloor: Number(row.ack_floor),
    settled: rangesOf(row.settled),
    delivered: Number(row.delivered),
    term: Number(row.term),
    paused: row.paused,
    createdAtMs: Number(row.created_ms),
    ...(row.owner_boot == null ? {} : { owner: row.owner_boot }),
  };
}

export function deliveryOf(row: DeliveryRow): DeliveryRecord {
  return {
    sequence: Number(row.sequence),
    attempts: row.attempts,
    dueAtMs: Number(row.due_ms),
    firstFailedAtMs: Number(row.first_failed_ms ?? 0),
    lastError: row.last_error,
    redriven: row.redriven,
  };
}

/** The ranges as the text of a bigint[]: `{from,to,from,to}`. */
export function settledText(ranges: readonly SequenceRange[]): string {
  return `{${ranges.map(([from, to]) => `${from},${to}`).join(',')}}`;
}

/**
 * Text from outside as PostgreSQL can hold it: it has no U+0000, and one such reason of a subscriber
 * would break the save of all others.
 */
export function storable(text: string): string;
export function storable(text: string | null): string | null;
export function storable(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '\uFFFD');
}

function rangesOf(flat: readonly string[]): SequenceRange[] {
  const ranges: SequenceRange[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    ranges.push([Number(flat[at]), Number(flat[at + 1])]);
  }
  return ranges;
}

function orderingOf(text: string): Ordering {
  if (text === 'none' || text === 'key' || text === 'topic') return text;
  throw new Error(`not an ordering in the log: ${text}`);
}

/** What a delete takes along itself; the rest goes with upkeep. */
const DELETE_ROWS_MAX = 10_000;

const DELETE_SQL = `DELETE FROM conduit.subscriptions s USING conduit.topics t
  WHERE s.topic_id = $1 AND s.name = $2 AND t.id = s.topic_id AND ${livingHere('t')}
  RETURNING s.id`;

function deleteOwnedSql(table: string): string {
  return `DELETE FROM conduit.${table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM conduit.${table} WHERE subscription_id = $1 LIMIT ${DELETE_ROWS_MAX}))`;
}

/** Of the subscription, in a transaction; false: there is none. */
export async function deleteRows(db: Queryable, topicId: number, name: string): Promise<boolean> {
  const { rows } = await db.query<{ id: string }>(DELETE_SQL, [topicId, storable(name)]);
  const id = rows[0]?.id;
  if (id === undefined) return false;
  await db.query(deleteOwnedSql('cursors'), [id]);
  await db.query(deleteOwnedSql('deliveries'), [id]);
  await db.query(deleteOwnedSql('dead_letters'), [id]);
  return true;
}
