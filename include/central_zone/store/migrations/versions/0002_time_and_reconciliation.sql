-- Parcels rank by when their extract was taken, places of a sequence may be given up, and what is loaded is reconciled.

-- The number of a parcel is the second its extract was taken, then the order of arrival: a delivery that is backfilled
-- ranks where it would have ranked on its own night, and the rows carry no more than they did. 2^30 parcels, until 2242.
CREATE SEQUENCE ledger.arrival MAXVALUE 1073741823;

CREATE FUNCTION ledger.number_by_time(taken_at TIMESTAMP WITH TIME ZONE, arrival BIGINT) RETURNS BIGINT
LANGUAGE SQL STABLE AS 'SELECT (floor(extract(epoch FROM taken_at))::bigint << 30) + arrival';

ALTER TABLE ledger.parcel ALTER COLUMN parcel_number DROP IDENTITY;
SELECT setval('ledger.arrival', max(parcel_number)) FROM ledger.parcel HAVING max(parcel_number) IS NOT NULL;
CREATE TEMPORARY TABLE renumbered ON COMMIT DROP AS
SELECT parcel_number AS old, ledger.number_by_time(extract_taken_at, parcel_number) AS new FROM ledger.parcel;

ALTER TABLE ledger.parcel
  ADD COLUMN extract_kind TEXT DEFAULT 'delta' NOT NULL,
  ADD COLUMN rows_counted JSONB,
  ADD COLUMN counted_at TIMESTAMP WITH TIME ZONE,
  ADD CONSTRAINT kind_is_known CHECK (extract_kind IN ('delta', 'recon', 'snapshot')),
  DROP CONSTRAINT state_is_known,
  ADD CONSTRAINT state_is_known CHECK (state IN ('received', 'validated', 'waiting', 'held', 'approved', 'loaded', 'compared', 'refused'));
CREATE INDEX not_counted_yet ON ledger.parcel (collection) WHERE state = 'loaded' AND counted_at IS NULL;

CREATE TABLE ledger.skipped_place (
  collection TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  sequence INTEGER NOT NULL,
  decided_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  audit_hash TEXT NOT NULL,
  PRIMARY KEY (collection, practice_code, sequence)
);

CREATE TABLE ledger.reconciliation (
  parcel_number BIGINT NOT NULL,
  table_name TEXT NOT NULL,
  in_extract BIGINT NOT NULL,
  in_store BIGINT NOT NULL,
  missing BIGINT NOT NULL,
  differs BIGINT NOT NULL,
  surplus BIGINT NOT NULL,
  of_absent BIGINT NOT NULL,
  is_in_extract BOOLEAN NOT NULL,
  PRIMARY KEY (parcel_number, table_name)
);

CREATE TABLE ledger.practice_report (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  collection TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  agrees BOOLEAN NOT NULL,
  differences JSONB NOT NULL,
  facts JSONB NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX reports_of_a_practice ON ledger.practice_report (collection, practice_code, at);
