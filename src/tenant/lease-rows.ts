/** Rows of conduit.quota_budgets and conduit.quota_holdings: their SQL. */
import { BURST_S } from '../core/token-bucket.js';

/** First key of the advisory lock of those who hold; the second is of tenant and what is counted. */
const HOLDERS_CLASS = 0x0b10;

const burst = (perS: string): string => `greatest(1, ${perS} * ${BURST_S})`;

/**
 * $1 to $4: tenants, rates, quotas a second, tokens wanted. As core/token-bucket.ts, of which each minute
 * begins a new one. The time is that of the moment in which the row is its own.
 */
export const GRANT_SQL = {
  name: 'grant_quota_tokens',
  text: `INSERT INTO conduit.quota_budgets AS b
      (tenant, rate, minute, per_s, wanted, granted, tokens, filled_at)
    SELECT w.tenant, w.rate, floor(extract(epoch FROM n.at) / 60), w.per_s, w.wanted,
      least(w.wanted, ${burst('w.per_s')}),
      ${burst('w.per_s')} - least(w.wanted, ${burst('w.per_s')}), n.at
    FROM unnest($1::text[], $2::text[], $3::float8[], $4::float8[])
      AS w (tenant, rate, per_s, wanted)
    CROSS JOIN (SELECT clock_timestamp() AS at) n
    ORDER BY w.tenant, w.rate
    ON CONFLICT (tenant, rate, minute) DO UPDATE SET
      (per_s, wanted, granted, tokens, filled_at) = (
        SELECT EXCLUDED.per_s, EXCLUDED.wanted, least(EXCLUDED.wanted, s.there),
          s.there - least(EXCLUDED.wanted, s.there), s.at
        FROM (SELECT n.at, least(${burst('EXCLUDED.per_s')}, b.tokens + EXCLUDED.per_s
            * greatest(0, extract(epoch FROM n.at - b.filled_at))::float8) AS there
          FROM (SELECT clock_timestamp() AS at) n) s)
    RETURNING b.tenant, b.rate AS name, b.granted AS given`,
};

/** $1, $2: tenants, what is counted. Held until the transaction ends; in one order, whoever asks. */
export const HOLDERS_TURN_SQL = {
  name: 'quota_holders_turn',
  text: `SELECT pg_advisory_xact_lock(${HOLDERS_CLASS}, w.place)
    FROM (SELECT DISTINCT hashtext(tenant || ' ' || counted) AS place
      FROM unnest($1::text[], $2::text[]) AS k (tenant, counted) ORDER BY 1) w`,
};

/** $1: holder; $2 to $5: tenants, what is counted, open now, quotas; $6: ms. As core/quota-lease.ts. */
export const HOLD_SQL = {
  name: 'hold_quotas',
  text: `WITH h AS (
      SELECT w.tenant, w.counted, w.used
        + ceil(greatest(0, w.most - w.used - o.held) / (o.holders + 2)::numeric)::bigint AS held
      FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[])
        AS w (tenant, counted, used, most)
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.held), 0) AS held, count(*) AS holders
        FROM conduit.quota_holdings x
        WHERE x.tenant = w.tenant AND x.counted = w.counted AND x.holder <> $1
          AND x.until > clock_timestamp()) o)
    INSERT INTO conduit.quota_holdings AS q (tenant, counted, holder, held, until)
    SELECT tenant, counted, $1, held, clock_timestamp() + $6 * interval '1 ms' FROM h
    ON CONFLICT (tenant, counted, holder)
      DO UPDATE SET held = EXCLUDED.held, until = EXCLUDED.until
    RETURNING q.tenant, q.counted AS name, q.held AS given`,
};

/** What no lease looks at any more. */
export const PURGE_BUDGETS_SQL = `DELETE FROM conduit.quota_budgets
  WHERE minute < floor(extract(epoch FROM clock_timestamp()) / 60) - 1`;
export const PURGE_HOLDINGS_SQL = `DELETE FROM conduit.quota_holdings
  WHERE until < clock_timestamp() - interval '1 minute'`;

/** A bigint comes as text. */
export interface LeaseRow {
  tenant: string;
  name: string;
  given: number | string;
}
