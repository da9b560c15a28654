-- The store as first made. Frozen: later changes are later migrations.

CREATE SCHEMA records;
CREATE SCHEMA quarantine;
CREATE SCHEMA audit;
CREATE SCHEMA lineage;

CREATE TABLE ledger.parcel (
  parcel_number BIGINT GENERATED ALWAYS AS IDENTITY,
  parcel_id UUID NOT NULL,
  collection TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  sequence INTEGER NOT NULL,
  manifest_sha256 TEXT NOT NULL,
  extract_id TEXT NOT NULL,
  extract_taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
  supplier_format TEXT NOT NULL,
  synthetic BOOLEAN NOT NULL,
  state TEXT NOT NULL,
  state_reason TEXT,
  received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  validated_at TIMESTAMP WITH TIME ZONE,
  decided_at TIMESTAMP WITH TIME ZONE,
  decided_by TEXT,
  loaded_at TIMESTAMP WITH TIME ZONE,
  rows_loaded JSONB DEFAULT '{}' NOT NULL,
  rows_quarantined JSONB DEFAULT '{}' NOT NULL,
  validation JSONB DEFAULT '{}' NOT NULL,
  seconds JSONB DEFAULT '{}' NOT NULL,
  audit_hash TEXT,
  manifest JSONB NOT NULL,
  PRIMARY KEY (parcel_id),
  CONSTRAINT state_is_known CHECK (state IN ('received', 'validated', 'waiting', 'held', 'approved', 'loaded', 'refused')),
  UNIQUE (parcel_number),
  UNIQUE (manifest_sha256)
);
CREATE UNIQUE INDEX one_parcel_a_place ON ledger.parcel (collection, practice_code, sequence) WHERE state != 'refused';
CREATE INDEX parcels_of_a_practice ON ledger.parcel (collection, practice_code, sequence);

CREATE TABLE ledger.refusal (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  folder_name TEXT NOT NULL,
  folder_fingerprint TEXT,
  error TEXT NOT NULL,
  message TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX refusal_of_a_folder ON ledger.refusal (folder_name);

CREATE TABLE quarantine.row (
  parcel_number BIGINT NOT NULL,
  table_name TEXT NOT NULL,
  record_token UUID NOT NULL,
  rule_id TEXT NOT NULL
);
CREATE INDEX row_of_a_parcel ON quarantine.row (parcel_number);

CREATE TABLE audit.entry (
  seq BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  actor TEXT NOT NULL,
  event JSONB NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE (hash)
);

CREATE TABLE lineage.outbox (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  event JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  delivered_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);
CREATE INDEX not_delivered_yet ON lineage.outbox (id) WHERE delivered_at IS NULL;

CREATE TABLE records.patient (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, patient_token UUID,
  sex TEXT, year_of_birth SMALLINT, year_of_death SMALLINT, month_of_death SMALLINT, registered_date DATE,
  registration_end_date DATE, registration_type TEXT, lsoa_code TEXT, imd_decile SMALLINT, practice_code TEXT
  COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX patient_of_one_person ON records.patient (patient_token);
CREATE INDEX patient_of_one_registration ON records.patient (practice_code, registration_token);

CREATE TABLE records.encounter (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT,
  appointment_token UUID, is_complete BOOLEAN, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT
  NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX encounter_of_one_registration ON records.encounter (practice_code, registration_token);

CREATE TABLE records.observation (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT,
  observation_type TEXT, value DOUBLE PRECISION, value_unit TEXT, value_comparator TEXT, range_low DOUBLE
  PRECISION, range_high DOUBLE PRECISION, parent_token UUID, problem_token UUID, practice_code TEXT COLLATE "C"
  NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX observation_of_one_registration ON records.observation (practice_code, registration_token);

CREATE TABLE records.immunisation (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT, status
  TEXT, problem_token UUID, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX immunisation_of_one_registration ON records.immunisation (practice_code, registration_token);

CREATE TABLE records.recall (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT,
  is_active BOOLEAN, is_complete BOOLEAN, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX recall_of_one_registration ON records.recall (practice_code, registration_token);

CREATE TABLE records.allergy (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT, status
  TEXT, problem_token UUID, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX allergy_of_one_registration ON records.allergy (practice_code, registration_token);

CREATE TABLE records.medication (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT,
  dmd_code TEXT, intent TEXT, authorisation_token UUID, prescription_type TEXT, is_active BOOLEAN, quantity
  DOUBLE PRECISION, quantity_unit TEXT, course_days INTEGER, issues_authorised INTEGER, issues_made INTEGER,
  stop_date DATE, problem_token UUID, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX medication_of_one_registration ON records.medication (practice_code, registration_token);

CREATE TABLE records.referral (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT,
  urgency TEXT, service_type TEXT, mode TEXT, source_organisation_token UUID, target_organisation_token UUID,
  end_date DATE, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX referral_of_one_registration ON records.referral (practice_code, registration_token);

CREATE TABLE records.problem (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  snomed_concept_id TEXT, snomed_description_id TEXT, read_v2_code TEXT, ctv3_code TEXT, local_code TEXT,
  significance TEXT, status TEXT, end_date DATE, end_date_precision TEXT, last_review_date DATE,
  parent_problem_token UUID, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX problem_of_one_registration ON records.problem (practice_code, registration_token);

CREATE TABLE records.appointment (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, registration_token UUID NOT NULL, effective_date
  DATE, effective_date_precision TEXT, recorded_at TIMESTAMP, staff_role_token UUID, encounter_token UUID,
  status TEXT, did_not_attend BOOLEAN, planned_minutes INTEGER, actual_minutes INTEGER, practice_code TEXT
  COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);
CREATE INDEX appointment_of_one_registration ON records.appointment (practice_code, registration_token);

CREATE TABLE records.staff_role (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, job_category_code TEXT, practice_code TEXT COLLATE
  "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);

CREATE TABLE records.organisation (
  record_token UUID NOT NULL, is_deleted BOOLEAN NOT NULL, ods_code TEXT, organisation_type TEXT, open_date
  DATE, close_date DATE, practice_code TEXT COLLATE "C" NOT NULL, parcel_number BIGINT NOT NULL
) PARTITION BY HASH (practice_code);

-- Who is registered: the latest word on each registration, unless that word is "deleted".
CREATE VIEW records.current_registration AS
SELECT practice_code, registration_token
FROM (
  SELECT DISTINCT ON (practice_code, registration_token) practice_code, registration_token, is_deleted
  FROM records.patient
  ORDER BY practice_code, registration_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted;

-- EMIS keeps observations, immunisations and allergies in one table, and its tombstones do not say which it was; they
-- arrive as observations. Problems and referrals extend an observation and bear its token. So a record is also ended by
-- a word in another of these tables: deleted in the same parcel or later, or moved to another kind later.

CREATE VIEW records.word_on_an_observation AS
SELECT practice_code, record_token, parcel_number, is_deleted, 'observation' AS kind FROM records.observation
UNION ALL SELECT practice_code, record_token, parcel_number, is_deleted, 'immunisation' FROM records.immunisation
UNION ALL SELECT practice_code, record_token, parcel_number, is_deleted, 'allergy' FROM records.allergy;

-- Today's state of each table: the latest version of each record, unless it says "deleted". The records of a
-- registration that was withdrawn, or was never loaded, are not among them.

CREATE VIEW records.current_patient AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.patient
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration);

CREATE VIEW records.current_encounter AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.encounter
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration);

CREATE VIEW records.current_observation AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.observation
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration)
  AND NOT EXISTS (
    SELECT FROM records.word_on_an_observation AS word
    WHERE word.practice_code = latest.practice_code AND word.record_token = latest.record_token AND word.kind <> 'observation'
      AND (word.parcel_number > latest.parcel_number OR word.is_deleted AND word.parcel_number = latest.parcel_number)
  );

CREATE VIEW records.current_immunisation AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.immunisation
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration)
  AND NOT EXISTS (
    SELECT FROM records.word_on_an_observation AS word
    WHERE word.practice_code = latest.practice_code AND word.record_token = latest.record_token AND word.kind <> 'immunisation'
      AND (word.parcel_number > latest.parcel_number OR word.is_deleted AND word.parcel_number = latest.parcel_number)
  );

CREATE VIEW records.current_recall AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.recall
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration);

CREATE VIEW records.current_allergy AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.allergy
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration)
  AND NOT EXISTS (
    SELECT FROM records.word_on_an_observation AS word
    WHERE word.practice_code = latest.practice_code AND word.record_token = latest.record_token AND word.kind <> 'allergy'
      AND (word.parcel_number > latest.parcel_number OR word.is_deleted AND word.parcel_number = latest.parcel_number)
  );

CREATE VIEW records.current_medication AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.medication
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration);

CREATE VIEW records.current_referral AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.referral
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration)
  AND NOT EXISTS (
    SELECT FROM records.word_on_an_observation AS word
    WHERE word.practice_code = latest.practice_code AND word.record_token = latest.record_token
      AND word.is_deleted AND word.parcel_number >= latest.parcel_number
  );

CREATE VIEW records.current_problem AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.problem
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration)
  AND NOT EXISTS (
    SELECT FROM records.word_on_an_observation AS word
    WHERE word.practice_code = latest.practice_code AND word.record_token = latest.record_token
      AND word.is_deleted AND word.parcel_number >= latest.parcel_number
  );

CREATE VIEW records.current_appointment AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.appointment
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted
  AND (practice_code, registration_token) IN (SELECT practice_code, registration_token FROM records.current_registration);

CREATE VIEW records.current_staff_role AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.staff_role
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted;

CREATE VIEW records.current_organisation AS
SELECT * FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.organisation
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest
WHERE NOT is_deleted;
