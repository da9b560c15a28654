"""Writes the tables of a release: listed columns of today's records, the project's own tokens, and nobody but the cohort."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Index,
    MetaData,
    Select,
    Table,
    Uuid,
    cast,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.schema import DropTable

from central_zone.current_records import current, temporary
from central_zone.lay_out import drop_layout, lay_out
from central_zone.one_moment import copy_across
from central_zone.project_tokens import project_tokens
from central_zone.register.five_safes import FiveSafes
from central_zone.store.gdppr import layout as gdppr
from central_zone.store.release_tables import analyst, released_table
from central_zone.store.rights import guard_released
from central_zone.store.tables import RECORDS, parcel
from crossing.canonical import Kind, column_names, has_patient

SCHEMA = "release"
PERSON = "patient_token"
_PERSON_IN_WORDS = "The person: a token of this project alone, the same in each of its tables and at every practice."
# The words that use MY data asks everybody who works with patients' records to repeat; on a table, nobody can miss them.
CITATION = "This work uses data provided by patients and collected by the NHS as part of their care and support."
SYNTHETIC_CITATION = (
    "Synthetic records of a demonstration: no patient provided them. Real ones would be cited with the words: "
    f'"{CITATION}"'
)

# Beside a patient's record: the day its extract was taken, and in which format it came.
_OF_THE_PARCEL: dict[str, ColumnElement[Any]] = {
    "extract_date": cast(func.timezone("Europe/London", parcel.c.extract_taken_at), Date).label("extract_date"),
    "supplier_format": parcel.c.supplier_format,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """One release in the making: whose tables, of whom, and under which key."""

    use_id: str
    collection: str
    at: datetime
    safes: FiveSafes
    registrations: Table
    subkey: bytes = field(repr=False)


def name_of_released(use_id: str, table: str) -> str:
    return f"{use_id}__{table}"


def drop_released(connection: Connection, use_id: str) -> int:
    """Removes every table of the former release of a use, also those it no longer lists; how many there were."""
    drop_layout(connection, _layout(use_id))
    tables = connection.scalars(select(released_table.c.table_name).where(released_table.c.use_id == use_id)).all()
    for table in tables:
        connection.execute(DropTable(Table(name_of_released(use_id, table), MetaData(), schema=SCHEMA), if_exists=True))
    for of_use in (released_table, analyst):
        connection.execute(delete(of_use).where(of_use.c.use_id == use_id))
    return len(tables)


def materialise(asking: Connection, writing: Connection, making: Making) -> dict[str, int]:
    """Makes the tables anew in `writing`'s transaction, of what `asking` sees; rows by canonical table."""
    persons = project_tokens(asking, "person", [making.registrations.c.patient_token], making.subkey)
    rows = {table: _materialise(asking, writing, making, table, persons) for table in making.safes.tables}
    if making.safes.layout == gdppr.NAME:
        tables = {table: _released_table(making, table) for table in making.safes.tables}
        lay_out(writing, _layout(making.use_id, _citation(making)), tables, making.at)
    return rows


def _layout(use_id: str, citation: str | None = None) -> Table:
    return Table(name_of_released(use_id, gdppr.NAME), MetaData(), schema=SCHEMA, comment=citation)


def _citation(making: Making) -> str:
    return SYNTHETIC_CITATION if making.safes.is_synthetic else CITATION


def _materialise(asking: Connection, writing: Connection, making: Making, table: str, persons: Table) -> int:
    """Guarded once it is filled, since PostgreSQL refuses a COPY into what is guarded: until we commit, nobody else sees it."""
    listed = making.safes.tables[table]
    made = _released_table(making, table)
    made.create(writing)
    tokens = [name for name in listed if name in column_names(table, Kind.TOKEN)]
    rows = _rows(making, table, persons)
    if tokens:
        rows = _with_tokens(asking, making, table, rows, tokens)
    written = copy_across(asking, rows, writing, made)
    guard_released(writing, f"{SCHEMA}.{made.name}")
    if has_patient(table):
        Index(f"{made.name}_of_one_person", made.c[PERSON]).create(writing)
    return written


def _released_table(making: Making, table: str) -> Table:
    person = [Column(PERSON, Uuid, nullable=False, comment=_PERSON_IN_WORDS)] if has_patient(table) else []
    columns = [_released_column(table, name) for name in making.safes.tables[table]]
    name = name_of_released(making.use_id, table)
    return Table(name, MetaData(), *person, *columns, schema=SCHEMA, comment=_citation(making))


def _released_column(table: str, name: str) -> Column[Any]:
    if name in _OF_THE_PARCEL:
        return Column(name, _OF_THE_PARCEL[name].type)
    ours = RECORDS[table].c[name]
    return Column(name, ours.type, comment=ours.comment)


def _rows(making: Making, table: str, persons: Table) -> Select[Any]:
    """The person's token of this project, then the listed columns; other tokens are still the store's."""
    today, whose = current(table), making.registrations
    listed = [_OF_THE_PARCEL[name] if name in _OF_THE_PARCEL else today.c[name] for name in making.safes.tables[table]]
    of_parcel = today.join(parcel, parcel.c.parcel_number == today.c.parcel_number)
    if not has_patient(table):
        return select(*listed).select_from(of_parcel).where(parcel.c.collection == making.collection)
    same_registration = (whose.c.practice_code == today.c.practice_code) & (
        whose.c.registration_token == today.c.registration_token
    )
    rows = of_parcel if _OF_THE_PARCEL.keys() & set(making.safes.tables[table]) else today
    of_cohort = rows.join(whose, same_registration).join(persons, persons.c.stored == whose.c.patient_token)
    return select(persons.c.released.label(PERSON), *listed).select_from(of_cohort)


def _with_tokens(
    connection: Connection, making: Making, table: str, rows: Select[Any], tokens: list[str]
) -> Select[Any]:
    """The same rows, each token the project's. The rows are picked once: the view is the dear part."""
    picked = temporary(connection, f"picked_{table}", {column.name: column.type for column in rows.selected_columns})
    connection.execute(insert(picked).from_select([column.name for column in picked.c], rows))
    made = project_tokens(connection, f"tokens_{table}", [picked.c[name] for name in tokens], making.subkey)
    each = {name: made.alias(f"of_{name}") for name in tokens}
    joined: FromClause = picked
    for name, token in each.items():
        joined = joined.outerjoin(token, token.c.stored == picked.c[name])  # NULL stays NULL
    columns = [each[column.name].c.released if column.name in each else column for column in picked.c]
    return select(*columns).select_from(joined)
