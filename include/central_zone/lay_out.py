"""Lays the tables of one release out as GDPPR did: a view over them, with what they hold and not a row or column more."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Index, Table, func

from central_zone.store.gdppr.columns import comments_on
from central_zone.store.gdppr.layout import ENTRIES, Layout, Source
from central_zone.store.gdppr.view import select
from central_zone.store.rights import open_released_view

_KEY = ("patient_token", "registration_token")


def drop_layout(connection: Connection, view: Table) -> None:
    """Whoever drops a release's tables drops this first."""
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {_named(connection, view)}")


def lay_out(connection: Connection, view: Table, tables: Mapping[str, Table], at: datetime) -> None:
    """`tables` are the release's, by canonical table. Whoever reads the view needs rights on them too: it gives none."""
    _index(tables, connection)
    sources = {
        name: Source(_named(connection, table), frozenset(column.name for column in table.c))
        for name, table in tables.items()
    }
    delivered = at.isoformat(sep=" ", timespec="seconds")
    layout = Layout(
        sources=sources, key=_KEY, processed=f"'{delivered}'::timestamptz", delivered=f"'{delivered[:19]}'::text"
    )
    connection.exec_driver_sql(
        f"CREATE VIEW {_named(connection, view)} WITH (security_invoker = true, security_barrier = true) AS {select(layout)}"
    )
    comments = comments_on(_named(connection, view), str(view.comment))
    connection.exec_driver_sql("; ".join(comments))
    open_released_view(connection, f"{view.schema}.{view.name}")


def _index(tables: Mapping[str, Table], connection: Connection) -> None:
    """One registration, one row: with two, every entry of it would count twice, and nothing is released. And by code."""
    whose = tables["patient"]
    Index(f"{whose.name}_once", whose.c.registration_token, unique=True).create(connection)
    for name in ENTRIES:
        if name in tables:
            columns = tables[name].c
            codes = [columns[each] for each in ("dmd_code", "snomed_concept_id") if each in columns]
            code = func.coalesce(*codes) if len(codes) > 1 else codes[0]
            Index(f"{tables[name].name}_of_a_code", code).create(connection)


def _named(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)
