-- API keys. A key is found by its id; of the key itself there is only its SHA-256.

-- A deleted tenant keeps its row until none of its topics' tombstones is left, under a name that no tenant
-- can have: whatever looks a tenant up by name does not find it.
ALTER TABLE conduit.tenants ADD COLUMN deleted_at timestamptz;

CREATE TABLE conduit.api_keys (
  id           text COLLATE "C" PRIMARY KEY,
  tenant_id    bigint NOT NULL REFERENCES conduit.tenants (id) ON DELETE CASCADE,
  digest       bytea NOT NULL CHECK (octet_length(digest) = 32),
  -- Of publish, subscribe, manage, operate.
  scopes       text[] NOT NULL,
  -- Names, and `orders.*` for all names below; NULL: all topics of the tenant.
  topics       text[],
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz,
  -- To the minute.
  last_used_at timestamptz
);

CREATE INDEX api_keys_of_tenant ON conduit.api_keys (tenant_id, id);

-- Nodes remember keys: each is told of what becomes of one, whoever changes it, once that is committed.
CREATE FUNCTION conduit.api_key_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('conduit_keys', OLD.id);
  RETURN NULL;
END
$$;

CREATE TRIGGER changed
  AFTER DELETE OR UPDATE OF id, tenant_id, digest, scopes, topics, expires_at ON conduit.api_keys
  FOR EACH ROW EXECUTE FUNCTION conduit.api_key_changed();
