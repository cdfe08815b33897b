-- Quotas of tenants, and what nodes lease of them (docs/adr/0035-quotas-are-leased.md).

-- Members as in POST /api/tenants; what is not there is unlimited.
ALTER TABLE conduit.tenants ADD COLUMN quotas jsonb NOT NULL DEFAULT '{}';

-- Nodes know which tenants have quotas: each is told of what becomes of one, whoever changes it.
CREATE FUNCTION conduit.tenant_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('conduit_quotas', '');
  RETURN NULL;
END
$$;

CREATE TRIGGER made AFTER INSERT ON conduit.tenants
  FOR EACH ROW WHEN (NEW.quotas <> '{}') EXECUTE FUNCTION conduit.tenant_changed();
CREATE TRIGGER changed AFTER UPDATE OF quotas, name ON conduit.tenants
  FOR EACH ROW WHEN (OLD.quotas <> NEW.quotas OR (OLD.name <> NEW.name AND NEW.quotas <> '{}'))
  EXECUTE FUNCTION conduit.tenant_changed();

-- Tokens of rates that nobody has leased yet: a bucket a tenant and rate, which begins anew each minute. So
-- however long somebody holds a snapshot, a lease walks over the versions of one minute at most. What a
-- crash of the server empties (UNLOGGED) is a full bucket again.
CREATE UNLOGGED TABLE conduit.quota_budgets (
  tenant    text COLLATE "C" NOT NULL,
  rate      text COLLATE "C" NOT NULL,
  -- Since 1970, by the clock of the database.
  minute    bigint NOT NULL,
  -- Of the last lease.
  per_s     float8 NOT NULL,
  wanted    float8 NOT NULL,
  granted   float8 NOT NULL,
  -- Left behind it.
  tokens    float8 NOT NULL,
  filled_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, rate, minute)
) WITH (
  -- Space for updates in place.
  fillfactor = 20,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000
);

-- How many sessions and subscriptions of a tenant each acceptor of each node may have open.
CREATE UNLOGGED TABLE conduit.quota_holdings (
  tenant  text COLLATE "C" NOT NULL,
  counted text COLLATE "C" NOT NULL,
  holder  text COLLATE "C" NOT NULL,
  held    bigint NOT NULL,
  -- Past it nobody has them.
  until   timestamptz NOT NULL,
  PRIMARY KEY (tenant, counted, holder)
) WITH (
  fillfactor = 20,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000
);
