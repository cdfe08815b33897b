/** Rows of conduit.quota_holdings, and those that nobody looks at any more: their SQL. */

/** First key of the advisory lock of those who hold; the second is of tenant and what is counted. */
const HOLDERS_CLASS = 0x0b10;

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
