"""The GDPPR layout, and each table as it was: who knew what when."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"

_ARGUMENTS = "(taken_until timestamptz, known_until timestamptz)"
# Of two times, `taken_until` is the practice's (extracts taken until then) and `known_until` ours (loaded until then).
_PARCELS = """parcel_number IN (
  SELECT parcel.parcel_number FROM ledger.parcel AS parcel
  WHERE parcel.state = 'loaded' AND parcel.extract_taken_at <= taken_until AND parcel.loaded_at <= known_until
)"""
_REGISTRATIONS = """
CREATE FUNCTION records.registration_as_of{arguments} RETURNS TABLE (practice_code text, registration_token uuid)
LANGUAGE SQL STABLE BEGIN ATOMIC
SELECT latest.practice_code, latest.registration_token FROM (
  SELECT DISTINCT ON (practice_code, registration_token) practice_code, registration_token, is_deleted
  FROM records.patient WHERE {parcels}
  ORDER BY practice_code, registration_token, parcel_number DESC, is_deleted DESC
) AS latest WHERE NOT latest.is_deleted AND (SELECT erasure.may_serve());
END"""
_TABLE = """
CREATE FUNCTION records.{table}_as_of{arguments} RETURNS SETOF records.{table}
LANGUAGE SQL STABLE BEGIN ATOMIC
SELECT latest.* FROM (
  SELECT DISTINCT ON (practice_code, record_token) * FROM records.{table} WHERE {parcels}
  ORDER BY practice_code, record_token, parcel_number DESC, is_deleted DESC
) AS latest WHERE NOT latest.is_deleted AND (SELECT erasure.may_serve()){further};
END"""
_REGISTERED = """
  AND (latest.practice_code, latest.registration_token) IN (
    SELECT who.practice_code, who.registration_token FROM records.registration_as_of(taken_until, known_until) AS who
  )"""
# EMIS keeps three kinds in one table, and its tombstones come as observations: as in the views of today.
_NO_OTHER_WORD = """
  AND NOT EXISTS (
    SELECT FROM records.word_on_an_observation AS word
    WHERE word.practice_code = latest.practice_code AND word.record_token = latest.record_token AND word.{parcels}
      AND {ends}
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
    *("patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral"),
    *("problem", "appointment"),
)
_OTHERS = ("staff_role", "organisation")


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())
    # PostgreSQL looks at what a function would read when it is made; nothing is read here.
    op.execute("SET LOCAL row_security = on")
    op.execute(_REGISTRATIONS.format(arguments=_ARGUMENTS, parcels=_PARCELS))
    for table in (*_OF_PATIENTS, *_OTHERS):
        further = _REGISTERED if table in _OF_PATIENTS else ""
        if table in _ENDS:
            further += _NO_OTHER_WORD.format(parcels=_PARCELS, ends=_ENDS[table])
        op.execute(_TABLE.format(table=table, arguments=_ARGUMENTS, parcels=_PARCELS, further=further))
    for table in ("registration", *_OF_PATIENTS, *_OTHERS):
        op.execute(f"REVOKE EXECUTE ON FUNCTION records.{table}_as_of FROM PUBLIC")
    op.execute("SET LOCAL row_security = off")
