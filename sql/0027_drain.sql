-- A node is asked to drain (POST /api/nodes/:id/drain) by its boot id here: the life of it that sees this ends, and
-- the next one does not. A node of a version before this one does not look.
ALTER TABLE conduit.nodes ADD COLUMN drain_boot_id uuid;
