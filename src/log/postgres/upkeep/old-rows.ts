/**
 * Rows of one table that nobody asks for after their time, and up to where they have been deleted: what lies
 * before that is dead, stays where it was for as long as a snapshot is held, and is not walked again with
 * every chunk of every turn.
 */
import type { Clock } from '../../../core/clock.js';
import type { Queryable } from '../session/queryable.js';
import { PURGE_MS_MAX, PURGE_ROWS_MAX } from './retention.js';

/** Now and then from the beginning: for what a restore brought back. */
const BEGINNING_EVERY_MS = 3_600_000;
const BEGINNING = '-infinity';
/** Rows come in the order of their times, give or take. */
const BEFORE = '1 minute';

/** How long the trace of a message knows its failures. */
export const HISTORY_HOURS = 72;

/** Dedupe keys past their window: they count as absent. */
export function expiredKeys(clock: Clock): OldRows {
  return new OldRows({ table: 'publish_dedupe', column: 'expires_at', keptFor: '0 s', clock });
}

/** So that a late cancel is told "released". */
export function oldReleases(clock: Clock): OldRows {
  return new OldRows({ table: 'outbox_releases', column: 'released_at', keptFor: '5 min', clock });
}

/** Of topics that are gone, too. */
export function oldFailures(clock: Clock): OldRows {
  const keptFor = `${HISTORY_HOURS} hours`;
  return new OldRows({ table: 'delivery_history', column: 'at', keptFor, clock });
}

export function oldAudit(clock: Clock, days: number): OldRows {
  return new OldRows({ table: 'audit', column: 'at', keptFor: `${days} days`, clock });
}

interface OldRowsOptions {
  /** Of the schema conduit. */
  table: string;
  /** Its time, with an index. */
  column: string;
  /** An interval: how long after that time a row is kept. */
  keptFor: string;
  clock: Clock;
}

export class OldRows {
  readonly #clock: Clock;
  readonly #sql: string;
  #from = BEGINNING;
  #beganAtMs: number;

  constructor({ table, column, keptFor, clock }: OldRowsOptions) {
    this.#clock = clock;
    this.#beganAtMs = clock.monotonic();
    const isOld = `${column} < (SELECT clock_timestamp() - interval '${keptFor}')`;
    this.#sql = `WITH gone AS (
        DELETE FROM conduit.${table} WHERE ${isOld} AND ctid = ANY (ARRAY(
          SELECT ctid FROM conduit.${table} WHERE ${column} >= $1::timestamptz AND ${isOld}
          ORDER BY ${column} LIMIT ${PURGE_ROWS_MAX} FOR UPDATE SKIP LOCKED))
        RETURNING ${column} AS time)
      SELECT count(*)::int AS rows, (max(time) - interval '${BEFORE}')::text AS from FROM gone`;
  }

  /** Deletes them in chunks, for a bounded time: how many went. */
  async purge(session: Queryable): Promise<number> {
    const startMs = this.#clock.monotonic();
    if (startMs - this.#beganAtMs > BEGINNING_EVERY_MS) {
      this.#from = BEGINNING;
      this.#beganAtMs = startMs;
    }
    let purged = 0;
    for (;;) {
      const { rows, from } = await this.#purgeSome(session);
      purged += rows;
      if (from !== null) this.#from = from;
      if (rows < PURGE_ROWS_MAX || this.#clock.monotonic() > startMs + PURGE_MS_MAX) return purged;
    }
  }

  async #purgeSome(session: Queryable): Promise<{ rows: number; from: string | null }> {
    const { rows } = await session.query<{ rows: number; from: string | null }>(this.#sql, [
      this.#from,
    ]);
    return rows[0] ?? { rows: 0, from: null };
  }
}
