"""Erasing one batch of people from the store, in the caller's transaction: every table, every version, quarantine, releases.

What stays of them is a mark for each registration, and how many rows went, by table and by parcel.
"""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, text

from central_zone.erasures.from_release import erase_from_release
from central_zone.erasures.marks import marks_of, tokens_of
from central_zone.erasures.people import OF_PATIENTS, Word
from central_zone.load import copy_rows
from central_zone.zone import Zone


@dataclass(slots=True, kw_only=True)
class Erased:
    """Counts of one batch, and the tokens that staged rows are searched for."""

    people: int
    registrations: int = 0
    practices: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    out_of_quarantine: int = 0
    out_of_release: int = 0
    tokens: pa.Array | None = field(default=None, repr=False)


# Whose rows, and of which parcels: all of them, or those up to the place that the practice named.
_ERASING = """
CREATE TEMPORARY TABLE erasing (
  practice_code TEXT COLLATE "C" NOT NULL, registration_token UUID, patient_token UUID, registration_mark UUID NOT NULL,
  person_mark UUID, up_to_sequence INTEGER
) ON COMMIT DROP;
CREATE TEMPORARY TABLE gone (parcel_number BIGINT, table_name TEXT, rows BIGINT) ON COMMIT DROP
"""
_AND_OF_THESE_PARCELS = """
  AND r.practice_code = e.practice_code AND r.registration_token = e.registration_token
  AND p.parcel_number = r.parcel_number AND (e.up_to_sequence IS NULL OR p.sequence <= e.up_to_sequence)"""
_AT_THIS_PRACTICE = " AND r.practice_code = :practice AND e.practice_code = :practice"
_ELSEWHERE = " AND e.practice_code <> :practice"
_FROM_A_TABLE = """
WITH rows AS (
  DELETE FROM records.{table} AS r USING pg_temp.erasing AS e, ledger.parcel AS p
  WHERE p.collection = :collection {which} RETURNING r.parcel_number
)
INSERT INTO pg_temp.gone SELECT parcel_number, '{table}', count(*) FROM rows GROUP BY parcel_number
"""
_JOINS = "SELECT set_config('enable_hashjoin', :may, true), set_config('enable_mergejoin', :may, true)"
_FROM_QUARANTINE = """
WITH rows AS (
  DELETE FROM quarantine.row AS r USING pg_temp.erasing AS e, ledger.parcel AS p
  WHERE p.collection = :collection {which} RETURNING r.parcel_number, r.table_name, r.record_token
), counted AS (
  INSERT INTO pg_temp.gone SELECT parcel_number, table_name, count(DISTINCT record_token) FROM rows GROUP BY 1, 2
)
SELECT count(*) FROM rows
"""
# Not counted: it is no record, and only the custodian could tell what it says.
_FROM_ESCROW = "DELETE FROM custody.escrow AS r USING pg_temp.erasing AS e, ledger.parcel AS p WHERE p.collection = :collection {which}"
# Nor is this: the record it tells of is.
_FROM_RELEASED = """
DELETE FROM quarantine.released_row AS r USING pg_temp.erasing AS e, ledger.parcel AS p WHERE p.collection = :collection {which}
"""
_INTO_THE_LEDGER = """
UPDATE ledger.parcel AS p SET rows_erased = (
  SELECT jsonb_object_agg(key, rows) FROM (
    SELECT key, sum(value::bigint) AS rows
    FROM (SELECT * FROM jsonb_each_text(p.rows_erased) UNION ALL SELECT * FROM jsonb_each_text(g.rows)) AS every GROUP BY key
  ) AS sums)
FROM (
  SELECT parcel_number, jsonb_object_agg(table_name, rows) AS rows
  FROM (SELECT parcel_number, table_name, sum(rows) AS rows FROM pg_temp.gone GROUP BY 1, 2) AS by_table GROUP BY 1
) AS g
WHERE p.parcel_number = g.parcel_number
"""
_THE_SAME_PEOPLE = """
SELECT DISTINCT r.practice_code, r.registration_token, e.person_mark
FROM records.patient AS r JOIN pg_temp.erasing AS e ON r.patient_token = e.patient_token
WHERE e.person_mark IS NOT NULL AND NOT EXISTS (
  SELECT FROM pg_temp.erasing AS o WHERE o.practice_code = r.practice_code AND o.registration_token = r.registration_token)
AND NOT EXISTS (  -- a number that was corrected since was never theirs
  SELECT FROM records.patient AS later
  WHERE later.practice_code = r.practice_code AND later.registration_token = r.registration_token
    AND later.patient_token <> r.patient_token AND later.parcel_number > r.parcel_number)
"""
_PATIENTS = """
SELECT patient_token FROM pg_temp.erasing WHERE patient_token IS NOT NULL
UNION SELECT r.patient_token FROM records.patient AS r JOIN pg_temp.erasing AS e
  ON r.practice_code = e.practice_code AND r.registration_token = e.registration_token WHERE r.patient_token IS NOT NULL
"""
_WHOM = """
SELECT practice_code, registration_mark, registration_token, CASE WHEN person_mark IS NOT NULL THEN patient_token END AS reached
FROM pg_temp.erasing
"""
_MARKS = """
INSERT INTO erasure.mark AS m (collection, practice_code, registration_mark, is_because_of_person, person_mark,
  said_by, said_in, up_to_sequence)
SELECT DISTINCT ON (practice_code, registration_mark)
  :collection, practice_code, registration_mark, up_to_sequence IS NULL, person_mark, :said_by, :said_in, up_to_sequence
FROM pg_temp.erasing ORDER BY practice_code, registration_mark
ON CONFLICT (collection, practice_code, registration_mark, is_because_of_person) DO UPDATE SET
  up_to_sequence = greatest(m.up_to_sequence, excluded.up_to_sequence), said_in = excluded.said_in,
  said_by = excluded.said_by, person_mark = coalesce(excluded.person_mark, m.person_mark)
"""


def erase_rows(zone: Zone, connection: Connection, word: Word, subkey: bytes) -> Erased:
    """Erases the people of a word and answers what went. The caller holds the lock of all erasures."""
    erased = Erased(people=word.people.num_rows)
    whose = {"collection": word.collection, "said_by": word.practice_code, "said_in": word.said_in}
    for statement in _ERASING.split(";"):
        connection.execute(text(statement))
    _note(connection, word.people, pa.repeat(word.practice_code, word.people.num_rows))
    elsewhere = _reach(connection, subkey)
    connection.execute(text(_MARKS), whose)
    erased.out_of_release = erase_from_release(zone, connection, tokens_of(connection.scalars(text(_PATIENTS))))
    _delete(connection, erased, word, elsewhere=elsewhere)
    connection.execute(text(_INTO_THE_LEDGER))
    _count(connection, erased)
    return erased


def _note(connection: Connection, people: pa.Table, practices: pa.Array) -> None:
    together = people.append_column("practice_code", practices)
    copy_rows(connection, ("pg_temp", "erasing"), together.to_batches())


def _reach(connection: Connection, subkey: bytes) -> bool:
    """Adds the same people's other registrations, all of each; answers whether there are any."""
    connection.execute(text("ANALYZE pg_temp.erasing"))
    found = connection.execute(text(_THE_SAME_PEOPLE)).all()
    registrations = tokens_of(row.registration_token for row in found)
    others = pa.table(
        {
            "registration_token": registrations,
            "registration_mark": marks_of(registrations, subkey),
            "person_mark": tokens_of(row.person_mark for row in found),
        }
    )
    _note(connection, others, pa.array([row.practice_code for row in found], pa.string()))
    connection.execute(text("ANALYZE pg_temp.erasing"))
    return bool(found)


def _delete(connection: Connection, erased: Erased, word: Word, *, elsewhere: bool) -> None:
    """First what is the practice's own: named as a constant, one partition of each table is looked at. Then, one by one,
    what is of the same people elsewhere: a hash join would read all of every table for them."""
    whose = {"collection": word.collection, "practice": word.practice_code}
    _delete_of(connection, _AT_THIS_PRACTICE, whose)
    if elsewhere:
        connection.execute(text(_JOINS), {"may": "off"})
        _delete_of(connection, _ELSEWHERE, whose)
        connection.execute(text(_JOINS), {"may": "on"})
    by_table = connection.execute(text("SELECT table_name, sum(rows)::bigint FROM pg_temp.gone GROUP BY 1 ORDER BY 1"))
    erased.rows = {row[0]: row[1] for row in by_table}
    for statement in (_FROM_ESCROW, _FROM_RELEASED):
        connection.execute(text(statement.format(which=_AND_OF_THESE_PARCELS)), {"collection": word.collection})
    statement = _FROM_QUARANTINE.format(which=_AND_OF_THESE_PARCELS)
    erased.out_of_quarantine = connection.execute(text(statement), {"collection": word.collection}).scalar_one()


def _delete_of(connection: Connection, which: str, whose: dict[str, str]) -> None:
    for table in OF_PATIENTS:
        connection.execute(text(_FROM_A_TABLE.format(table=table, which=_AND_OF_THESE_PARCELS + which)), whose)


def _count(connection: Connection, erased: Erased) -> None:
    rows: list[Any] = list(connection.execute(text(_WHOM)))
    erased.registrations = len({(row.practice_code, row.registration_mark) for row in rows})
    erased.practices = sorted({row.practice_code for row in rows})
    erased.tokens = tokens_of({token for row in rows for token in (row.registration_token, row.reached) if token})
