-- Erasure: whoever opted out later leaves every table. What stays is a mark that only the store key can make, and counts.

CREATE SCHEMA erasure;

CREATE TABLE erasure.mark (
  collection TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  registration_mark UUID NOT NULL,
  is_because_of_person BOOLEAN NOT NULL,
  person_mark UUID,
  said_by TEXT COLLATE "C" NOT NULL,
  said_in INTEGER NOT NULL,
  up_to_sequence INTEGER,
  PRIMARY KEY (collection, practice_code, registration_mark, is_because_of_person),
  CONSTRAINT only_a_word_ends_somewhere CHECK (is_because_of_person = (up_to_sequence IS NULL))
);
CREATE INDEX marks_of_one_person ON erasure.mark (person_mark);

CREATE TABLE erasure.batch (
  notice_id UUID NOT NULL,
  batch INTEGER NOT NULL,
  journal_number BIGINT NOT NULL,
  people INTEGER NOT NULL,
  registrations INTEGER NOT NULL,
  practices JSONB NOT NULL,
  rows_erased JSONB NOT NULL,
  rows_out_of_quarantine BIGINT NOT NULL,
  rows_out_of_release BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (notice_id, batch),
  UNIQUE (journal_number)
);

CREATE TABLE erasure.applied_up_to (
  is_the_only_row BOOLEAN DEFAULT true NOT NULL,
  number BIGINT NOT NULL,
  line_sha256 TEXT NOT NULL,
  PRIMARY KEY (is_the_only_row),
  CONSTRAINT one_row CHECK (is_the_only_row)
);
INSERT INTO erasure.applied_up_to (number, line_sha256) VALUES (0, repeat('0', 64));

CREATE TABLE erasure.serving (
  is_the_only_row BOOLEAN DEFAULT true NOT NULL,
  identity TEXT NOT NULL,
  PRIMARY KEY (is_the_only_row),
  CONSTRAINT one_row CHECK (is_the_only_row)
);

-- The server, its timeline and the database. A dump or a base backup brought to life elsewhere, and a server that was
-- recovered to a point in time, have another. A standby that still follows has the same.
CREATE FUNCTION erasure.identity() RETURNS TEXT
LANGUAGE SQL STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN (
  SELECT control.system_identifier || '/'
    || CASE WHEN pg_is_in_recovery() THEN lpad(upper(to_hex(last.timeline_id)), 8, '0')
       ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END
    || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
  FROM pg_control_system() AS control, pg_control_checkpoint() AS last
);

CREATE FUNCTION erasure.may_serve() RETURNS BOOLEAN
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM erasure.serving WHERE serving.identity = erasure.identity()) THEN
    RAISE EXCEPTION 'This store is a restored copy: erasures may be missing. Run: gp-central erasures reapply'
      USING ERRCODE = 'GE001';
  END IF;
  RETURN true;
END
$$;

-- What is upgraded where it stands, or new, has no erasures that it could lack.
INSERT INTO erasure.serving (identity) VALUES (erasure.identity());

ALTER TABLE ledger.parcel ADD COLUMN rows_erased JSONB DEFAULT '{}' NOT NULL;

ALTER TABLE quarantine.row ADD COLUMN practice_code TEXT COLLATE "C", ADD COLUMN registration_token UUID;
CREATE INDEX row_of_one_registration ON quarantine.row (practice_code, registration_token);

-- Of a quarantined row of a patient nobody wrote down whose it was. It could not be found when the person is erased, so it
-- goes now; that it was there stays in rows_quarantined, and rows_erased keeps the counts closed.
UPDATE quarantine.row SET practice_code = parcel.practice_code FROM ledger.parcel
WHERE parcel.parcel_number = row.parcel_number AND row.table_name IN ('staff_role', 'organisation');
WITH gone AS (
  DELETE FROM quarantine.row WHERE practice_code IS NULL RETURNING parcel_number, table_name, record_token
), counted AS (
  SELECT parcel_number, jsonb_object_agg(table_name, rows) AS rows
  FROM (SELECT parcel_number, table_name, count(DISTINCT record_token) AS rows FROM gone GROUP BY 1, 2) AS by_table
  GROUP BY 1
)
UPDATE ledger.parcel SET rows_erased = counted.rows FROM counted WHERE counted.parcel_number = parcel.parcel_number;
