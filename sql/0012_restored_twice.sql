-- What two logs that came from one dump have in common. Nodes of the version before work on beside this: they
-- call begin_incarnation as it was, and name the columns that they read.

-- Up to when messages were published that this incarnation has of the one before; NULL: it was entered before
-- this was kept. Who stood on it can say so to a log that was restored again and has never heard of it.
ALTER TABLE conduit.incarnations ADD COLUMN common_until timestamptz;

-- As sql/0009_incarnations.sql has it, and enters common_until.
CREATE OR REPLACE FUNCTION conduit.begin_incarnation(since timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this     text := conduit.incarnation();
  entered  bigint;
BEGIN
  IF EXISTS (SELECT FROM conduit.incarnations i
             WHERE i.name = this AND (since IS NULL OR i.is_exact)) THEN
    RETURN this;
  END IF;
  -- least() passes over NULL; a log without a message has none in common.
  INSERT INTO conduit.incarnations AS old (name, common_until) VALUES (this, least(since,
    (SELECT coalesce(max(t.last_published_at), to_timestamp(0)) FROM conduit.topics t)))
  ON CONFLICT (name) DO NOTHING RETURNING number INTO entered;
  IF entered IS NULL AND since IS NULL THEN
    RETURN this;
  END IF;
  IF entered IS NULL THEN
    UPDATE conduit.incarnations i SET common_until = least(i.common_until, since)
    WHERE i.name = this AND i.common_until IS NOT NULL;
  END IF;
  INSERT INTO conduit.incarnation_heads AS old (topic_id, number, head)
  SELECT t.id, coalesce(entered, (SELECT i.number FROM conduit.incarnations i WHERE i.name = this)),
    CASE WHEN t.last_published_at >= since
      THEN conduit.head_before(t.id, t.first_sequence, t.last_sequence, since)
      ELSE t.last_sequence END
  FROM conduit.topics t
  WHERE t.deleted_at IS NULL AND t.last_sequence > 0
    AND (entered IS NOT NULL OR t.last_published_at >= since)
  ON CONFLICT (topic_id, number) DO UPDATE SET head = least(old.head, excluded.head);
  -- Who comes back after so many of them is told that nothing is known of his position.
  DELETE FROM conduit.incarnations WHERE number < coalesce(
    (SELECT number FROM conduit.incarnations ORDER BY number DESC OFFSET 19 LIMIT 1), 0);
  DELETE FROM conduit.incarnation_heads h
  WHERE NOT EXISTS (SELECT FROM conduit.incarnations i WHERE i.number = h.number);
  RETURN this;
END
$$;
