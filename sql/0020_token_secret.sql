-- What the tokens that nodes make are sealed with: one secret for all nodes of the installation. The first
-- one that starts makes it. Whoever reads it can make tokens of any key whose digest he has, too.
CREATE TABLE conduit.token_secret (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  secret   bytea NOT NULL CHECK (octet_length(secret) = 32),
  made_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
