-- What upkeep looks for every minute (src/log/subscription-purge.ts), found without reading whole tables.

-- Tombstones of deleted topics; no other column, so that appends stay HOT.
CREATE INDEX topics_deleted ON conduit.topics (deleted_at) WHERE deleted_at IS NOT NULL;

-- Dead letters that were given back to a session: a node that dies does not say that it ended.
CREATE INDEX dead_letters_given ON conduit.dead_letters (redriven_at)
  WHERE session IS NOT NULL AND redriven_at IS NOT NULL;
