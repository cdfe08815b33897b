-- Whoever holds a durable subscription asks every second what was given back to it since it asked last, and
-- not for all that is given back and not settled. Nodes of the version before go on to ask that, by the index
-- of sql/0011_redriven.sql.
CREATE INDEX dead_letters_redriven ON conduit.dead_letters (subscription_id, redriven_at, sequence)
  WHERE subscription_id IS NOT NULL AND redriven_at IS NOT NULL;
