/**
 * Snapshots and transactions that are open: while they last, PostgreSQL removes no row that died since they
 * began, and a day of the log that they have locked stays. Of the sessions of others a role sees no times,
 * unless it has pg_monitor: the caller has to measure them itself.
 */
import type { Queryable } from '../session/queryable.js';
import { OLD_LEAVES_SQL } from './partitions.js';

/** What is in the way of a vacuum, or of a day that is to go. */
export interface OldSnapshot {
  kind: 'session' | 'prepared transaction' | 'replication slot';
  /** Null: it has no session. */
  pid: number | null;
  /** application_name, or the name of the slot or of the prepared transaction: their owner's words. */
  name: string;
  /** The same as long as it is the same snapshot. */
  mark: string;
  /** Since it began; null: not ours to see, or nobody knows. */
  ageMs: number | null;
}

/** A walsender's session has no database: what a standby reports holds back all of them. */
const OF_SESSIONS = `SELECT 'session' AS kind, a.pid, a.application_name AS name,
    coalesce(a.backend_xid::text, a.backend_xmin::text, l.holder) AS mark, a.xact_start AS began
  FROM pg_stat_activity a LEFT JOIN (
    SELECT pid, min(virtualtransaction) AS holder FROM pg_locks
    WHERE relation = 'conduit.messages'::regclass AND granted GROUP BY pid) l ON l.pid = a.pid
  WHERE a.pid <> pg_backend_pid()
    AND (a.datid IS NULL OR a.datid = (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND coalesce(a.backend_xid::text, a.backend_xmin::text, l.holder) IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)`;

const SNAPSHOTS_SQL = `SELECT kind, pid, name, mark,
    extract(epoch FROM clock_timestamp() - began) * 1000 AS age_ms
  FROM (
    ${OF_SESSIONS}
    UNION ALL
    SELECT 'prepared transaction', NULL, gid, transaction::text, prepared
    FROM pg_prepared_xacts WHERE database = current_database()
    UNION ALL
    SELECT 'replication slot', active_pid, slot_name, xmin::text, NULL
    FROM pg_replication_slots WHERE xmin IS NOT NULL) s`;

/** A vacuum of the table has not removed them, or none has come. */
const DEAD_SQL = `SELECT coalesce(sum(n_dead_tup), 0) AS dead FROM pg_stat_all_tables
  WHERE schemaname = 'conduit'`;

/** Those that it has locked; one whose detach is under way waits for every older snapshot. */
const HELD_LEAVES_SQL = `SELECT o.leaf FROM (${OLD_LEAVES_SQL}) o
  WHERE o.pending OR EXISTS (
    SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE c.relnamespace = 'conduit'::regnamespace
      AND (c.relname = o.leaf OR (o.attached AND c.relname = 'messages'))
      AND CASE WHEN $2::int IS NULL THEN l.virtualtransaction = '-1/' || $3 ELSE l.pid = $2 END)
  ORDER BY o.leaf`;

interface SnapshotRow {
  kind: OldSnapshot['kind'];
  pid: number | null;
  name: string | null;
  mark: string | null;
  age_ms: string | null;
}

/** All that there are at this moment, those of statements under way, too. */
export async function readSnapshots(db: Queryable): Promise<OldSnapshot[]> {
  // By name: to plan it takes longer than to run it.
  const { rows } = await db.query<SnapshotRow>({ name: 'snapshots', text: SNAPSHOTS_SQL });
  return rows.map(({ kind, pid, name, mark, age_ms }) => ({
    kind,
    pid,
    name: name ?? '',
    mark: mark ?? '',
    ageMs: age_ms === null ? null : Number(age_ms),
  }));
}

/** Rows that are dead and still there, and days past retention that it is in the way of. */
export async function readHeldUp(
  db: Queryable,
  { pid, mark }: OldSnapshot,
  retentionHours: number,
): Promise<{ deadRows: number; leaves: string[] }> {
  const dead = await db.query<{ dead: string }>(DEAD_SQL);
  const leaves = await db.query<{ leaf: string }>(HELD_LEAVES_SQL, [retentionHours, pid, mark]);
  return {
    deadRows: Number(dead.rows[0]?.dead ?? 0),
    leaves: leaves.rows.map(({ leaf }) => leaf),
  };
}
