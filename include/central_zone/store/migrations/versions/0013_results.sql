-- What validation found in each parcel, by rule, and what stewards decided about rows in quarantine.

CREATE TABLE ledger.rule_result (
  parcel_number BIGINT NOT NULL,
  table_name TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  severity TEXT NOT NULL,
  rows_failed BIGINT NOT NULL,
  rows_seen BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (parcel_number, table_name, rule_id)
);

CREATE TABLE ledger.rule_book (
  suite_sha256 TEXT NOT NULL,
  rules JSONB NOT NULL,
  first_used_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (suite_sha256)
);

CREATE TABLE quarantine.decision (
  decision_number BIGINT GENERATED ALWAYS AS IDENTITY,
  parcel_number BIGINT NOT NULL,
  table_name TEXT NOT NULL,
  rule_ids JSONB NOT NULL,
  outcome TEXT NOT NULL,
  rows BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  audit_hash TEXT NOT NULL,
  PRIMARY KEY (decision_number),
  CONSTRAINT outcome_is_known CHECK (outcome IN ('released', 'discarded'))
);
CREATE INDEX decisions_on_a_parcel ON quarantine.decision (parcel_number);

-- A row that was discarded stays where it is, with the decision: so it is found when its patient is erased, and counted.
-- A row that was released is a record like any other, and leaves quarantine.
ALTER TABLE quarantine.row ADD COLUMN decision_number BIGINT;
ALTER TABLE ledger.parcel
  ADD COLUMN rows_released JSONB DEFAULT '{}' NOT NULL,
  ADD COLUMN rows_discarded JSONB DEFAULT '{}' NOT NULL;
-- Who watches asks every minute what is still on its way.
CREATE INDEX parcels_not_settled ON ledger.parcel (collection, state)
  WHERE state IN ('received', 'validated', 'waiting', 'held', 'approved');
