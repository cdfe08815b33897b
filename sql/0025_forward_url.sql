-- Where a node takes what others forward to it (POST /internal/forward), as the beginning of a URL; null: it
-- takes nothing, as nodes of versions before this one, or without INTERNAL_SECRET.
ALTER TABLE conduit.nodes ADD COLUMN forward_url text;
