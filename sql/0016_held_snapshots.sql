-- Where subscriptions stand, apart from what they are: saved up to four times a second, while the row in
-- conduit.subscriptions, which everything looks up by its id, is only locked for it. An update in place leaves
-- versions that the next look-up walks for as long as any session of the database holds a snapshot
-- (docs/adr/0024-saves-under-a-held-snapshot.md).

-- Nodes of the version before name the columns that go: whatever they save or take fails from here on, and
-- what they have stored by now is below.
LOCK TABLE conduit.subscriptions IN ACCESS EXCLUSIVE MODE;

-- One row a subscription. Every 32nd save moves it to the next number: the newest of its versions are the
-- first from the high end of the index, and never more than those of one number are walked. In between it is
-- updated in place, which leaves the index alone. Written under the lock of its subscription.
CREATE TABLE conduit.cursors (
  subscription_id bigint   NOT NULL,
  -- saves / 32.
  number          bigint   NOT NULL DEFAULT 0,
  -- How often it was stored: a save that has waited for another one sees by it that it looked too early.
  saves           bigint   NOT NULL DEFAULT 0,
  ack_floor       bigint   NOT NULL,
  -- Pairs (from, to), inclusive, ascending: flat, since an array of arrays has rows of one length.
  settled         bigint[] NOT NULL,
  delivered       bigint   NOT NULL,
  PRIMARY KEY (subscription_id, number)
) WITH (
  -- Space for updates in place.
  fillfactor = 40,
  -- After a snapshot was held: whatever it kept goes, however large the table has become.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 10000,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 10000
);

INSERT INTO conduit.cursors (subscription_id, ack_floor, settled, delivered)
SELECT id, ack_floor, settled, delivered FROM conduit.subscriptions;

ALTER TABLE conduit.subscriptions
  DROP COLUMN ack_floor, DROP COLUMN settled, DROP COLUMN delivered;

-- What fell due in the last seconds, of all topics (src/log/postgres/upkeep/due-topics.ts): by outbox_due each
-- topic would be entered at its oldest row.
CREATE INDEX outbox_time ON conduit.outbox (due_at);
