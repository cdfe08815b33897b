-- The first half of an append: locks the topics in id order, skips those that somebody else holds, and
-- moves the heads of those obtained. A topic that is missing from the answer is held, or gone: the
-- caller waits for it alone. Its plan is cached by the session, which a literal statement is not.
CREATE FUNCTION conduit.begin_append(ids bigint[], counts int[], sizes bigint[])
RETURNS TABLE (topic_id bigint, first_sequence bigint, published_ms bigint)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
  WITH locked AS MATERIALIZED (
    SELECT t.id FROM conduit.topics t
    WHERE t.id = ANY (ids) AND t.deleted_at IS NULL
    ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED)
  UPDATE conduit.topics t
  SET last_sequence = t.last_sequence + a.count,
      bytes = t.bytes + a.size,
      last_published_at =
        greatest(date_trunc('milliseconds', clock_timestamp()), t.last_published_at)
  FROM locked l JOIN unnest(ids, counts, sizes) AS a (id, count, size) ON a.id = l.id
  WHERE t.id = l.id
  RETURNING t.id, t.last_sequence - a.count + 1,
    round(extract(epoch FROM t.last_published_at) * 1000)::bigint;
END
$$;
