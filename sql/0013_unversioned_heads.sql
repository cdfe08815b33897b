-- An append makes no new version of a row that later appends look up. A topic's head is read from its newest
-- row, in the leaf of the day that the topic's row names; that row is locked, and changed once per day.

-- A day whose detach waits for a snapshot would not get the column below, and could not be detached without it
-- (PostgreSQL 18: 42804), nor any day after it. So it is detached first; that may have to wait.
DO $$
DECLARE
  leaf regclass;
BEGIN
  FOR leaf IN SELECT inhrelid FROM pg_inherits
    WHERE inhparent = 'conduit.messages'::regclass AND inhdetachpending LOOP
    EXECUTE format('ALTER TABLE conduit.messages DETACH PARTITION %s FINALIZE', leaf);
  END LOOP;
END
$$;

-- What follows waits for all who append, and lets nobody begin before this is over. A node of the version
-- before then names columns and a function that are gone: it is refused before it has stored anything.
--
-- base_*: the head when the topic's row was last changed, which every later one is above; the head itself where
-- leaf_day is NULL. base_bytes counts from the topic's beginning on, gone_bytes what retention has let go of that.
-- leaf_day: the UTC day of the topic's newest row, so the leaf that it lies in.
ALTER TABLE conduit.topics
  ADD COLUMN leaf_day date,
  ADD COLUMN gone_bytes bigint NOT NULL DEFAULT 0;
ALTER TABLE conduit.topics RENAME COLUMN last_sequence TO base_sequence;
ALTER TABLE conduit.topics RENAME COLUMN last_published_at TO base_published_at;
ALTER TABLE conduit.topics RENAME COLUMN bytes TO base_bytes;
DROP FUNCTION conduit.begin_append(bigint[], int[], bigint[]);

-- In the last row of each append: what base_bytes counts, up to and including this row.
ALTER TABLE conduit.messages ADD COLUMN bytes_to bigint;

-- The leaf of a day; NULL: there is none, or no day.
CREATE FUNCTION conduit.leaf_of(day date) RETURNS regclass
LANGUAGE sql STABLE AS $$
  SELECT to_regclass('conduit.messages_' || to_char(day, 'YYYYMMDD'))
$$;

-- The heads of topics, as the statement sees them that calls this: it is STABLE, so it has that one's snapshot.
-- bytes: of what can be read. Runs as its owner: whoever may read conduit.messages need not be allowed its leaves.
CREATE FUNCTION conduit.topic_heads(ids bigint[])
RETURNS TABLE (topic_id bigint, sequence bigint, published_at timestamptz, bytes bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  day  date;
  leaf regclass;
BEGIN
  FOR day IN SELECT DISTINCT t.leaf_day FROM conduit.topics t WHERE t.id = ANY (ids) LOOP
    leaf := conduit.leaf_of(day);
    IF leaf IS NULL THEN
      RETURN QUERY
      SELECT t.id, greatest(t.base_sequence, t.first_sequence - 1), t.base_published_at,
        t.base_bytes - t.gone_bytes
      FROM conduit.topics t WHERE t.id = ANY (ids) AND t.leaf_day IS NOT DISTINCT FROM day;
    ELSE
      RETURN QUERY EXECUTE format(
        'SELECT t.id, greatest(m.sequence, t.base_sequence, t.first_sequence - 1),
           coalesce(m.published_at, t.base_published_at),
           coalesce(m.bytes_to, t.base_bytes) - t.gone_bytes
         FROM conduit.topics t LEFT JOIN LATERAL (
           SELECT sequence, published_at, bytes_to FROM %s
           WHERE topic_id = t.id ORDER BY sequence DESC LIMIT 1) m ON true
         WHERE t.id = ANY ($1) AND t.leaf_day = $2', leaf) USING ids, day;
    END IF;
  END LOOP;
END
$$;

-- Writes conduit.lock_heads and conduit.lock_head anew, with a statement of its own for each leaf from yesterday's
-- on: a plan is kept only for a statement that names its table. Who may call them, and their owner, stay.
--
-- conduit.lock_heads is what an append begins with: it locks the topics, skips those that somebody else holds, and
-- tells what they have. A topic that is missing from the answer is held, or gone. Whoever calls it appends to all
-- that it answers, in the same transaction: the first append of a day changes the topic's row.
-- conduit.lock_head is the same for one topic that had its newest message today, or calls it.
CREATE FUNCTION conduit.write_lock_heads() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $write$
DECLARE
  of_many text;
  of_one  text;
BEGIN
  SELECT
    coalesce(string_agg(format($branch$
    ELSIF day = %1$L AND to_regclass('conduit.%2$s') IS NOT NULL THEN
      RETURN QUERY
      SELECT t.id, greatest(m.sequence, t.base_sequence, t.first_sequence - 1),
        coalesce(m.bytes_to, t.base_bytes), greatest(now_ms, m.published_at, t.base_published_at),
        to_regclass('conduit.messages')::oid
      FROM unnest(locked) AS u (id)
      JOIN conduit.topics t ON t.id = u.id AND t.leaf_day = day
      LEFT JOIN LATERAL (
        SELECT n.sequence, n.bytes_to, n.published_at FROM conduit.%2$s n
        WHERE n.topic_id = t.id ORDER BY n.sequence DESC LIMIT 1) m ON true;$branch$,
      l.day, l.leaf), '' ORDER BY l.leaf), ''),
    coalesce(string_agg(format($branch$
  IF day = %1$L AND to_regclass('conduit.%2$s') IS NOT NULL THEN
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
      l.day, l.leaf, (l.day + 1)::timestamptz), '' ORDER BY l.leaf), '')
  INTO of_many, of_one
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
  locked bigint[];
  days   date[];
  day    date;
  now_ms timestamptz;
BEGIN
  -- Found by their ids alone: a plan of when there were few topics would read all that live for each append.
  SELECT array_agg(l.id) FILTER (WHERE l.deleted_at IS NULL),
    array_agg(DISTINCT l.leaf_day ORDER BY l.leaf_day DESC NULLS LAST)
  INTO locked, days FROM (
    SELECT t.id, t.leaf_day, t.deleted_at FROM conduit.topics t
    WHERE t.id = ANY (ids) ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED) l;
  IF locked IS NULL THEN
    RETURN;
  END IF;
  now_ms := date_trunc('milliseconds', clock_timestamp());
  -- What follows are statements of their own: they see what those committed who had the locks before. The
  -- newest day comes first, so that none is met again who moves on to it.
  FOREACH day IN ARRAY days LOOP
    IF day IS NULL OR day < (now_ms AT TIME ZONE 'UTC')::date THEN
      RETURN QUERY
      UPDATE conduit.topics t
      SET leaf_day = (greatest(now_ms, h.published_at) AT TIME ZONE 'UTC')::date,
        base_sequence = h.sequence, base_published_at = h.published_at,
        base_bytes = h.bytes + t.gone_bytes
      FROM conduit.topic_heads(locked) h
      WHERE t.id = ANY (locked) AND t.id = h.topic_id AND t.leaf_day IS NOT DISTINCT FROM day
      RETURNING t.id, t.base_sequence, t.base_bytes, greatest(now_ms, t.base_published_at),
        to_regclass('conduit.messages')::oid;%s
    ELSE
      RETURN QUERY
      SELECT t.id, h.sequence, h.bytes + t.gone_bytes, greatest(now_ms, h.published_at),
        to_regclass('conduit.messages')::oid
      FROM conduit.topic_heads(locked) h
      JOIN conduit.topics t ON t.id = h.topic_id AND t.leaf_day = day
      WHERE t.id = ANY (locked);
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
  day date;
BEGIN
  SELECT t.leaf_day INTO day FROM conduit.topics t
  WHERE t.id = lock_head.id AND t.deleted_at IS NULL FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;%s
  RETURN QUERY SELECT * FROM conduit.lock_heads(ARRAY[id]);
END
$$$body$, of_one);
END
$write$;

SELECT conduit.write_lock_heads();

-- As sql/0001_log.sql has it, and with its own statement for the new leaf.
CREATE OR REPLACE FUNCTION conduit.make_leaf(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on SET timezone = 'UTC' SET datestyle = 'ISO, MDY' AS $$
DECLARE
  leaf text := 'messages_' || to_char(day, 'YYYYMMDD');
  from_time timestamptz := day::timestamp AT TIME ZONE 'UTC';
  to_time   timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
  IF to_regclass('conduit.' || leaf) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE conduit.%I (LIKE conduit.messages INCLUDING ALL)', leaf);
  EXECUTE format('CREATE UNIQUE INDEX %I ON conduit.%I (topic_id, sequence)', leaf || '_seq', leaf);
  EXECUTE format(
    'CREATE INDEX %I ON conduit.%I USING brin (message_id uuid_minmax_multi_ops)'
    || ' WITH (autosummarize = on)', leaf || '_id', leaf);
  EXECUTE format(
    'ALTER TABLE conduit.messages ATTACH PARTITION conduit.%I FOR VALUES FROM (%L) TO (%L)',
    leaf, from_time, to_time);
  PERFORM conduit.write_lock_heads();
  RETURN true;
END
$$;

-- Writes down the heads of topics whose newest row is of before a day, of so many at most, and of none whose row
-- somebody else has: how many. From then on their leaves need not be read.
CREATE FUNCTION conduit.settle_heads(before date, up_to int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked  bigint[];
  settled int;
BEGIN
  SELECT array_agg(l.id) INTO locked FROM (
    SELECT t.id FROM conduit.topics t WHERE t.leaf_day < before
    ORDER BY t.id LIMIT up_to FOR NO KEY UPDATE SKIP LOCKED) l;
  -- A statement of its own, which sees what those committed who had the rows before.
  UPDATE conduit.topics t SET leaf_day = NULL, base_sequence = h.sequence,
    base_published_at = h.published_at, base_bytes = h.bytes + t.gone_bytes
  FROM conduit.topic_heads(locked) h WHERE t.id = ANY (locked) AND t.id = h.topic_id;
  GET DIAGNOSTICS settled = ROW_COUNT;
  RETURN settled;
END
$$;

-- What of base_bytes is of before a sequence. Exact where the append that the sequence before it was of has
-- its last row within 20,000 rows, or where these are at most so many; else reckoned by the share of messages:
-- rows of before this file say nothing.
CREATE FUNCTION conduit.bytes_before(topic conduit.topics, at bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mark  record;
  found_bytes bigint;
BEGIN
  SELECT m.sequence, m.bytes_to INTO mark FROM conduit.messages m
  WHERE m.topic_id = topic.id AND m.sequence BETWEEN at - 1 AND at + 20000 AND m.bytes_to IS NOT NULL
  ORDER BY m.sequence LIMIT 1;
  IF FOUND THEN
    SELECT mark.bytes_to - coalesce(sum(octet_length(m.payload) + coalesce(octet_length(m.key), 0)
      + coalesce(octet_length(m.headers), 0)), 0) INTO found_bytes
    FROM conduit.messages m WHERE m.topic_id = topic.id AND m.sequence BETWEEN at AND mark.sequence;
  ELSIF at > topic.base_sequence THEN
    found_bytes := topic.base_bytes;
  ELSIF at - topic.first_sequence <= 20000 THEN
    SELECT topic.gone_bytes + coalesce(sum(octet_length(m.payload) + coalesce(octet_length(m.key), 0)
      + coalesce(octet_length(m.headers), 0)), 0) INTO found_bytes
    FROM conduit.messages m
    WHERE m.topic_id = topic.id AND m.sequence >= topic.first_sequence AND m.sequence < at;
  ELSE
    found_bytes := topic.gone_bytes + ((topic.base_bytes - topic.gone_bytes)::numeric
      * (at - topic.first_sequence) / (topic.base_sequence - topic.first_sequence + 1))::bigint;
  END IF;
  RETURN greatest(topic.gone_bytes, found_bytes);
END
$$;

-- As sql/0012_restored_twice.sql has it, by the heads that are read.
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
    (SELECT coalesce(max(h.published_at), to_timestamp(0))
     FROM conduit.topic_heads(ARRAY(SELECT t.id FROM conduit.topics t)) h)))
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
    CASE WHEN h.published_at >= since
      THEN conduit.head_before(t.id, t.first_sequence, h.sequence, since)
      ELSE h.sequence END
  FROM conduit.topics t
  JOIN conduit.topic_heads(ARRAY(SELECT n.id FROM conduit.topics n WHERE n.deleted_at IS NULL)) h
    ON h.topic_id = t.id
  WHERE h.sequence > 0 AND (entered IS NOT NULL OR h.published_at >= since)
  ON CONFLICT (topic_id, number) DO UPDATE SET head = least(old.head, excluded.head);
  -- Who comes back after so many of them is told that nothing is known of his position.
  DELETE FROM conduit.incarnations WHERE number < coalesce(
    (SELECT number FROM conduit.incarnations ORDER BY number DESC OFFSET 19 LIMIT 1), 0);
  DELETE FROM conduit.incarnation_heads h
  WHERE NOT EXISTS (SELECT FROM conduit.incarnations i WHERE i.number = h.number);
  RETURN this;
END
$$;

-- Whoever may lock or change topics by them may do so without them. All belong to the owner of the log, by whom
-- days are made, whoever runs this.
DO $$
DECLARE
  made text;
BEGIN
  FOREACH made IN ARRAY ARRAY['lock_heads(bigint[])', 'lock_head(bigint)', 'topic_heads(bigint[])',
      'settle_heads(date, int)', 'write_lock_heads()'] LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION conduit.%s FROM PUBLIC', made);
    EXECUTE format('ALTER FUNCTION conduit.%s OWNER TO %s', made,
      (SELECT relowner::regrole FROM pg_class WHERE oid = 'conduit.messages'::regclass));
  END LOOP;
END
$$;
