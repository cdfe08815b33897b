/**
 * The rows of conduit.nodes: a node's own, which it renews, and those of all nodes. Every time is of the
 * database's clock. A row has many versions while somebody holds a snapshot, so each is looked for from the
 * high end of the index, where the newest is (docs/adr/0024-saves-under-a-held-snapshot.md).
 */
import type { NodeFigures, NodeIdentity, NodeRecord } from '../../../core/node-record.js';
import { LEASE_MS } from '../../../thread/lease.js';
import type { Queryable } from '../session/queryable.js';

/** See sql/0021_nodes.sql. */
const RENEWALS_PER_NUMBER = 32;
/** More are not shown, nor given work: one after another by their ids. */
export const NODES_MAX = 1_000;

/** A lease that is longer by more is none: the database's clock was set back since. */
const EXCESS_MS = 1_000;

/**
 * Renews the node's row; takes that of a life of it which has lost its lease; makes it where there is none.
 * Answers whose it is, as it was before.
 */
const HOLD_SQL = `WITH last AS MATERIALIZED (
    SELECT number, renewals, boot_id, addr,
      extract(epoch FROM lease_until - clock_timestamp()) * 1000 AS left_ms
    FROM conduit.nodes WHERE id = $1 ORDER BY number DESC LIMIT 1),
  renewed AS (
    UPDATE conduit.nodes n SET renewals = n.renewals + 1,
      number = (n.renewals + 1) / ${RENEWALS_PER_NUMBER}, boot_id = $2::uuid,
      lease_until = clock_timestamp() + $5::float8 * interval '1 ms',
      started_at = CASE n.boot_id WHEN $2::uuid THEN n.started_at ELSE clock_timestamp() END,
      addr = $3, version = $4, sessions = $6::int, topics = $7::int[], backplane = $8,
      forward_url = $9
    FROM last WHERE n.id = $1 AND n.number = last.number
      AND (n.boot_id = $2::uuid OR n.lease_until <= clock_timestamp()
        OR n.lease_until > clock_timestamp() + ($5::float8 + ${EXCESS_MS}) * interval '1 ms')
    RETURNING n.id),
  made AS (
    INSERT INTO conduit.nodes
      (id, boot_id, addr, version, lease_until, sessions, topics, backplane, forward_url)
    SELECT $1, $2::uuid, $3, $4, clock_timestamp() + $5::float8 * interval '1 ms', $6::int,
      $7::int[], $8, $9
    WHERE NOT EXISTS (SELECT FROM last)
    ON CONFLICT DO NOTHING RETURNING id)
  SELECT EXISTS (SELECT FROM renewed) OR EXISTS (SELECT FROM made) AS is_ours,
    l.boot_id, l.renewals, l.addr, l.left_ms
  FROM (VALUES (1)) one LEFT JOIN last l ON true`;

/** The newest row of each node, by jumps from one id to the next. */
const LIST_SQL = `WITH RECURSIVE newest AS (
    (SELECT n.* FROM conduit.nodes n ORDER BY id DESC, number DESC LIMIT 1)
  UNION ALL
    SELECT next.* FROM newest o, LATERAL (
      SELECT n.* FROM conduit.nodes n WHERE n.id < o.id
      ORDER BY n.id DESC, n.number DESC LIMIT 1) next)
  SELECT id, boot_id, addr, forward_url, version, sessions, topics, backplane,
    coalesce(drain_boot_id = boot_id, false) AS is_to_drain,
    extract(epoch FROM started_at) * 1000 AS started_ms,
    extract(epoch FROM lease_until) * 1000 - $1::float8 AS seen_ms,
    extract(epoch FROM lease_until - clock_timestamp()) * 1000 AS left_ms
  FROM newest LIMIT ${NODES_MAX}`;

/**
 * A row while the lease holds of the node that coordinates the subscription `s`. Compared with when the
 * statement began, before the lease was looked at: what was renewed since then, was renewed too late.
 */
export function livingOwnerSql(s: string): string {
  return `SELECT FROM (
      SELECT boot_id, lease_until FROM conduit.nodes WHERE id = ${s}.owner_node
      ORDER BY number DESC LIMIT 1) owner
    WHERE owner.boot_id = ${s}.owner_boot AND owner.lease_until > statement_timestamp()
      AND owner.lease_until <= clock_timestamp() + interval '${LEASE_MS + EXCESS_MS} ms'`;
}

const REMOVE_SQL = 'DELETE FROM conduit.nodes WHERE id = $1 AND boot_id = $2::uuid';

/** Of the newest row of a node that lives; none where it was renewed under the next number meanwhile. */
const DRAIN_SQL = `UPDATE conduit.nodes SET drain_boot_id = boot_id
  WHERE id = $1 AND lease_until > clock_timestamp()
    AND number = (SELECT number FROM conduit.nodes WHERE id = $1 ORDER BY number DESC LIMIT 1)
  RETURNING id`;
const DRAIN_TRIES = 3;

interface HoldRow {
  is_ours: boolean;
  /** Null, these four: there was none, and somebody else has made it meanwhile. */
  boot_id: string | null;
  renewals: string | null;
  addr: string | null;
  left_ms: string | null;
}

interface ListRow {
  id: string;
  boot_id: string;
  addr: string;
  forward_url: string | null;
  version: string;
  sessions: number;
  topics: number[];
  backplane: string;
  is_to_drain: boolean;
  started_ms: string;
  seen_ms: string;
  left_ms: string;
}

/** Whoever has the name, as far as it is known. */
export interface NameHolder {
  bootId: string;
  addr: string;
  /** How often it has said that it lives. */
  renewals: number;
  /** Of its lease. */
  leftMs: number;
}

/** Null: the lease is this node's, for `leaseMs` from some moment after the call. */
export async function holdLease(
  db: Queryable,
  node: NodeIdentity & NodeFigures,
  leaseMs: number,
): Promise<NameHolder | null> {
  const { id, bootId, addr, forwardUrl, version, sessions, topics, backplane } = node;
  const { rows } = await db.query<HoldRow>(HOLD_SQL, [
    ...[id, bootId, addr, version, leaseMs],
    ...[sessions, topics, backplane, forwardUrl],
  ]);
  const [row] = rows;
  if (row?.is_ours === true) return null;
  return {
    bootId: row?.boot_id ?? '',
    addr: row?.addr ?? '',
    renewals: Number(row?.renewals ?? 0),
    leftMs: Math.max(0, Number(row?.left_ms ?? 0)),
  };
}

export interface ListedNode {
  record: NodeRecord;
  /** Of its lease; not above 0: it is lost. */
  leftMs: number;
}

/** All that there are, by their ids; at most NODES_MAX. `leaseMs`: as `holdLease` has it. */
export async function listNodes(db: Queryable, leaseMs: number): Promise<ListedNode[]> {
  const { rows } = await db.query<ListRow>(LIST_SQL, [leaseMs]);
  return rows.reverse().map((row) => {
    const untilMs = Number(row.left_ms);
    const leftMs = untilMs > leaseMs + EXCESS_MS ? 0 : untilMs;
    return { record: recordOf(row, leftMs > 0 ? 'live' : 'lost'), leftMs };
  });
}

function recordOf(row: ListRow, state: NodeRecord['state']): NodeRecord {
  const { id, boot_id: bootId, addr, version, sessions, topics, backplane } = row;
  const startedAtMs = Math.round(Number(row.started_ms));
  const seenAtMs = Math.round(Number(row.seen_ms));
  return {
    ...{ id, bootId, addr, version, startedAtMs, seenAtMs, state },
    ...{ forwardUrl: row.forward_url, sessions, topics, backplane },
    isToDrain: row.is_to_drain,
  };
}

/** It ends in order: nobody waits for the end of its lease. */
export async function removeNode(db: Queryable, { id, bootId }: NodeIdentity): Promise<void> {
  await db.query(REMOVE_SQL, [id, bootId]);
}

/** Asks it to end in order, which it sees at its next look. False: no such node lives. */
export async function askToDrain(db: Queryable, id: string): Promise<boolean> {
  for (let n = 0; n < DRAIN_TRIES; n++) {
    const { rows } = await db.query<{ id: string }>(DRAIN_SQL, [id]);
    if (rows.length > 0) return true;
  }
  return false;
}
