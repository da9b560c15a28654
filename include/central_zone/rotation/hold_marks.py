"""After a bridge: whoever is marked as erased and has rows again goes again.

On a store that was never restored there is nobody. On one that was brought back from before the bridge, the journal's later
erasures could not find their people under the old tokens: only now can anybody tell who they are.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from sqlalchemy import ARRAY, Connection, Row, Uuid, any_, literal, or_, select, text

from central_zone import keys
from central_zone.erasures.batch import discard_staged
from central_zone.erasures.gate import has_marks
from central_zone.erasures.marks import marks_of, tokens_of, uuids
from central_zone.erasures.people import PEOPLE, Word
from central_zone.erasures.reapply import ByMark, registrations_by_mark
from central_zone.erasures.rows import erase_rows
from central_zone.rotation.pairs import Bridge
from central_zone.store.erasure_tables import mark
from central_zone.zone import Zone
from crossing.canonical import PERSON

_PERSONS_HERE = """
SELECT DISTINCT r.patient_token FROM records.patient AS r JOIN pg_temp.bridge AS b ON b.new_token = r.patient_token
WHERE b.stands_for = :person
"""
_AGAIN = "DROP TABLE IF EXISTS pg_temp.erasing, pg_temp.gone"


def erase_whom_marks_name(zone: Zone, connection: Connection, bridge: Bridge, *, own: bool) -> int:
    """In the caller's transaction; the caller holds the lock of all erasures. Answers how many rows went."""
    manifest = bridge.manifest
    if not has_marks(connection, manifest.collection):
        return 0
    subkey = keys.erasure_subkey(zone.settings.keys_folder)
    here = tokens_of(connection.scalars(text(_PERSONS_HERE), {"person": PERSON}))
    persons = dict(zip(marks_of(here, subkey).to_pylist(), here.to_pylist(), strict=True))
    practice = manifest.practice_code if own else ""
    registrations = registrations_by_mark(connection, practice, subkey) if own else {}
    words = _words(connection, manifest.collection, registrations, persons, practice)
    gone = 0
    for code in sorted({row.practice_code for row in words}):
        said = [row for row in words if row.practice_code == code]
        word = _word(zone, bridge, code, said, _people(said, registrations if code == practice else {}, persons))
        connection.execute(text(_AGAIN))
        erased = erase_rows(zone, connection, word, subkey)
        discard_staged(zone.settings.work_folder, erased.tokens)
        gone += sum(erased.rows.values())
    return gone


def _words(
    connection: Connection, collection: str, registrations: ByMark, persons: ByMark, practice: str
) -> list[Row[Any]]:
    """Practices' own words on registrations of this practice, or on people it knows, of whom the store has rows."""
    named = or_(
        (mark.c.practice_code == practice) & (mark.c.registration_mark == any_(_array(registrations))),
        mark.c.person_mark == any_(_array(persons)),
    )
    words = select(mark).where(mark.c.collection == collection, ~mark.c.is_because_of_person, named)
    return list(connection.execute(words))


def _array(marks: Iterable[bytes]) -> Any:
    return literal(uuids(pa.array(list(marks), pa.binary(16))), ARRAY(Uuid()))


def _people(said: list[Row[Any]], registrations: ByMark, persons: ByMark) -> pa.Table:
    columns = [
        [registrations.get(row.registration_mark.bytes) for row in said],
        [persons.get(row.person_mark.bytes) if row.person_mark else None for row in said],
        [row.registration_mark.bytes for row in said],
        [row.person_mark.bytes if row.person_mark else None for row in said],
        [row.up_to_sequence for row in said],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, PEOPLE, strict=True)]
    return pa.table(arrays, schema=PEOPLE)


def _word(zone: Zone, bridge: Bridge, practice: str, said: list[Row[Any]], people: pa.Table) -> Word:
    return Word(
        collection=bridge.manifest.collection,
        practice_code=practice,
        notice_id=bridge.manifest.parcel_id,
        said_in=max(row.said_in for row in said),
        reaches_the_person=any(row.person_mark for row in said),
        people=people,
    )
