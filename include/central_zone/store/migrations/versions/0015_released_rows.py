"""A row that was released from quarantine is known since its release, and not since its parcel: the tables as they were say so."""

from alembic import op

revision = "0015"
down_revision = "0014"

_RELEASED = """
CREATE TABLE quarantine.released_row (
  parcel_number BIGINT NOT NULL,
  table_name TEXT NOT NULL,
  record_token UUID NOT NULL,
  practice_code TEXT COLLATE "C" NOT NULL,
  registration_token UUID,
  released_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL
);
CREATE INDEX released_row_of_a_parcel ON quarantine.released_row (parcel_number, record_token);
"""
_ARGUMENTS = "(taken_until timestamptz, known_until timestamptz)"
_PARCELS = """parcel_number IN (
  SELECT parcel.parcel_number FROM ledger.parcel AS parcel
  WHERE parcel.state = 'loaded' AND parcel.extract_taken_at <= taken_until AND parcel.loaded_at <= known_until
)"""
_KNOWN = """NOT EXISTS (
  SELECT FROM quarantine.released_row AS late WHERE late.parcel_number = {row}.parcel_number
    AND late.record_token = {row}.record_token AND late.table_name = {table} AND late.released_at > known_until
)"""
# As 0011 made them, but for _KNOWN. No row of a patient is released.
_TABLE = """
CREATE OR REPLACE FUNCTION records.{table}_as_of{arguments} RETURNS SETOF records.{table}
LANGUAGE SQL STABLE BEGIN ATOMIC
SELECT latest.* FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.{table} AS version WHERE {parcels} AND {known}
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest WHERE NOT latest.is_deleted AND (SELECT erasure.may_serve()){further};
END"""
_REGISTERED = """
  AND (latest.practice_code, latest.registration_token) IN (
    SELECT who.practice_code, who.registration_token FROM records.registration_as_of(taken_until, known_until) AS who
  )"""
_NO_OTHER_WORD = """
  AND NOT EXISTS (
    SELECT FROM records.word_on_an_observation AS word
    WHERE word.practice_code = latest.practice_code AND word.record_token = latest.record_token AND word.{parcels}
      AND {known} AND {ends}
  )"""
_ENDS_A_KIND = (
    "word.kind <> '{table}' AND (word.parcel_number > latest.parcel_number "
    "OR word.is_deleted AND word.parcel_number = latest.parcel_number)"
)
_ENDS_WHAT_EXTENDS = "word.is_deleted AND word.parcel_number >= latest.parcel_number"
_ENDS = {
    **{table: _ENDS_A_KIND.format(table=table) for table in ("observation", "immunisation", "allergy")},
    **dict.fromkeys(("problem", "referral"), _ENDS_WHAT_EXTENDS),
}
_OF_PATIENTS = (
    *("encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral"),
    *("problem", "appointment"),
)
_OTHERS = ("staff_role", "organisation")


def upgrade() -> None:
    op.execute(_RELEASED)
    # PostgreSQL looks at what a function would read when it is made; nothing is read here.
    op.execute("SET LOCAL row_security = on")
    for table in (*_OF_PATIENTS, *_OTHERS):
        further = _REGISTERED if table in _OF_PATIENTS else ""
        if table in _ENDS:
            word = _KNOWN.format(row="word", table="word.kind")
            further += _NO_OTHER_WORD.format(parcels=_PARCELS, known=word, ends=_ENDS[table])
        known = _KNOWN.format(row="version", table=f"'{table}'")
        op.execute(_TABLE.format(table=table, arguments=_ARGUMENTS, parcels=_PARCELS, known=known, further=further))
    op.execute("SET LOCAL row_security = off")
