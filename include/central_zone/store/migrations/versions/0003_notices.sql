-- What practices say of people rather than records: who is to be erased, and who may be used. Counts only.

CREATE TABLE ledger.notice (
  parcel_id UUID NOT NULL,
  kind TEXT NOT NULL,
  collection TEXT NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  sequence INTEGER NOT NULL,
  manifest_sha256 TEXT NOT NULL,
  taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
  not_after TIMESTAMP WITH TIME ZONE NOT NULL,
  people INTEGER NOT NULL,
  received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  applied_at TIMESTAMP WITH TIME ZONE,
  outcome JSONB DEFAULT '{}' NOT NULL,
  audit_hash TEXT,
  manifest JSONB NOT NULL,
  PRIMARY KEY (parcel_id),
  CONSTRAINT kind_is_known CHECK (kind IN ('erasure', 'national_allow_list')),
  CONSTRAINT one_notice_a_place UNIQUE (collection, practice_code, kind, sequence),
  UNIQUE (manifest_sha256)
);

-- People who opted in again come whole, in a parcel of their own.
ALTER TABLE ledger.parcel DROP CONSTRAINT kind_is_known;
ALTER TABLE ledger.parcel ADD CONSTRAINT kind_is_known CHECK (extract_kind IN ('delta', 'recon', 'snapshot', 're_extract'));
