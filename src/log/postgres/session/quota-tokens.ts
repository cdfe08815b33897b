/** Rows of conduit.quota_budgets: buckets of tokens, one for each tenant and rate, to be spent by nodes. */
import { BURST_S } from '../../../core/token-bucket.js';

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

/** A bigint comes as text. */
export interface LeaseRow {
  tenant: string;
  name: string;
  given: number | string;
}
