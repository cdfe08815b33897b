-- Which node coordinates a durable subscription, in which of its lives (docs/adr/0040-one-node-coordinates.md).
-- Both NULL: nobody. No owner_boot: a node without a peer link has it, as long as nobody else asks.
ALTER TABLE conduit.subscriptions
  ADD COLUMN owner_node text COLLATE "C",
  ADD COLUMN owner_boot uuid;
