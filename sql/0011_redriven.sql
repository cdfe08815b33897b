-- Dead letters that were given back are few among the deliveries; whoever holds their subscription looks for
-- those that another node has given back, every second.
CREATE INDEX deliveries_redriven ON conduit.deliveries (subscription_id, sequence) WHERE redriven;
