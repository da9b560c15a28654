"""Lays the tables of one release out as GDPPR did: a view over them, with what they hold and not a row or column more."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Index, Table, func, text

from central_zone.store.gdppr.columns import comments_on
from central_zone.store.gdppr.layout import ENTRIES, Layout, Source
from central_zone.store.gdppr.view import select

_READERS = text("""
SELECT each.grantee::regrole::text FROM pg_class AS c, aclexplode(c.relacl) AS each
WHERE c.oid = to_regclass(:of) AND each.privilege_type = 'SELECT' AND each.grantee NOT IN (0, c.relowner)
""")
_KEY = ("patient_token", "registration_token")


def drop_layout(connection: Connection, view: Table) -> None:
    """Whoever drops a release's tables drops this first."""
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {_named(connection, view)}")


def lay_out(connection: Connection, view: Table, tables: Mapping[str, Table], at: datetime) -> None:
    """`tables` are the release's, by canonical table. The reader of the view needs rights on them: it gives none."""
    _index(tables, connection)
    sources = {
        name: Source(_named(connection, table), frozenset(column.name for column in table.c))
        for name, table in tables.items()
    }
    delivered = at.isoformat(sep=" ", timespec="seconds")
    layout = Layout(
        sources=sources, key=_KEY, processed=f"'{delivered}'::timestamptz", delivered=f"'{delivered[:19]}'::text"
    )
    safely = "security_invoker = true, security_barrier = true"
    connection.exec_driver_sql(f"CREATE VIEW {_named(connection, view)} WITH ({safely}) AS {select(layout)}")
    comments = comments_on(_named(connection, view), str(view.comment))
    connection.exec_driver_sql("; ".join([*comments, *_open_to_whom_its_tables_are(connection, view, tables)]))


def _open_to_whom_its_tables_are(connection: Connection, view: Table, tables: Mapping[str, Table]) -> list[str]:
    """Whoever may read the patients' table may ask the view, and is shown of every table what that table shows them."""
    readers = connection.execute(_READERS, {"of": _named(connection, tables["patient"])}).scalars()
    return [f"GRANT SELECT ON {_named(connection, view)} TO {reader}" for reader in readers]


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
