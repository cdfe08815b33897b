-- A retry under a dedupe key is another part of a trace, and the same message: headers are compared without
-- what tells of traces. Nodes of the version before compare as they did.

-- By value; what jsonb cannot hold is the same only byte for byte.
CREATE FUNCTION conduit.same_headers(one text, other text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  traces CONSTANT text[] := ARRAY['traceparent', 'tracestate', 'ce-traceparent', 'ce-tracestate'];
BEGIN
  RETURN one IS NOT DISTINCT FROM other
    OR coalesce(one::jsonb, '{}') - traces = coalesce(other::jsonb, '{}') - traces;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN false;
END
$$;

-- As sql/0010_deferred_keys.sql has it, but for headers.
CREATE OR REPLACE FUNCTION conduit.is_same(
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
    AND conduit.same_headers(kept.headers, its_headers)
    AND conduit.same_json(convert_from(kept.payload, 'UTF8'), its_payload);
END
$$;
