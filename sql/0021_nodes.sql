-- The nodes of the cluster: which there are, until when each counts among the living, and what it says of
-- itself. A node renews its lease every 500 ms, by the clock of the database; see
-- docs/adr/0031-nodes-and-the-work-they-share.md.

-- One row a node. As that of a cursor (sql/0016_held_snapshots.sql) it moves to the next number at every 32nd
-- time: the newest of its versions are the first from the high end of the index, however many a snapshot keeps.
CREATE TABLE conduit.nodes (
  -- NODE_ID.
  id          text        COLLATE "C" NOT NULL,
  -- renewals / 32.
  number      bigint      NOT NULL DEFAULT 0,
  renewals    bigint      NOT NULL DEFAULT 0,
  -- Of one life of its process: whoever has another one is another node.
  boot_id     uuid        NOT NULL,
  lease_until timestamptz NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- host:port, by which other nodes reach it.
  addr        text        NOT NULL,
  version     text        NOT NULL,
  sessions    integer     NOT NULL,
  -- That each of its workers has met.
  topics      integer[]   NOT NULL,
  backplane   text        NOT NULL,
  PRIMARY KEY (id, number)
) WITH (
  -- Space for updates in place.
  fillfactor = 40,
  -- After a snapshot was held: whatever it kept goes, however large the table has become.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000
);
