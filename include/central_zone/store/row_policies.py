"""Row-level security of the store: which policies there are to be, from the rights that a file gives, and how they are made.

A policy says in its name what it allows. One for each role and word, so that one can be taken away without the others.
"""

from collections.abc import Iterable, Iterator

from psycopg import sql

from central_zone.store.rights_file import NAMED_AND_IN_DATE, Line, Object, Rights
from central_zone.store.rights_found import Found, RowPolicy

_EVERY_ROW = "true"


def policies_wanted(rights: Rights, objects: Iterable[Found]) -> set[RowPolicy]:
    """Of every guarded object that is there."""
    return {
        policy
        for found in objects
        if (decided := rights.find(found.kind, found.name)) and decided.rows_are_guarded
        for policy in policies_of(rights, decided, found.name)
    }


def policies_of(rights: Rights, decided: Object, table: str) -> Iterator[RowPolicy]:
    for line in decided.lines:
        if not rights.roles[line.role].sees_every_row:
            for word in line.may:
                yield _policy(line, word, table)


def _policy(line: Line, word: str, table: str) -> RowPolicy:
    rows = _EVERY_ROW if not line.only_if else _IF[line.only_if].format(use=use_of(table))
    which = "" if not line.only_if else " where named for the use and in date"
    return RowPolicy(
        table=table,
        name=f"{line.role} may {word}{which}",
        role=line.role,
        command=word,
        using=None if word == "INSERT" else rows,
        check=rows if word == "INSERT" else None,
    )


# As the server prints it: what there is and what there is to be are compared as text.
_IF = {NAMED_AND_IN_DATE: "release.is_open_to_me('{use}'::text)"}


def use_of(released: str) -> str:
    """The data use of a table release.<use>__<table>."""
    return released.partition(".")[2].rpartition("__")[0]


def drop(policy: RowPolicy) -> sql.Composed:
    return sql.SQL("DROP POLICY {} ON {}").format(sql.Identifier(policy.name), _table(policy.table))


def create(policy: RowPolicy) -> sql.Composed:
    """The expressions are words of ours and the name of a use, which is a file's."""
    parts: list[sql.Composable] = [
        sql.SQL("CREATE POLICY {} ON {} FOR {} TO {}").format(
            sql.Identifier(policy.name), _table(policy.table), sql.SQL(policy.command), sql.Identifier(policy.role)
        )
    ]
    if policy.using:
        parts.append(sql.SQL(f"USING ({policy.using})"))
    if policy.check:
        parts.append(sql.SQL(f"WITH CHECK ({policy.check})"))
    return sql.SQL(" ").join(parts)


def guard(table: str) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY").format(_table(table))


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split(".", 1))
