"""Writes what tables and columns mean into the database itself, for whoever looks at it with a tool of their own."""

from collections.abc import Iterator

from sqlalchemy import Connection, Table
from sqlalchemy.schema import ExecutableDDLElement, SetColumnComment, SetTableComment

from central_zone.store import erasure_tables, tables  # noqa: F401  (their tables are registered)
from central_zone.store.gdppr.columns import HERE, comments_on
from central_zone.store.metadata import metadata


def comment(connection: Connection) -> None:
    """All at once, after a migration: the newest words stand in the store."""
    comments = [
        str(element.compile(dialect=connection.dialect))
        for table in metadata.tables.values()
        for element in _comments(table)
    ]
    connection.exec_driver_sql(";\n".join([*comments, *comments_on("records.gdppr", HERE)]))


def _comments(table: Table) -> Iterator[ExecutableDDLElement]:
    yield SetTableComment(table)
    for column in table.c:
        yield SetColumnComment(column)
