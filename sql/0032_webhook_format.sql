-- What a webhook's request has as its body: the payload, or a CloudEvent (docs/webhooks.md). A node of the version before
-- sends the payload.
ALTER TABLE conduit.webhooks ADD COLUMN format text NOT NULL DEFAULT 'payload';
