"""The gate at load: which registrations of a parcel may not come in, because somebody was erased and has not come back.

A practice's word on a registration holds back what its parcels bring up to the place it named. A later parcel that brings
rows of the registration, and not only word that some were deleted, ends it: the source holds such a person back until a
whole new extract of them leaves. A word that reaches the person holds back their registrations everywhere else, for as long
as any practice's word stands, and then until all there is of them comes: that practice's changes would come to a history
with a hole in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ARRAY, Connection, Row, Uuid, and_, any_, delete, exists, literal, select
from sqlalchemy.dialects.postgresql import insert

from central_zone import keys
from central_zone.erasures.marks import TOKEN, marks_of, uuids
from central_zone.ledger import Entry
from central_zone.store.erasure_tables import mark
from central_zone.zone import Zone
from crossing.manifest_fields import RE_EXTRACT, SNAPSHOT

_NOBODY = pa.array([], TOKEN)
_NO_PAIRS = pa.table({"registration_token": _NOBODY, "patient_token": _NOBODY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose parcel it is, its place, and whether it brings all there is of everybody in it."""

    collection: str
    practice_code: str
    sequence: int
    brings_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody of whom a parcel has rows: registrations, and which person each is where a patient row says so."""

    registrations: pa.Array = field(repr=False)
    living: pa.Array = field(repr=False)  # those of whom it has a row that does not say "deleted"
    persons: pa.Table = field(repr=False)  # registration_token, patient_token; each pair once


@dataclass(slots=True)
class Ruling:
    """Who may not come in, and what becomes of the marks. The repr shows neither."""

    kept_out: pa.Array = field(repr=False)  # registration tokens
    ended: list[UUID] = field(default_factory=list, repr=False)  # this practice's words, by registration mark
    whole_again: list[UUID] = field(default_factory=list, repr=False)  # held because of a word that stands no more
    found: list[dict[str, Any]] = field(default_factory=list, repr=False)  # registrations held from now on


def has_marks(connection: Connection, collection: str) -> bool:
    return bool(connection.scalar(select(exists().where(mark.c.collection == collection))))


def whose(entry: Entry) -> Whose:
    return whose_at(entry.collection, entry.practice_code, entry.sequence, entry.extract_kind)


def whose_at(collection: str, practice_code: str, sequence: int, extract_kind: str) -> Whose:
    brings_all = extract_kind in (SNAPSHOT, RE_EXTRACT)
    return Whose(collection=collection, practice_code=practice_code, sequence=sequence, brings_all=brings_all)


def ruling_on(connection: Connection, zone: Zone, parcel: Whose, tables: Mapping[str, pa.Table]) -> Ruling:
    """Who of a parcel's rows may not come in. Where nobody was ever erased, nothing is hashed."""
    if not has_marks(connection, parcel.collection):
        return Ruling(kept_out=_NOBODY)
    return ruling(connection, parcel, people_of(tables), keys.erasure_subkey(zone.settings.keys_folder))


def people_of(tables: Mapping[str, pa.Table]) -> People:
    named = [table for table in tables.values() if "registration_token" in table.column_names]
    living = [table["registration_token"].filter(pc.invert(table["is_deleted"])) for table in named]
    pairs = [table for table in tables.values() if "patient_token" in table.column_names]
    persons = pa.concat_tables([_NO_PAIRS, *(_pairs(table) for table in pairs)])
    return People(
        registrations=_distinct([table["registration_token"] for table in named]),
        living=_distinct(living),
        persons=persons,
    )


def _distinct(columns: Iterable[pa.ChunkedArray]) -> pa.Array:
    return pc.unique(pa.chunked_array([_NOBODY, *(pc.unique(column) for column in columns)], TOKEN))


def _pairs(table: pa.Table) -> pa.Table:
    pairs = table.select(["registration_token", "patient_token"]).drop_null()
    return pairs.group_by(["registration_token", "patient_token"]).aggregate([]).cast(_NO_PAIRS.schema)


def ruling(connection: Connection, whose: Whose, people: People, subkey: bytes) -> Ruling:
    """Who may not come in. Reads marks, changes none."""
    marks = uuids(marks_of(people.registrations, subkey))
    here = _marks_here(connection, whose, marks)
    own = {row.registration_mark: row for row in here if not row.is_because_of_person}
    living = set(uuids(marks_of(people.living, subkey))) if own else set()
    ended = {each for each, row in own.items() if row.up_to_sequence < whose.sequence and each in living}
    pairs = _marked_pairs(people, subkey)
    words = _words(connection, whose, {row.person_mark for row in here} | {person for _, person in pairs})
    standing = {
        row.person_mark: row
        for row in words
        if not (row.practice_code == whose.practice_code and row.registration_mark in ended)
    }
    found = {
        registration: standing[person]
        for registration, person in pairs
        if person in standing and (registration not in own or registration in ended)
    }
    because = [row for row in here if row.is_because_of_person]
    held = {row.registration_mark for row in because if row.person_mark in standing or not whose.brings_all}
    out = held | set(found) | (set(own) - ended)
    return Ruling(
        kept_out=pc.filter(people.registrations, pa.array([each in out for each in marks], pa.bool_())),
        ended=sorted(ended),
        whole_again=sorted({row.registration_mark for row in because} - out),
        found=[_held(whose, each, word) for each, word in found.items() if each not in held],
    )


def persons_erased(connection: Connection, collection: str, patients: pa.Array, subkey: bytes) -> pa.Array:
    """Of each of these tokens (T2), whether a practice's word reaches that person."""
    marks = uuids(marks_of(patients, subkey))
    wanted = mark.c.person_mark == any_(literal(marks, ARRAY(Uuid())))
    # Not marks that only wait for a whole record elsewhere: the word that reached them has ended.
    words = select(mark.c.person_mark).where(mark.c.collection == collection, wanted, ~mark.c.is_because_of_person)
    said = set(connection.scalars(words))
    return pa.array([each in said for each in marks], pa.bool_())


def _marks_here(connection: Connection, whose: Whose, marks: list[UUID]) -> list[Row[Any]]:
    wanted = mark.c.registration_mark == any_(literal(marks, ARRAY(Uuid())))
    same = and_(mark.c.collection == whose.collection, mark.c.practice_code == whose.practice_code)
    return list(connection.execute(select(mark).where(same, wanted)))


def _marked_pairs(people: People, subkey: bytes) -> list[tuple[UUID, UUID]]:
    columns = [marks_of(people.persons[name], subkey) for name in ("registration_token", "patient_token")]
    return list(zip(*(uuids(column) for column in columns), strict=True))


def _words(connection: Connection, whose: Whose, persons: set[UUID | None]) -> list[Row[Any]]:
    """Practices' own words that reach these people, wherever they were said."""
    wanted = literal([each for each in persons if each], ARRAY(Uuid()))
    return list(
        connection.execute(
            select(mark)
            .where(mark.c.person_mark == any_(wanted), mark.c.collection == whose.collection)
            .where(~mark.c.is_because_of_person)
        )
    )


def _held(whose: Whose, registration: UUID, word: Row[Any]) -> dict[str, Any]:
    return {
        "collection": whose.collection,
        "practice_code": whose.practice_code,
        "registration_mark": registration,
        "is_because_of_person": True,
        "person_mark": word.person_mark,
        "said_by": word.said_by,
        "said_in": word.said_in,
        "up_to_sequence": None,
    }


def hold_found(connection: Connection, ruled: Ruling) -> None:
    """Marks the registrations that a patient row showed to be an erased person's: their other rows have no such row."""
    if ruled.found:
        connection.execute(insert(mark).on_conflict_do_nothing(), ruled.found)


def end_words(connection: Connection, whose: Whose, ruled: Ruling) -> None:
    """Ends the words of people who came back, and what was held here because of others' words, where it came whole."""
    for ended, because_of_person in ((ruled.ended, False), (ruled.whole_again, True)):
        if ended:
            connection.execute(
                delete(mark).where(
                    mark.c.collection == whose.collection,
                    mark.c.practice_code == whose.practice_code,
                    mark.c.registration_mark == any_(literal(ended, ARRAY(Uuid()))),
                    mark.c.is_because_of_person == because_of_person,
                )
            )


def may_come_in(rows: pa.Table, kept_out: pa.Array) -> pa.ChunkedArray | None:
    """Which rows may; None where all do."""
    if "registration_token" not in rows.column_names or not len(kept_out):
        return None
    out = pc.is_in(rows["registration_token"], value_set=kept_out)
    return pc.invert(out) if pc.any(out).as_py() else None
