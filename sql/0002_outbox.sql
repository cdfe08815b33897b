-- What waits to be appended: deferred publishes, and publishes from inside an application's own
-- transaction. No foreign key to topics: its key-share lock would make every publisher of the topic
-- wait for the application's transaction.

CREATE TABLE conduit.outbox (
  id           bigserial   PRIMARY KEY,
  tenant_id    bigint      NOT NULL,
  topic_id     bigint      NOT NULL,
  payload      bytea       NOT NULL,
  content_type smallint    NOT NULL DEFAULT 0,
  key          text,
  headers      text,
  dedupe_key   text,
  -- Milliseconds from the append; 0: never expires.
  ttl_ms       bigint      NOT NULL DEFAULT 0,
  due_at       timestamptz NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_threshold = 5000
);

-- Short-lived: not worth compressing.
ALTER TABLE conduit.outbox ALTER COLUMN payload SET STORAGE EXTERNAL;

-- Serves both the loose scan for topics with something due and the release of one topic, in the
-- order (due_at, id). conduit.publish takes the transaction's time, so that is the order of the
-- calls.
CREATE INDEX outbox_due ON conduit.outbox (topic_id, due_at, id);

-- What was released, one row per batch, so that a late cancel can be told "released" rather than
-- "unknown". Forgotten after some minutes (src/log/retention.ts).
CREATE TABLE conduit.outbox_releases (
  released_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id   bigint      NOT NULL,
  topic_id    bigint      NOT NULL,
  ids         bigint[]    NOT NULL
);

CREATE INDEX outbox_releases_time ON conduit.outbox_releases (released_at);

-- Whether JSON text nests deeper than 64, the default DEPTH_MAX. Strings go first, then all but
-- brackets, then one level of pairs per turn; only text with more than 64 brackets gets that far.
CREATE FUNCTION conduit.json_too_deep(body text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  rest text;
BEGIN
  IF length(body) - length(translate(body, '[{', '')) <= 64 THEN
    RETURN false;
  END IF;
  rest := regexp_replace(body, '"([^"\\]|\\.)*"', '', 'g');
  rest := regexp_replace(rest, '[^][{}]+', '', 'g');
  FOR turn IN 1..64 LOOP
    EXIT WHEN rest = '';
    rest := regexp_replace(rest, '\[\]|\{\}', '', 'g');
  END LOOP;
  RETURN rest <> '';
END
$$;

-- Publishes from inside the caller's transaction: appended after its commit, never seen after its
-- rollback. Returns the deferred_id. Takes no lock on the topic. Raises
--   P0002 (no_data_found)            the tenant or the topic does not exist
--   22023 (invalid_parameter_value)  an argument is not valid; the message says which and why
-- The bounds are the defaults of PAYLOAD_BYTES_MAX, KEY_BYTES_MAX and so on. Grant an application
-- USAGE on schema conduit and EXECUTE on this function; it needs no right on the tables.
-- `SET conduit.notify = off` for a session or role: the release then finds the row by polling,
-- within a second (NOTIFY serialises commits of busy publishers).
CREATE FUNCTION conduit.publish(
  topic      text,
  payload    json,
  key        text        DEFAULT NULL,
  headers    jsonb       DEFAULT NULL,
  dedupe_key text        DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  ttl        interval    DEFAULT NULL,
  tenant     text        DEFAULT 'default'
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  body    text := btrim(publish.payload::text, E' \t\n\r');
  bytes   bytea;
  to_tenant bigint;
  to_topic  bigint;
  ttl_ms  numeric := 0;
  due     timestamptz := coalesce(greatest(publish.deliver_at, now()), now());
  new_id  bigint;
BEGIN
  IF publish.topic IS NULL OR octet_length(publish.topic) NOT BETWEEN 1 AND 255
     OR publish.topic !~ '^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*$' THEN
    RAISE EXCEPTION 'conduit.publish: topic must be 1 to 255 of A-Z a-z 0-9 _ : - and single dots'
      USING ERRCODE = '22023';
  END IF;
  IF body IS NULL THEN
    RAISE EXCEPTION 'conduit.publish: payload is NULL; the JSON null is ''null''::json'
      USING ERRCODE = '22023';
  END IF;
  bytes := convert_to(body, 'UTF8');
  IF octet_length(bytes) > 262144 THEN
    RAISE EXCEPTION 'conduit.publish: payload has % bytes, at most 262144', octet_length(bytes)
      USING ERRCODE = '22023';
  END IF;
  IF conduit.json_too_deep(body) THEN
    RAISE EXCEPTION 'conduit.publish: payload nests deeper than 64' USING ERRCODE = '22023';
  END IF;
  IF octet_length(convert_to(publish.key, 'UTF8')) NOT BETWEEN 1 AND 255 THEN
    RAISE EXCEPTION 'conduit.publish: key must have 1 to 255 bytes' USING ERRCODE = '22023';
  END IF;
  IF octet_length(convert_to(publish.dedupe_key, 'UTF8')) NOT BETWEEN 1 AND 255 THEN
    RAISE EXCEPTION 'conduit.publish: dedupe_key must have 1 to 255 bytes' USING ERRCODE = '22023';
  END IF;
  IF publish.headers IS NOT NULL THEN
    IF jsonb_typeof(publish.headers) <> 'object' THEN
      RAISE EXCEPTION 'conduit.publish: headers must be an object' USING ERRCODE = '22023';
    END IF;
    IF (SELECT count(*) > 32 OR bool_or(jsonb_typeof(h.value) <> 'string')
        FROM jsonb_each(publish.headers) AS h)
       OR octet_length(convert_to(publish.headers::text, 'UTF8')) > 4096 THEN
      RAISE EXCEPTION 'conduit.publish: headers must map at most 32 names to strings, 4096 bytes'
        USING ERRCODE = '22023';
    END IF;
  END IF;
  IF publish.deliver_at > now() + interval '31536000 s' THEN
    RAISE EXCEPTION 'conduit.publish: deliver_at is more than a year ahead' USING ERRCODE = '22023';
  END IF;
  IF publish.ttl IS NOT NULL THEN
    ttl_ms := trunc(extract(epoch FROM publish.ttl)::numeric * 1000);
    IF ttl_ms NOT BETWEEN 1 AND 315360000000 THEN
      RAISE EXCEPTION 'conduit.publish: ttl must be 1 ms to 10 years' USING ERRCODE = '22023';
    END IF;
  END IF;
  SELECT t.tenant_id, t.id INTO to_tenant, to_topic
  FROM conduit.topics AS t
  WHERE t.tenant_id = (SELECT n.id FROM conduit.tenants AS n WHERE n.name = publish.tenant)
    AND t.name = publish.topic AND t.deleted_at IS NULL;
  IF to_topic IS NULL THEN
    RAISE EXCEPTION 'conduit.publish: topic not found: %', publish.topic USING ERRCODE = 'P0002';
  END IF;
  INSERT INTO conduit.outbox
    (tenant_id, topic_id, payload, key, headers, dedupe_key, ttl_ms, due_at)
  VALUES
    (to_tenant, to_topic, bytes, publish.key, publish.headers::text, publish.dedupe_key,
     ttl_ms::bigint, due)
  RETURNING id INTO new_id;
  IF due <= now() AND lower(coalesce(current_setting('conduit.notify', true), ''))
     NOT IN ('off', 'false', 'no', '0') THEN
    PERFORM pg_notify('conduit_outbox', to_topic::text);
  END IF;
  RETURN new_id;
END
$$;

REVOKE ALL ON FUNCTION conduit.publish(text, json, text, jsonb, text, timestamptz, interval, text)
  FROM PUBLIC;
REVOKE ALL ON FUNCTION conduit.json_too_deep(text) FROM PUBLIC;
