-- What has moved a head, or ended a topic, counts itself, so that whoever looks at the heads of ten thousand topics
-- each second is told by one number that there is nothing to be seen (docs/adr/0052-heads-are-counted.md).

-- One more in each transaction that appends, or that a topic goes with; after it has its number (xid), and before
-- it commits: a count that stands still says nothing of those who counted and have not committed yet.
CREATE SEQUENCE conduit.head_moves;

-- As sql/0033_moves.sql has it; who locks heads counts.
CREATE OR REPLACE FUNCTION conduit.write_lock_heads() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $write$
DECLARE
  of_many text;
  of_one  text;
  to_read text;
BEGIN
  SELECT
    coalesce(string_agg(format($branch$
    ELSIF day = %1$L AND to_regclass('conduit.%2$s') IS NOT NULL THEN
      LOCK TABLE ONLY conduit.messages, ONLY conduit.%2$s IN ROW EXCLUSIVE MODE;
      RETURN QUERY
      SELECT t.id, greatest(m.sequence, t.base_sequence, t.first_sequence - 1),
        coalesce(m.bytes_to, t.base_bytes), greatest(now_ms, m.published_at, t.base_published_at),
        to_regclass('conduit.messages')::oid
      FROM unnest(of_day) AS u (id)
      JOIN conduit.topics t ON t.id = u.id
      LEFT JOIN LATERAL (
        SELECT n.sequence, n.bytes_to, n.published_at FROM conduit.%2$s n
        WHERE n.topic_id = t.id ORDER BY n.sequence DESC LIMIT 1) m ON true;$branch$,
      l.day, l.leaf), '' ORDER BY l.leaf), ''),
    coalesce(string_agg(format($branch$
  IF day = %1$L AND to_regclass('conduit.%2$s') IS NOT NULL THEN
    LOCK TABLE ONLY conduit.messages, ONLY conduit.%2$s IN ROW EXCLUSIVE MODE;
    SELECT m.sequence, m.bytes_to,
      greatest(date_trunc('milliseconds', clock_timestamp()), m.published_at),
      to_regclass('conduit.messages')::oid
    INTO head, bytes_to, published_at, log_oid
    FROM conduit.%2$s m WHERE m.topic_id = id ORDER BY m.sequence DESC LIMIT 1;
    IF bytes_to IS NOT NULL AND published_at < %3$L THEN
      topic_id := id;
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;$branch$,
      l.day, l.leaf, (l.day + 1)::timestamptz), '' ORDER BY l.leaf), ''),
    coalesce(string_agg(format($branch$
  ELSIF day = %1$L AND to_regclass('conduit.%2$s') IS NOT NULL THEN
    SELECT m.sequence INTO newest
    FROM conduit.%2$s m WHERE m.topic_id = id ORDER BY m.sequence DESC LIMIT 1;$branch$,
      l.day, l.leaf), '' ORDER BY l.leaf), '')
  INTO of_many, of_one, to_read
  FROM (
    SELECT c.relname AS leaf, to_date(right(c.relname, 8), 'YYYYMMDD') AS day FROM pg_class c
    WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind = 'r'
      AND c.relname ~ '^messages_[0-9]{8}$'
      AND right(c.relname, 8) >= to_char(clock_timestamp() - interval '1 day', 'YYYYMMDD')) l;
  EXECUTE format($body$
CREATE OR REPLACE FUNCTION conduit.lock_heads(ids bigint[])
RETURNS TABLE (topic_id bigint, head bigint, bytes_to bigint, published_at timestamptz, log_oid oid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  day    date;
  of_day bigint[];
  now_ms timestamptz;
  moves  bigint;
BEGIN
  -- Found by their ids alone: a plan of when there were few topics would read all that live for each append. All
  -- are locked before the first day is answered; what is done with it are statements of their own, which see
  -- what those committed who had the locks before.
  FOR day, of_day IN
    SELECT l.leaf_day, array_agg(l.id) FILTER (WHERE l.deleted_at IS NULL AND l.place = 0) FROM (
      SELECT t.id, t.leaf_day, t.deleted_at, t.place FROM conduit.topics t
      WHERE t.id = ANY (ids) ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED) l
    GROUP BY l.leaf_day ORDER BY l.leaf_day
  LOOP
    now_ms := date_trunc('milliseconds', clock_timestamp());
    moves := nextval('conduit.head_moves'::regclass);
    IF of_day IS NULL THEN
      CONTINUE;
    ELSIF day IS NULL OR day < (now_ms AT TIME ZONE 'UTC')::date THEN
      LOCK TABLE ONLY conduit.messages IN ROW EXCLUSIVE MODE;
      RETURN QUERY
      UPDATE conduit.topics t
      SET leaf_day = (greatest(now_ms, h.published_at) AT TIME ZONE 'UTC')::date,
        base_sequence = h.sequence, base_published_at = h.published_at,
        base_bytes = h.bytes + t.gone_bytes
      FROM conduit.topic_heads(of_day) h
      WHERE t.id = ANY (of_day) AND t.id = h.topic_id
      RETURNING t.id, t.base_sequence, t.base_bytes, greatest(now_ms, t.base_published_at),
        to_regclass('conduit.messages')::oid;%s
    ELSE
      RETURN QUERY
      SELECT t.id, h.sequence, h.bytes + t.gone_bytes, greatest(now_ms, h.published_at),
        to_regclass('conduit.messages')::oid
      FROM conduit.topic_heads(of_day) h
      JOIN conduit.topics t ON t.id = h.topic_id
      WHERE t.id = ANY (of_day);
    END IF;
  END LOOP;
END
$$$body$, of_many);
  EXECUTE format($body$
CREATE OR REPLACE FUNCTION conduit.lock_head(id bigint)
RETURNS TABLE (topic_id bigint, head bigint, bytes_to bigint, published_at timestamptz, log_oid oid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  day   date;
  moves bigint;
BEGIN
  SELECT t.leaf_day INTO day FROM conduit.topics t
  WHERE t.id = lock_head.id AND t.deleted_at IS NULL AND t.place = 0
  FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  moves := nextval('conduit.head_moves'::regclass);%s
  RETURN QUERY SELECT * FROM conduit.lock_heads(ARRAY[id]);
END
$$$body$, of_one);
  -- The bounds of a topic, as the statement sees them that calls this: it is STABLE. No row: there is no such
  -- topic. As conduit.topic_heads, which is asked where a leaf has no statement here. Its plans are of whatever
  -- a leaf had when the session first came: of a few rows, a scan of all of them.
  EXECUTE format($body$
CREATE OR REPLACE FUNCTION conduit.read_head(id bigint)
RETURNS TABLE (first_sequence bigint, last_sequence bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_variable
DECLARE
  day    date;
  newest bigint;
BEGIN
  SELECT t.first_sequence, greatest(t.base_sequence, t.first_sequence - 1), t.leaf_day
  INTO first_sequence, last_sequence, day
  FROM conduit.topics t
  WHERE t.id = read_head.id AND t.deleted_at IS NULL AND t.place = 0;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF day IS NULL THEN
    NULL;%s
  ELSE
    SELECT h.sequence INTO newest FROM conduit.topic_heads(ARRAY[id]) h;
  END IF;
  last_sequence := greatest(last_sequence, newest);
  RETURN NEXT;
END
$$$body$, to_read);
END
$write$;

SELECT conduit.write_lock_heads();

-- A topic that is deleted, brought back, or moved to another database or from it.
CREATE FUNCTION conduit.topic_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM nextval('conduit.head_moves'::regclass);
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION conduit.topic_moved() FROM PUBLIC;

CREATE TRIGGER topic_moved AFTER DELETE OR UPDATE OF deleted_at, place ON conduit.topics
  FOR EACH STATEMENT EXECUTE FUNCTION conduit.topic_moved();

-- Both belong to the owner of the log, as what counts does. Whoever may ask conduit.topic_heads may read the count.
DO $$
DECLARE
  log_owner text := (SELECT relowner::regrole FROM pg_class WHERE oid = 'conduit.messages'::regclass);
  asks      oid;
BEGIN
  EXECUTE format('ALTER SEQUENCE conduit.head_moves OWNER TO %s', log_owner);
  EXECUTE format('ALTER FUNCTION conduit.topic_moved() OWNER TO %s', log_owner);
  FOR asks IN
    SELECT a.grantee FROM pg_proc p, aclexplode(p.proacl) a
    WHERE p.oid = 'conduit.topic_heads(bigint[])'::regprocedure AND a.privilege_type = 'EXECUTE'
      AND a.grantee NOT IN (0, p.proowner)
  LOOP
    EXECUTE format('GRANT USAGE ON SEQUENCE conduit.head_moves TO %s', asks::regrole);
  END LOOP;
END
$$;
