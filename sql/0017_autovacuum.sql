-- When autovacuum looks after what. It comes once a minute and database (autovacuum_naptime, of the
-- server); what a snapshot that was held has kept of small tables, nodes remove as soon as it has ended. So
-- these thresholds are for what is larger, and for what dies day by day: low enough that a look-up never
-- walks over many dead rows, as a share high enough that a table of millions is not read for a few.

-- Changed by retention, once a minute and topic at most; read by every look-up.
ALTER TABLE conduit.topics
  SET (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);

-- Taken over, paused, deleted.
ALTER TABLE conduit.subscriptions
  SET (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);

-- Rows live for seconds, and are looked for every second from one end of an index.
ALTER TABLE conduit.outbox
  SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE conduit.deliveries
  SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE conduit.outbox_releases
  SET (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);

-- Rows go in chunks of 10,000, from the old end: two minutes of keys, three days of failures.
ALTER TABLE conduit.publish_dedupe
  SET (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE conduit.dead_letters
  SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05);

-- Days of the log are inserted into and dropped. A vacuum for inserts would win nothing, since nothing of
-- them is read from an index alone, and writes each page again: 181 bytes of WAL for each message of 100
-- bytes with data checksums (PostgreSQL 18.4, after a checkpoint). Those that grow so old that their
-- transaction ids have to be frozen are vacuumed for that, once.
DO $$
DECLARE
  leaf regclass;
BEGIN
  FOR leaf IN
    SELECT c.oid FROM pg_class c
    WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind = 'r'
      AND c.relname ~ '^messages_[0-9]{8}$'
  LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_insert_threshold = -1)', leaf);
  END LOOP;
END
$$;

-- As sql/0013_unversioned_heads.sql has it, for those to come.
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
  EXECUTE format(
    'CREATE TABLE conduit.%I (LIKE conduit.messages INCLUDING ALL)'
    || ' WITH (autovacuum_vacuum_insert_threshold = -1)', leaf);
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
