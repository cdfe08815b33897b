-- When each periodic task last ran anywhere, so that N nodes with M workers do it once.
CREATE TABLE conduit.upkeep (
  task   text PRIMARY KEY,
  ran_at timestamptz NOT NULL DEFAULT '-infinity'
);

INSERT INTO conduit.upkeep (task) VALUES ('partitions'), ('retention');
