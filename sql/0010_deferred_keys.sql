-- A dedupe key holds from the moment its message is accepted, also when it is deferred or published from
-- SQL: until its release by its row in the outbox, from then on as that of any other publish.

-- Nothing is added meanwhile: what a transaction that is not over has put there would be passed over here,
-- and be found twice by the index.
LOCK TABLE conduit.outbox IN SHARE ROW EXCLUSIVE MODE;

-- Up to now a key held from the release on. What waits twice under one key: of those that are due within
-- two minutes (the default window) the release would have dropped all but the first; the others keep
-- their place, without the key.
WITH waiting AS (
  SELECT id, due_at, first_value(id) OVER keys AS first_id, first_value(due_at) OVER keys AS first_due
  FROM conduit.outbox WHERE dedupe_key IS NOT NULL
  WINDOW keys AS (PARTITION BY topic_id, dedupe_key ORDER BY due_at, id)),
dropped AS (
  DELETE FROM conduit.outbox WHERE id IN (
    SELECT id FROM waiting WHERE id <> first_id AND due_at < first_due + interval '2 minutes'))
UPDATE conduit.outbox SET dedupe_key = NULL WHERE id IN (
  SELECT id FROM waiting WHERE id <> first_id AND due_at >= first_due + interval '2 minutes');

CREATE UNIQUE INDEX outbox_keys ON conduit.outbox (topic_id, dedupe_key)
  WHERE dedupe_key IS NOT NULL;

-- Of what was deferred: what its publisher was answered.
ALTER TABLE conduit.publish_dedupe ADD COLUMN deferred_id bigint, ADD COLUMN deliver_at timestamptz;

-- What follows, up to conduit.publish, is called by functions that set their search_path.

-- The same 16 bytes as src/log/fingerprint.ts makes.
CREATE FUNCTION conduit.fingerprint(content_type smallint, key text, headers text, payload bytea)
RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
  SELECT substring(sha256(convert_to(
    content_type || ' ' || coalesce(octet_length(convert_to(key, 'UTF8')), -1)
    || ' ' || coalesce(octet_length(convert_to(headers, 'UTF8')), -1) || chr(10)
    || coalesce(key, '') || coalesce(headers, ''), 'UTF8') || payload) FROM 1 FOR 16)
$$;

-- Whether two JSON texts have the same value; what jsonb cannot hold is the same only byte for byte.
CREATE FUNCTION conduit.same_json(one text, other text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN one IS NOT DISTINCT FROM other OR one::jsonb IS NOT DISTINCT FROM other::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN false;
END
$$;

-- What became of a message with a dedupe key that was to go into the outbox.
CREATE TYPE conduit.deferral AS (
  -- new: it is in the outbox. waiting: the first one under its key is. stored: the first one is in the
  -- log; `id` is NULL when that was not deferred.
  state        text,
  id           bigint,
  due_at       timestamptz,
  created_at   timestamptz,
  fingerprint  bytea,
  sequence     bigint,
  message_id   uuid,
  published_at timestamptz
);

-- The first one under a key that is in the log; NULL: there is none within the window.
CREATE FUNCTION conduit.first_stored(to_topic bigint, its_key text) RETURNS conduit.deferral
LANGUAGE sql AS $$
  SELECT ROW('stored', d.deferred_id, d.deliver_at, d.published_at, d.fingerprint, d.sequence,
    d.message_id, d.published_at)::conduit.deferral
  FROM conduit.publish_dedupe AS d
  WHERE d.topic_id = to_topic AND d.dedupe_key = its_key AND d.expires_at > clock_timestamp()
$$;

-- Takes a message with a dedupe key into the outbox, unless its key is taken. The unique index makes the
-- second of two that come at once wait for the first one's transaction, for three seconds at most; then
-- 55P03. A node comes with `behind` = 'the topic': an append holds the topic's row while it looks at
-- keys, so of an append and this one is first. From an application's transaction no row of the topic is
-- locked; what it and an append accept at once is told apart at the release.
CREATE FUNCTION conduit.defer(
  to_tenant    bigint,
  to_topic     bigint,
  body         bytea,
  body_type    smallint,
  its_key      text,
  its_headers  text,
  its_dedupe   text,
  its_ttl_ms   bigint,
  its_due      timestamptz,
  behind       text DEFAULT 'nothing'
) RETURNS conduit.deferral
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
  found_one conduit.deferral;
  made      conduit.deferral;
BEGIN
  IF behind = 'the topic' THEN
    -- A node has few sessions to wait on.
    PERFORM set_config('lock_timeout', '500ms', true);
  END IF;
  FOR turn IN 1..5 LOOP
    found_one := conduit.first_stored(to_topic, its_dedupe);
    IF found_one.state IS NOT NULL THEN
      RETURN found_one;
    END IF;
    SELECT 'waiting', o.id, o.due_at, o.created_at,
      conduit.fingerprint(o.content_type, o.key, o.headers, o.payload), NULL, NULL, NULL
    INTO found_one
    FROM conduit.outbox AS o WHERE o.topic_id = to_topic AND o.dedupe_key = its_dedupe;
    IF FOUND THEN
      RETURN found_one;
    END IF;
    INSERT INTO conduit.outbox AS o
      (tenant_id, topic_id, payload, content_type, key, headers, dedupe_key, ttl_ms, due_at)
    VALUES (to_tenant, to_topic, body, body_type, its_key, its_headers, its_dedupe, its_ttl_ms, its_due)
    ON CONFLICT DO NOTHING
    RETURNING 'new', o.id, o.due_at, o.created_at, NULL, NULL, NULL, NULL INTO made;
    EXIT WHEN FOUND;
  END LOOP;
  IF made.id IS NULL THEN
    RAISE EXCEPTION 'conduit: the dedupe key is taken and released again and again'
      USING ERRCODE = '55P03';
  END IF;
  IF behind = 'the topic' THEN
    PERFORM 1 FROM conduit.topics AS t WHERE t.id = to_topic FOR NO KEY UPDATE;
  END IF;
  -- By an append, or a release, that was committed since it was looked for.
  found_one := conduit.first_stored(to_topic, its_dedupe);
  IF found_one.state IS NOT NULL THEN
    DELETE FROM conduit.outbox WHERE id = made.id;
    RETURN found_one;
  END IF;
  RETURN made;
END
$$;

-- Whether the first one under a key is this message, compared by value when its bytes differ.
CREATE FUNCTION conduit.is_same(
  to_topic bigint, its_dedupe text, first_one conduit.deferral,
  its_key text, its_headers text, its_payload text
) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  place conduit.deferral := first_one;
  kept  record;
BEGIN
  IF conduit.fingerprint(0::smallint, its_key, its_headers, convert_to(its_payload, 'UTF8'))
     = first_one.fingerprint THEN
    RETURN true;
  END IF;
  SELECT o.content_type, o.key, o.headers, o.payload INTO kept
  FROM conduit.outbox AS o WHERE o.id = first_one.id;
  IF NOT FOUND THEN
    -- Released, perhaps since it was found.
    IF first_one.state = 'waiting' THEN
      place := conduit.first_stored(to_topic, its_dedupe);
    END IF;
    SELECT m.content_type, m.key, m.headers, m.payload INTO kept
    FROM conduit.messages AS m WHERE m.topic_id = to_topic AND m.sequence = place.sequence
      AND m.published_at = place.published_at;
  END IF;
  RETURN FOUND AND kept.content_type = 0 AND kept.key IS NOT DISTINCT FROM its_key
    AND conduit.same_json(kept.headers, its_headers)
    AND conduit.same_json(convert_from(kept.payload, 'UTF8'), its_payload);
END
$$;

-- As before, with two changes: a dedupe key holds from now on. Returns the deferred_id, of the first one
-- under the same key if there is one; NULL: that was published and never deferred. Raises also
--   23505 (unique_violation)     the dedupe key was used for another message
--   55P03 (lock_not_available)   a transaction that is not over has the key, for three seconds now
--   40001 (serialization_failure) the same under REPEATABLE READ, once that transaction is over
CREATE OR REPLACE FUNCTION conduit.publish(
  topic      text,
  payload    json,
  key        text        DEFAULT NULL,
  headers    jsonb       DEFAULT NULL,
  dedupe_key text        DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  ttl        interval    DEFAULT NULL,
  tenant     text        DEFAULT 'default'
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on AS $$
#variable_conflict use_column
DECLARE
  body    text := btrim(publish.payload::text, E' \t\n\r');
  bytes   bytea;
  to_tenant bigint;
  to_topic  bigint;
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
  SELECT t.tenant_id, t.id INTO to_tenant, to_topic
  FROM conduit.topics AS t
  WHERE t.tenant_id = (SELECT n.id FROM conduit.tenants AS n WHERE n.name = publish.tenant)
    AND t.name = publish.topic AND t.deleted_at IS NULL;
  IF to_topic IS NULL THEN
    RAISE EXCEPTION 'conduit.publish: topic not found: %', publish.topic USING ERRCODE = 'P0002';
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

-- The same with jsonb, and with text that is JSON. Without the latter a literal, and a parameter whose
-- type is not said, would be ambiguous between json and jsonb. They run with the caller's rights, so
-- EXECUTE on the function above is all that decides.
CREATE FUNCTION conduit.publish(
  topic      text,
  payload    jsonb,
  key        text        DEFAULT NULL,
  headers    jsonb       DEFAULT NULL,
  dedupe_key text        DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  ttl        interval    DEFAULT NULL,
  tenant     text        DEFAULT 'default'
) RETURNS bigint LANGUAGE sql AS $$
  SELECT conduit.publish(publish.topic, publish.payload::pg_catalog.json, publish.key,
    publish.headers, publish.dedupe_key, publish.deliver_at, publish.ttl, publish.tenant)
$$;

CREATE FUNCTION conduit.publish(
  topic      text,
  payload    text,
  key        text        DEFAULT NULL,
  headers    jsonb       DEFAULT NULL,
  dedupe_key text        DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  ttl        interval    DEFAULT NULL,
  tenant     text        DEFAULT 'default'
) RETURNS bigint LANGUAGE sql AS $$
  SELECT conduit.publish(publish.topic, publish.payload::pg_catalog.json, publish.key,
    publish.headers, publish.dedupe_key, publish.deliver_at, publish.ttl, publish.tenant)
$$;
