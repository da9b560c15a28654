"""The views of today's records, and tables that live as long as one transaction, for SQL that is put together from parts."""

from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, TableClause, Text, column, table, text
from sqlalchemy.types import TypeEngine

from central_zone.store.metadata import PRACTICE
from central_zone.store.tables import MAY_REPLACE, RECORDS


def current(name: str) -> TableClause:
    """The view records.current_<name>."""
    shown = (column(each.name, each.type) for each in RECORDS[name].c if each.name != MAY_REPLACE)
    return table(f"current_{name}", *shown, schema="records")


def temporary(connection: Connection, name: str, columns: dict[str, TypeEngine[Any]]) -> Table:
    """An empty table that nobody else sees, gone when the transaction ends."""
    typed = [Column(each, PRACTICE if isinstance(type_, Text) else type_) for each, type_ in columns.items()]
    made = Table(name, MetaData(), *typed, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    made.create(connection)
    return made


def read_as_a_whole(connection: Connection) -> None:
    """For a transaction that reads whole views: everything is joined by hashing.

    How few rows a view's filters leave the planner cannot know. It then joins by the practice alone, because the rows come
    sorted by it, and compares every patient of a practice with every record: 35 s for 50,000 records, and squarely more.
    """
    for other in ("enable_nestloop", "enable_mergejoin"):
        connection.execute(text(f"SET LOCAL {other} = off"))
    connection.execute(text("SET LOCAL work_mem = '128MB'"))


def analyse(connection: Connection, made: Table) -> None:
    """Tells the planner what a temporary table holds; nothing else does."""
    name = connection.dialect.identifier_preparer.format_table(made)
    connection.execute(text(f"ANALYZE {name}"))
