-- Rotation: which key a practice's tokens are of, and, while practices go over to a newer one, which token took the place of which.

CREATE SCHEMA rotation;

CREATE TABLE rotation.pair (
  collection TEXT NOT NULL,
  old_token UUID NOT NULL,
  new_token UUID NOT NULL,
  token_key TEXT NOT NULL,
  stands_for TEXT NOT NULL,
  PRIMARY KEY (collection, old_token),
  CONSTRAINT stands_for_is_known CHECK (stands_for IN ('registration', 'person'))
);
CREATE INDEX pairs_that_lead_to ON rotation.pair (new_token);

CREATE TABLE rotation.retired (
  collection TEXT NOT NULL,
  token_key TEXT NOT NULL,
  practices INTEGER NOT NULL,
  pairs BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  audit_hash TEXT NOT NULL,
  PRIMARY KEY (collection, token_key)
);

CREATE TABLE rotation.practice_key (
  collection TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  token_key TEXT NOT NULL,
  since_sequence INTEGER NOT NULL,
  PRIMARY KEY (collection, practice_code)
);
INSERT INTO rotation.practice_key (collection, practice_code, token_key, since_sequence)
SELECT DISTINCT ON (collection, practice_code) collection, practice_code, manifest->>'token_key', sequence
FROM ledger.parcel WHERE state IN ('loaded', 'compared') AND manifest->>'token_key' IS NOT NULL ORDER BY collection, practice_code, sequence DESC;

ALTER TABLE ledger.parcel DROP CONSTRAINT kind_is_known;
ALTER TABLE ledger.parcel ADD CONSTRAINT kind_is_known
  CHECK (extract_kind IN ('delta', 'recon', 'snapshot', 're_extract', 'bridge'));
