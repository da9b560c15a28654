"""What each role of the store can really do, found by trying it: real statements, each taken back, all in one round trip."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from central_zone.store.role_names import OWNER, ROLES
from crossing.policy import policy_folder

WORKING = tuple(role for role in ROLES if role != OWNER)
DENIED = "denied"
# In a block of its own, so that it is undone, and the role with it. How many rows, or the SQLSTATE.
_TRY = """
CREATE FUNCTION pg_temp.tried(who text, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE rows bigint;
BEGIN
  BEGIN
    PERFORM set_config('role', who, true);
    EXECUTE what;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'GT000', MESSAGE = rows::text;
  EXCEPTION
    WHEN SQLSTATE 'GT000' THEN RETURN SQLERRM;
    WHEN insufficient_privilege THEN RETURN 'denied';
    WHEN OTHERS THEN RETURN SQLSTATE;
  END;
END $$
"""
_BY_TYPE = {
    "text": "'x'", "uuid": "'00000000-0000-0000-0000-000000000001'", "bigint": "1", "integer": "1", "smallint": "1",
    "boolean": "false", "date": "'2026-01-01'", "timestamp with time zone": "'2026-01-01'", "jsonb": "'{}'",
    "timestamp without time zone": "'2026-01-01'", "bytea": "'x'", "double precision": "1", "character varying": "'x'",
}  # fmt: skip
# What a constraint asks for.
_AS_ASKED = {
    ("ledger.parcel", "state"): "'loaded'",
    ("ledger.parcel", "extract_kind"): "'delta'",
    ("ledger.notice", "kind"): "'erasure'",
    ("quarantine.decision", "outcome"): "'discarded'",
    ("release.disclosure", "decision"): "'applies'",
    ("release.disclosure", "reason"): "NULL",
    ("release.disclosure", "evidence"): "NULL",
    ("rotation.pair", "stands_for"): "'person'",
    ("custody.case_file", "written_at"): "NULL",
    ("audit.entry", "previous_hash"): "repeat('0', 64)",
    ("audit.entry", "hash"): "repeat('0', 64)",
    ("audit.entry", "written_by"): "session_user",
}
_ALONE = ("erasure.applied_up_to", "erasure.serving", "ledger.alembic_version")  # one row, which is there
_COLUMNS = """
SELECT a.attrelid::regclass::text, n.nspname || '.' || c.relname, quote_ident(a.attname), format_type(a.atttypid, NULL),
  a.attidentity <> '' OR a.attgenerated <> '', c.relkind = 'v'
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view: how a statement names it, and its columns."""

    name: str
    in_sql: str
    is_view: bool  # which nobody can change, whatever rights they have
    columns: list[str] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)  # those the table fills itself
    values: list[str] = field(default_factory=list)

    @property
    def insert(self) -> str:
        return f"INSERT INTO {self.in_sql} ({', '.join(self.columns)}) VALUES ({', '.join(self.values)})"


@dataclass(frozen=True, slots=True)
class Said:
    """What the file says that one role may do with one table: word -> columns, none meaning all."""

    words: dict[str, set[str]]

    def columns(self, word: str, table: Table) -> set[str]:
        if word not in self.words:
            return set()
        return self.words[word] or {*table.columns, *table.counted}


def tables_of(connection: psycopg.Connection[Any]) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for in_sql, name, column, type_, is_filled, is_view in connection.execute(_COLUMNS):
        table = found.setdefault(name, Table(name, in_sql, is_view))
        if is_filled:
            table.counted.append(column)
        else:
            table.columns.append(column)
            table.values.append(_AS_ASKED.get((name, column), _BY_TYPE.get(type_, "NULL")))
    return found


def fill(connection: psycopg.Connection[Any], tables: Sequence[Table]) -> None:
    """One row in every table. Views of today's records have some too: all of it is of one registration."""
    for table in tables:
        if table.name not in _ALONE and not table.is_view:
            connection.execute(table.insert)
    for table in tables:
        found = connection.execute(f"SELECT count(*) FROM {table.in_sql}").fetchone()
        assert found
        assert found[0], f"{table.name} has no row, so that nobody could be seen to read it"
        assert table.is_view or found[0] == 1


def said_of() -> dict[tuple[str, str], Said]:
    """By object and role; read here from the file itself, and not by the code that gives the rights."""
    said: dict[tuple[str, str], Said] = {}
    for entry in tomllib.loads((policy_folder() / "store_rights.toml").read_text())["objects"]:
        for name in entry.get("names", [entry["is"]]):
            for role in WORKING if entry["is"] not in ("released table", "released view") else ():
                lines = entry.get(role, [])
                words: dict[str, set[str]] = {}
                for line in lines if isinstance(lines, list) else [lines]:
                    words |= {word: set(line.get("of", [])) for word in line["may"]}
                said[name, role] = Said(words)
    return said


def prepare_to_try(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_TRY)


def tried(connection: psycopg.Connection[Any], what: list[tuple[str, str]]) -> list[str]:
    """What came of each (role, statement): the number of rows, `denied`, or another SQLSTATE."""
    roles, statements = [each[0] for each in what], [each[1] for each in what]
    rows = connection.execute(
        "SELECT pg_temp.tried(who, what) FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS t(who, what, n) ORDER BY n",
        (roles, statements),
    )
    return [row[0] for row in rows]


def surprises(connection: psycopg.Connection[Any], role: str, table: Table, said: Said) -> list[str]:
    """Where what a role really can do with a table, which has one row, is not what the file says."""
    asked = [*_reading(table, said), *([] if table.is_view else _changing(table, said))]
    answers = tried(connection, [(role, statement) for statement, _ in asked])
    return [
        f"{role}: {statement[:120]}: {answer}, expected {' or '.join(sorted(expected))}"
        for (statement, expected), answer in zip(asked, answers, strict=True)
        if answer not in expected
    ]


Asked = list[tuple[str, set[str]]]  # a statement, and what may come of it


def _reading(table: Table, said: Said) -> Asked:
    may = said.columns("SELECT", table)
    rows = {str(number) for number in range(1, 20)} if table.is_view else {"1"}
    every = [*table.columns, *table.counted]
    others = [column for column in every if column not in may]
    return [
        *([(f"SELECT {', '.join(sorted(may))} FROM {table.in_sql}", rows)] if may else []),
        *((f"SELECT {column} FROM {table.in_sql}", {DENIED}) for column in others),
    ]


def _changing(table: Table, said: Said) -> Asked:
    may = said.columns("UPDATE", table)
    updates = [
        (f"UPDATE {table.in_sql} SET {column} = {column}", {"1"} if column in may else {DENIED})
        for column in table.columns
    ]
    # A row that is there already is refused by its key, or as none that follows the last audit entry, after it was let in.
    added = {"1", "23505", "GA001"} if "INSERT" in said.words else {DENIED}
    return [
        *updates,
        (table.insert, added),
        (f"DELETE FROM {table.in_sql}", {"1"} if "DELETE" in said.words else {DENIED}),
        (f"TRUNCATE {table.in_sql}", {DENIED}),
    ]
