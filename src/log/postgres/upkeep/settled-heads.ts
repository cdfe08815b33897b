/**
 * Heads of topics that rest: where the newest message of a topic is of a day that is over, its place is
 * written into the topic's row, once. From then on no append looks into that day's leaf, which may be locked,
 * detached or dropped.
 */
import type { Queryable } from '../session/queryable.js';

/** Their rows are locked for the moment that a step takes. */
const STEP_ROWS_MAX = 1_000;
const SETTLE_SQL = 'SELECT conduit.settle_heads($1::date, $2::int) AS settled';
const UNSETTLED_SQL = 'SELECT count(*) AS left FROM conduit.topics WHERE leaf_day < $1::date';
const TODAY_SQL = "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date::text AS today";

/** Of topics whose newest message is of before `day`: how many are left, since somebody has their rows. */
export async function settleHeads(session: Queryable, day: string): Promise<number> {
  for (let settled = STEP_ROWS_MAX; settled === STEP_ROWS_MAX; ) {
    const values = [day, STEP_ROWS_MAX];
    settled = Number(
      (await session.query<{ settled: number }>(SETTLE_SQL, values)).rows[0]?.settled,
    );
  }
  const { rows } = await session.query<{ left: string }>(UNSETTLED_SQL, [day]);
  return Number(rows[0]?.left);
}

/** Of all days that are over, by the database's clock. */
export async function settlePastDays(session: Queryable): Promise<number> {
  const { rows } = await session.query<{ today: string }>(TODAY_SQL);
  return settleHeads(session, rows[0]?.today ?? '');
}
