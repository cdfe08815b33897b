-- Who did what to which key, tenant, topic, subscription or dead letter, and what came of it. Texts are names,
-- not references: a row outlives what it tells of. Nodes write it beside the action, in batches.
CREATE TABLE conduit.audit (
  -- In the order of the commits: whoever writes takes turns.
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         timestamptz NOT NULL,
  -- Whose the object is.
  tenant     text COLLATE "C" NOT NULL,
  -- Id of the API key, or the variable of a configured one; empty: nobody's.
  actor      text NOT NULL,
  address    text NOT NULL,
  action     text NOT NULL,
  object     text NOT NULL,
  -- `ok`, or the code of the error.
  outcome    text NOT NULL,
  -- More than one: attempts that failed alike within seconds; the request is the first of them.
  times      int NOT NULL DEFAULT 1,
  -- A batch whose commit was not heard of is sent again, and is there once.
  request_id uuid NOT NULL UNIQUE
);

CREATE INDEX audit_of_tenant ON conduit.audit (tenant, id);
-- For what is past AUDIT_DAYS.
CREATE INDEX audit_at ON conduit.audit (at);

-- Rows go in chunks of 10,000, from the old end.
ALTER TABLE conduit.audit
  SET (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.05);
