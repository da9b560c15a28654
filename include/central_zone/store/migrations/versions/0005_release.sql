-- Releases: who may be used, what was disclosed to whom on which ground, and the tables that a release made. The
-- released tables themselves, release.<use>__<table>, are made and dropped by each release.

CREATE SCHEMA release;

CREATE TABLE release.national_allow_list (
  collection TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  patient_token UUID NOT NULL,
  checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (collection, practice_code, patient_token)
);
CREATE INDEX allowed_of_one_person ON release.national_allow_list (patient_token);

CREATE TABLE release.disclosure (
  disclosure_id BIGINT GENERATED ALWAYS AS IDENTITY,
  use_id TEXT NOT NULL,
  collection TEXT NOT NULL,
  released_at TIMESTAMP WITH TIME ZONE NOT NULL,
  decision TEXT NOT NULL,
  reason TEXT,
  evidence JSONB,
  legal_gateway TEXT NOT NULL,
  oldest_check TIMESTAMP WITH TIME ZONE,
  relies_until TIMESTAMP WITH TIME ZONE,
  practices INTEGER NOT NULL,
  practices_without_check JSONB NOT NULL,
  persons_checked BIGINT NOT NULL,
  excluded_opted_out BIGINT NOT NULL,
  excluded_no_valid_number BIGINT NOT NULL,
  excluded_no_current_check BIGINT NOT NULL,
  persons_released BIGINT NOT NULL,
  rows_released JSONB NOT NULL,
  project_key TEXT NOT NULL,
  policy_sha256 JSONB NOT NULL,
  audit_hash TEXT NOT NULL,
  PRIMARY KEY (disclosure_id),
  CONSTRAINT decision_is_known CHECK (decision IN ('applies', 'exempt')),
  CONSTRAINT an_exemption_has_its_reason CHECK ((decision = 'exempt') = (reason IS NOT NULL AND evidence IS NOT NULL))
);
CREATE INDEX disclosures_of_a_use ON release.disclosure (use_id, released_at);

CREATE TABLE release.released_table (
  use_id TEXT NOT NULL,
  table_name TEXT NOT NULL,
  disclosure_id BIGINT NOT NULL,
  project_key_version INTEGER NOT NULL,
  PRIMARY KEY (use_id, table_name)
);
