-- Re-identification under dual control: from the store's tokens back to the source's, sealed to a custodian who is neither zone.
-- What was loaded before this has no escrow: whom it is about can be asked only after their record came again.

CREATE SCHEMA custody;

CREATE TABLE custody.parcel_key (
  parcel_number BIGINT NOT NULL,
  custodian_key TEXT NOT NULL,
  sealed_key BYTEA NOT NULL,
  PRIMARY KEY (parcel_number)
);

CREATE TABLE custody.escrow (
  practice_code TEXT COLLATE "C" NOT NULL,
  registration_token UUID NOT NULL,
  parcel_number BIGINT NOT NULL,
  sealed_in BIGINT NOT NULL,
  sealed BYTEA NOT NULL
);
CREATE INDEX escrow_of_one_registration ON custody.escrow (practice_code, registration_token, parcel_number);

CREATE TABLE custody.case (
  case_id TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  use_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  people INTEGER NOT NULL,
  people_found INTEGER NOT NULL,
  practices INTEGER NOT NULL,
  approved_by JSONB NOT NULL,
  carried_out_at TIMESTAMP WITH TIME ZONE NOT NULL,
  audit_hash TEXT NOT NULL,
  PRIMARY KEY (case_id),
  CONSTRAINT one_case_a_request UNIQUE (request_sha256)
);

CREATE TABLE custody.case_file (
  case_id TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  sha256 TEXT NOT NULL,
  data BYTEA,
  written_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (case_id, practice_code),
  CONSTRAINT kept_until_written CHECK ((data IS NULL) = (written_at IS NOT NULL))
);

CREATE TABLE custody.refused_case (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  case_id TEXT,
  reason TEXT NOT NULL,
  people INTEGER,
  refused_at TIMESTAMP WITH TIME ZONE NOT NULL,
  audit_hash TEXT NOT NULL,
  PRIMARY KEY (id)
);
