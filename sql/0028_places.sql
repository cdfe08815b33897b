-- Several databases as one log (docs/adr/0044-several-databases.md): the first of DATABASE_URL has a row of each
-- topic, wherever its messages are, and gives all ids of topics.

-- 0: here. Else the messages of the topic are in the database at this place of DATABASE_URL, counted from 0, which
-- has a row of the same id; of that one nothing here but name, tenant and place means anything.
ALTER TABLE conduit.topics ADD COLUMN place int NOT NULL DEFAULT 0;

-- Which of several databases this is; NULL, both: the only one.
ALTER TABLE conduit.log_identity
  ADD COLUMN cluster uuid,
  -- Of DATABASE_URL, counted from 0.
  ADD COLUMN place int;

-- As sql/0018_role_tenants.sql has it; P0002 also for a topic that is in another database.
CREATE OR REPLACE FUNCTION conduit.publish(
  topic      text,
  payload    json,
  key        text        DEFAULT NULL,
  headers    jsonb       DEFAULT NULL,
  dedupe_key text        DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  ttl        interval    DEFAULT NULL,
  tenant     text        DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on AS $$
#variable_conflict use_column
DECLARE
  body    text := btrim(publish.payload::text, E' \t\n\r');
  bytes   bytea;
  own     text;
  names_others boolean;
  to_tenant bigint;
  to_topic  bigint;
  its_place int;
  ttl_ms  numeric := 0;
  due     timestamptz := coalesce(greatest(publish.deliver_at, now()), now());
  result  conduit.deferral;
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
  SELECT n.name, r.names_tenants INTO own, names_others
  FROM conduit.role_tenants AS r
  LEFT JOIN conduit.tenants AS n ON n.name = r.tenant AND n.deleted_at IS NULL
  WHERE r.role = session_user;
  IF NOT FOUND THEN
    own := 'default';
    names_others := false;
  END IF;
  IF publish.tenant IS NULL AND own IS NULL THEN
    RAISE EXCEPTION 'conduit.publish: the role % has no tenant', session_user
      USING ERRCODE = '42501',
        HINT = 'Its row in conduit.role_tenants names none, or one that was deleted.';
  END IF;
  IF publish.tenant IS DISTINCT FROM own AND publish.tenant IS NOT NULL AND NOT names_others THEN
    RAISE EXCEPTION 'conduit.publish: the role % may name no tenant but its own', session_user
      USING ERRCODE = '42501',
        HINT = 'It may where its row in conduit.role_tenants has names_tenants.';
  END IF;
  SELECT t.tenant_id, t.id, t.place INTO to_tenant, to_topic, its_place
  FROM conduit.topics AS t
  WHERE t.tenant_id = (SELECT n.id FROM conduit.tenants AS n
      WHERE n.name = coalesce(publish.tenant, own))
    AND t.name = publish.topic AND t.deleted_at IS NULL;
  IF to_topic IS NULL THEN
    RAISE EXCEPTION 'conduit.publish: topic not found: %', publish.topic
      USING ERRCODE = 'P0002', HINT = coalesce(
        (SELECT 'It may be in another database of DATABASE_URL.'
         FROM conduit.log_identity AS i WHERE i.place IS NOT NULL),
        'POST /api/topics makes one, and so does the first who subscribes.');
  END IF;
  IF its_place <> 0 THEN
    RAISE EXCEPTION 'conduit.publish: topic % is in database % of DATABASE_URL, not in this one',
      publish.topic, its_place + 1
      USING ERRCODE = 'P0002', HINT = 'Publish on a session with that database.';
  END IF;
  IF publish.dedupe_key IS NULL THEN
    INSERT INTO conduit.outbox (tenant_id, topic_id, payload, key, headers, ttl_ms, due_at)
    VALUES
      (to_tenant, to_topic, bytes, publish.key, publish.headers::text, ttl_ms::bigint, due)
    RETURNING 'new', id INTO result.state, result.id;
  ELSE
    result := conduit.defer(to_tenant, to_topic, bytes, 0::smallint, publish.key,
      publish.headers::text, publish.dedupe_key, ttl_ms::bigint, due);
    IF result.state <> 'new' AND NOT conduit.is_same(to_topic, publish.dedupe_key, result,
         publish.key, publish.headers::text, body) THEN
      RAISE EXCEPTION 'conduit.publish: the dedupe key was used for another message'
        USING ERRCODE = '23505';
    END IF;
  END IF;
  IF result.state = 'new' AND due <= now()
     AND lower(coalesce(current_setting('conduit.notify', true), ''))
     NOT IN ('off', 'false', 'no', '0') THEN
    PERFORM pg_notify('conduit_outbox', to_topic::text);
  END IF;
  RETURN result.id;
END
$$;
