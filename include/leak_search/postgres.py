"""A PostgreSQL database: every column of every table, the planner's statistics; and on disk its pages, write-ahead log and log.

Only the central zone and tests may import this: the source zone can reach no database.
"""

import secrets
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from leak_search.parts import FromChunks, NotReadable, Readable
from leak_search.surfaces import CONTENTS, Piece, of_bytes, of_file

ROWS, CATALOGUE, STATISTICS = "rows", "catalogue", "statistics"
PAGES, WRITE_AHEAD_LOG, SERVER_LOG = "pages", "write-ahead log", "server log"
_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND NOT n.nspname LIKE 'pg_toast%' AND c.relpersistence <> 't'
    ORDER BY 1, 2"""
_BYTE_COLUMNS = """
    SELECT table_schema, table_name, column_name FROM information_schema.columns
    WHERE data_type = 'bytea' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3"""
_STATISTICS = """
    SELECT schemaname, tablename, attname, most_common_vals::text, histogram_bounds::text, most_common_elems::text FROM pg_stats"""
_ACTIVITY = "SELECT datname, application_name, query FROM pg_stat_activity"
_CONTROL_ROWS = 50


@dataclass(slots=True)
class Database:
    """One database, as a role that may read all of it sees it. A table it may not read counts as unread."""

    name: str
    url: str = field(repr=False)
    _schema: str = ""

    def plant(self, control: str) -> set[str]:
        """In a schema of its own, which needs the right to make one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            self._schema = plant_rows(connection, control)
        return {ROWS, STATISTICS}

    def pieces(self) -> Iterator[Piece]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET row_security = off")  # a policy that hides rows is an error, not fewer rows
            for schema, table in connection.execute(_TABLES).fetchall():
                rows = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, table))
                yield self._piece(connection, _kind_of_table(schema), f"{schema}.{table}", rows)
            for place, query in (("pg_stats", _STATISTICS), ("pg_stat_activity", _ACTIVITY)):
                yield self._piece(connection, STATISTICS, place, sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(query)))
            yield from self._byte_values(connection)

    def withdraw(self) -> None:
        withdraw_rows(self.url, self._schema)

    def _piece(self, connection: psycopg.Connection, kind: str, place: str, copy: sql.Composed) -> Piece:
        is_control = place.startswith(f"{self._schema}.")
        return Piece(kind=kind, place=place, open=lambda: _copied(connection, copy), is_control=is_control)

    def _byte_values(self, connection: psycopg.Connection) -> Iterator[Piece]:
        """One by one, since each may be an archive of its own."""
        for schema, table, column in connection.execute(_BYTE_COLUMNS).fetchall():
            query = sql.SQL("SELECT {0} FROM {1} WHERE {0} IS NOT NULL").format(
                sql.Identifier(column), sql.Identifier(schema, table)
            )
            with connection.transaction(), connection.cursor("byte_values") as cursor:
                for (value,) in cursor.execute(query):
                    place = f"{schema}.{table}.{column}"
                    yield Piece(kind=CONTENTS, place=place, open=of_bytes(bytes(value)), may_be_container=True)


@dataclass(slots=True)
class DataDirectory:
    """What a server keeps on its disk. `logs` are its log files, wherever they lie."""

    name: str
    folder: Path
    url: str = field(repr=False)
    logs: Sequence[Path] = ()
    _schema: str = ""

    def plant(self, control: str) -> set[str]:
        """Needs a superuser: the control must reach the pages (checkpoint) and the log."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            self._schema = plant_rows(connection, control)
            connection.execute(sql.SQL("DO $$ BEGIN RAISE LOG {}; END $$").format(sql.Literal(control)))
            connection.execute("CHECKPOINT")
        return {PAGES, WRITE_AHEAD_LOG, SERVER_LOG}

    def pieces(self) -> Iterator[Piece]:
        """Pages and log records are searched as they are: they hold values, not files."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                kind, place = self._kind(path), str(path.relative_to(self.folder))
                yield Piece(kind=kind, place=place, open=of_file(path), has_counters=kind == WRITE_AHEAD_LOG)
        for path in self.logs:
            if not path.is_relative_to(self.folder):
                yield Piece(kind=SERVER_LOG, place=path.name, open=of_file(path))

    def withdraw(self) -> None:
        withdraw_rows(self.url, self._schema)

    def _kind(self, path: Path) -> str:
        if path in self.logs:
            return SERVER_LOG
        kinds = {"base": PAGES, "global": PAGES, "pg_tblspc": PAGES, "pg_wal": WRITE_AHEAD_LOG}
        return kinds.get(path.relative_to(self.folder).parts[0], CONTENTS)


def plant_rows(connection: psycopg.Connection, control: str) -> str:
    """So many that the planner counts the control among the most common values. Returns the schema, whose name says nothing."""
    name = f"leak_search_{secrets.token_hex(8)}"
    schema = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    connection.execute(sql.SQL("CREATE TABLE {}.planted (control text)").format(schema))
    rows = sql.SQL("INSERT INTO {}.planted SELECT {} FROM generate_series(1, {})")
    connection.execute(rows.format(schema, sql.Literal(control), sql.Literal(_CONTROL_ROWS)))
    connection.execute(sql.SQL("ANALYZE {}.planted").format(schema))
    return name


def withdraw_rows(url: str, schema: str) -> None:
    if schema:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def _kind_of_table(schema: str) -> str:
    """The catalogue holds the statistics too, so a control that is found there says nothing of the tables."""
    return CATALOGUE if schema in ("pg_catalog", "information_schema") else ROWS


def _copied(connection: psycopg.Connection, statement: sql.Composed) -> Readable:
    """The rows as PostgreSQL writes them for people: numbers and dates as text, bytes in hex."""

    def rows() -> Generator[bytes]:
        try:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                yield from map(bytes, copy)
        except psycopg.Error:
            raise NotReadable from None

    lines = rows()
    return FromChunks(lambda: next(lines, b""), lines.close)
