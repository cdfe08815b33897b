-- What a client called its request by, as its answer had it: no key of anything. Rows of nodes of before have none, and
-- are known by request_id, which is the entry's own from here on.
ALTER TABLE conduit.audit ADD COLUMN request text;
