-- Webhooks: the HTTP endpoint that is the session of one durable subscription (docs/adr/0047-a-webhook-is-a-session.md).
-- They are in the first of several databases, wherever the subscription itself is. A node signs with the secrets, so
-- they are here as they are.
CREATE TABLE conduit.webhooks (
  tenant_id       bigint NOT NULL REFERENCES conduit.tenants (id) ON DELETE CASCADE,
  topic           text COLLATE "C" NOT NULL,
  name            text COLLATE "C" NOT NULL,
  -- Another one with each PUT.
  version         uuid NOT NULL,
  url             text NOT NULL,
  -- [{"key": base64, "until_ms": null}], the one in force first.
  secrets         jsonb NOT NULL,
  concurrency     integer NOT NULL,
  timeout_ms      integer NOT NULL,
  ack_wait_ms     integer NOT NULL,
  max_deliver     integer,
  ordering        text NOT NULL,
  -- Where the subscription begins when it is made.
  start           jsonb NOT NULL,
  disabled_reason text,
  disabled_at     timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, topic, name)
);

-- Nodes know all webhooks: each is told of what becomes of one, whoever changes it.
CREATE FUNCTION conduit.webhook_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('conduit_webhooks', '');
  RETURN NULL;
END
$$;

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON conduit.webhooks
  FOR EACH STATEMENT EXECUTE FUNCTION conduit.webhook_changed();
