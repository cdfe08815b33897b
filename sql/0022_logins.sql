-- Logins: what a browser shows in the place of an API key that was shown once. Of what it shows there is only
-- the SHA-256. A login is good for what its key is good for, and ends with it.
CREATE TABLE conduit.logins (
  id         text COLLATE "C" PRIMARY KEY,
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  -- The key that was shown; NULL: one of the configuration, by the name of its variable.
  key_id     text COLLATE "C" REFERENCES conduit.api_keys (id) ON DELETE CASCADE,
  variable   text COLLATE "C",
  -- SHA-256 of the login's id and of the digest of the configured key.
  proof      bytea CHECK (octet_length(proof) = 32),
  -- The login that the key was shown for: itself, or the first of those that replaced each other.
  root       text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  CHECK ((key_id IS NULL) <> (variable IS NULL)),
  CHECK ((variable IS NULL) = (proof IS NULL))
);

CREATE INDEX logins_of_key ON conduit.logins (key_id, created_at);
CREATE INDEX logins_by_root ON conduit.logins (root);
CREATE INDEX logins_by_end ON conduit.logins (expires_at);

-- Nodes remember logins as they remember keys, and are told of both alike.
CREATE TRIGGER changed
  AFTER DELETE OR UPDATE ON conduit.logins
  FOR EACH ROW EXECUTE FUNCTION conduit.api_key_changed();

-- A key that is deleted takes its logins along; one that is other than it was makes them others, too.
CREATE FUNCTION conduit.logins_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('conduit_keys', l.id) FROM conduit.logins l WHERE l.key_id = OLD.id;
  RETURN NULL;
END
$$;

CREATE TRIGGER logins_changed
  AFTER UPDATE OF id, tenant_id, digest, scopes, topics, expires_at ON conduit.api_keys
  FOR EACH ROW EXECUTE FUNCTION conduit.logins_changed();
