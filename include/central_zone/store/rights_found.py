"""What the catalogue of a store says: its objects, their owners, who may do what with them, and which rows are guarded.

Objects of ours are all those outside PostgreSQL's own schemas. What belongs to a table, its partitions and the sequences
that count for it, is told apart: nobody may have any right on those.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, text

from central_zone.store.rights_file import (
    DATABASE,
    FUNCTION,
    LANGUAGE,
    RELEASED,
    RELEASED_VIEW,
    SCHEMA,
    SEQUENCE,
    TABLE,
    VIEW,
)

PARTITION, COUNTER = "partition", "sequence of a table"  # kinds that the file does not name
EVERYBODY = "PUBLIC"

# A grant is told as the server keeps it: an owner's own rights are no grants. `acldefault` is what stands where nobody said.
_OBJECTS = """
WITH ours AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), counters AS (
  SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype IN ('i', 'a') AND refobjsubid > 0
), every AS (
  SELECT 'database' AS kind, datname::text AS name, datname::text AS shown, datdba AS owner,
    coalesce(datacl, acldefault('d', datdba)) AS acl, NULL::oid AS relation, NULL::text[] AS options, false AS guarded
  FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT 'schema', nspname, nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)), NULL, NULL, false FROM ours
  UNION ALL SELECT
    CASE WHEN c.relkind = 'S' THEN CASE WHEN c.oid IN (SELECT objid FROM counters) THEN 'sequence of a table' ELSE 'sequence' END
      WHEN n.nspname = 'release' AND c.relkind = 'v' AND c.relname ~ '.__.' THEN 'released view'
      WHEN c.relkind = 'v' THEN 'view' WHEN c.relispartition THEN 'partition'
      WHEN n.nspname = 'release' AND c.relkind = 'r' AND c.relname ~ '.__.' THEN 'released table'
      WHEN c.relkind IN ('r', 'p') THEN 'table' ELSE 'relation of kind ' || c.relkind::text END,
    n.nspname || '.' || c.relname, n.nspname || '.' || c.relname, c.relowner,
    coalesce(c.relacl, acldefault((CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END)::"char", c.relowner)), c.oid, c.reloptions,
    c.relrowsecurity AND c.relforcerowsecurity
  FROM pg_class AS c JOIN ours AS n ON n.oid = c.relnamespace WHERE c.relkind NOT IN ('i', 'I', 't')
  UNION ALL SELECT 'function', n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    n.nspname || '.' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')', p.proowner,
    coalesce(p.proacl, acldefault('f', p.proowner)), NULL,
    array_append(p.proconfig, CASE WHEN p.prosecdef THEN 'security_definer' END), false
  FROM pg_proc AS p JOIN ours AS n ON n.oid = p.pronamespace
)
"""
_EVERY = f"""{_OBJECTS}
SELECT kind, shown, pg_get_userbyid(owner), array_remove(options, NULL), guarded FROM every ORDER BY kind, shown
"""  # noqa: S608 (words of ours)
_GRANTS = f"""{_OBJECTS}
, granted AS (
  SELECT kind, shown, NULL AS column_name, owner, (aclexplode(acl)).* FROM every
  UNION ALL SELECT e.kind, e.shown, a.attname, e.owner, (aclexplode(a.attacl)).* FROM every AS e
  JOIN pg_attribute AS a ON a.attrelid = e.relation AND a.attacl IS NOT NULL AND NOT a.attisdropped
)
SELECT kind, shown, column_name, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, privilege_type, is_grantable
FROM granted WHERE grantee <> owner
"""  # noqa: S608 (words of ours)
_POLICIES = """
SELECT schemaname || '.' || tablename, policyname, cmd, roles::text[], permissive, qual, with_check FROM pg_policies
"""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Found:
    """One object of the store."""

    kind: str
    name: str
    owner: str
    options: tuple[str, ...]
    rows_are_guarded: bool

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One role may do one thing with one object, or with one column of it."""

    kind: str
    name: str
    column: str
    role: str
    right: str
    may_hand_on: bool = False

    def in_words(self) -> str:
        of = f" of {self.column}" if self.column else ""
        return f"{self.role}: {self.right}{of} on {self.kind} {self.name}" + (
            ", and may hand it on" if self.may_hand_on else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPolicy:
    """One policy of row-level security, as the server prints it."""

    table: str
    name: str
    role: str
    command: str
    using: str | None
    check: str | None

    def in_words(self) -> str:
        return f"policy “{self.name}” on {self.table}"


def objects_found(connection: Connection) -> list[Found]:
    rows = connection.execute(text(_EVERY))
    return [
        Found(kind=kind, name=name, owner=owner, options=tuple(options or ()), rows_are_guarded=guarded)
        for kind, name, owner, options, guarded in rows
    ]


def grants_found(connection: Connection) -> set[Grant]:
    rows = connection.execute(text(_GRANTS))
    return {
        Grant(
            kind=kind, name=name, column=column or "", role=role, right=_WRITTEN.get(right, right), may_hand_on=handed
        )
        for kind, name, column, role, right, handed in rows
    }


_WRITTEN = {"TEMPORARY": "TEMP"}


def policies_found(connection: Connection) -> set[RowPolicy]:
    """One that is for several roles, or restrictive, is none of ours and is told with all of them in its role."""
    return {
        RowPolicy(
            table=table,
            name=name,
            role=", ".join(roles) + ("" if permissive == "PERMISSIVE" else " (restrictive)"),
            command=command,
            using=using,
            check=check,
        )
        for table, name, command, roles, permissive, using, check in connection.execute(text(_POLICIES))
    }


_IN_SQL = {
    TABLE: "TABLE",
    VIEW: "TABLE",
    RELEASED: "TABLE",
    RELEASED_VIEW: "TABLE",
    PARTITION: "TABLE",
    SEQUENCE: "SEQUENCE",
    COUNTER: "SEQUENCE",
}


def as_sql(kind: str, name: str) -> sql.Composable:
    """How a statement names an object: its kind and its quoted name."""
    if kind in (DATABASE, SCHEMA, LANGUAGE):
        return sql.SQL(f"{kind.upper()} {{}}").format(sql.Identifier(name))
    if kind == FUNCTION:
        called, _, arguments = name.partition("(")
        return sql.SQL("FUNCTION {}({})").format(
            sql.Identifier(*called.split(".")), sql.SQL(arguments.removesuffix(")"))
        )
    return sql.SQL(f"{_IN_SQL.get(kind, 'TABLE')} {{}}").format(sql.Identifier(*name.split(".", 1)))


def columns_of(columns: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
