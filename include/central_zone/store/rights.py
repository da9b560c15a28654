"""Gives the store's roles the rights that policy/store_rights.toml says, takes away every other, and checks that it is so.

What there is and what there is to be are two sets; the difference is carried out, or told. So a run changes nothing where
nothing is wrong, and what nobody thought of is a right too many.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from psycopg import sql
from sqlalchemy import Connection

from central_zone.store import row_policies
from central_zone.store.connection import store_errors
from central_zone.store.rights_built_in import found_built_in, wanted_built_in
from central_zone.store.rights_faults import faults
from central_zone.store.rights_file import FILE, RELEASED, RELEASED_VIEW, Rights, read_rights
from central_zone.store.rights_found import (
    COUNTER,
    EVERYBODY,
    Found,
    Grant,
    as_sql,
    columns_of,
    grants_found,
    objects_found,
    policies_found,
)
from central_zone.store.rights_wanted import grants_of, grants_wanted, must_be_guarded, owner_of
from key_custody.whereabouts.verdict import Verdict, ok, wrong


def apply_rights(connection: Connection, rights: Rights | None = None) -> int:
    """In the caller's transaction, as a superuser. Answers how many statements it took. The roles are there already."""
    rights = rights or read_rights()
    taken = take_over(connection, rights)
    objects = objects_found(connection)
    statements = [
        *_guarding(rights, objects),
        *_granting(connection, rights, objects),
        *_policing(connection, rights, objects),
    ]
    _run(connection, statements)
    return taken + len(statements)


def check_rights(connection: Connection, rights: Rights | None = None) -> list[Verdict]:
    """Where the store is not as the file has it: a verdict for each subject, naming what is too much and what is missing."""
    found: dict[str, list[str]] = defaultdict(list)
    for fault in faults(connection, rights or read_rights()):
        found[fault.subject].append(fault.what)
    if not found:
        return [ok("store: rights", f"every role, right, policy and owner is as policy/{FILE} has it")]
    return [wrong(f"store: {subject}", _in_words(what)) for subject, what in found.items()]


def _in_words(what: list[str]) -> str:
    more = f" and {len(what) - _NAMED} more" if len(what) > _NAMED else ""
    return f"{'; '.join(what[:_NAMED])}{more}. Find out who changed it; run: gp-central store init"


_NAMED = 20


def take_over(connection: Connection, rights: Rights | None = None) -> int:
    """Everything of the store belongs to whom the file says. Whoever made it has no more to say about it."""
    rights = rights or read_rights()
    wrong = [
        each for each in objects_found(connection) if each.kind != COUNTER and each.owner != owner_of(rights, each)
    ]
    _run(
        connection,
        (
            sql.SQL("ALTER {} OWNER TO {}").format(as_sql(each.kind, each.name), sql.Identifier(owner_of(rights, each)))
            for each in wrong
        ),
    )
    return len(wrong)


def give(grants: Iterable[Grant]) -> Iterator[sql.Composed]:
    return (_statement(grant, "GRANT", "TO") for grant in sorted(grants, key=_in_order))


def _granting(connection: Connection, rights: Rights, objects: list[Found]) -> Iterator[sql.Composed]:
    here = grants_found(connection) | found_built_in(connection)
    wanted = grants_wanted(rights, objects) | wanted_built_in()
    for grant in sorted(here - wanted, key=_in_order):
        yield _statement(grant, "REVOKE", "FROM")
    yield from give(wanted - here)


def _in_order(grant: Grant) -> tuple[str, ...]:
    return grant.kind, grant.name, grant.role, grant.right, grant.column


def _statement(grant: Grant, verb: str, to: str) -> sql.Composed:
    """Where something depends on a right that goes, it goes too."""
    of = sql.SQL(" ({})").format(columns_of([grant.column])) if grant.column else sql.SQL("")
    role = sql.SQL(EVERYBODY) if grant.role == EVERYBODY else sql.Identifier(grant.role)
    ending = sql.SQL(" CASCADE" if verb == "REVOKE" else "")
    return sql.SQL("{} {}{} ON {} {} {}{}").format(
        sql.SQL(verb), sql.SQL(grant.right), of, as_sql(grant.kind, grant.name), sql.SQL(to), role, ending
    )


def _guarding(rights: Rights, objects: list[Found]) -> Iterator[sql.Composed]:
    for found in objects:
        if must_be_guarded(rights, found) and not found.rows_are_guarded:
            yield row_policies.guard(found.name)


def _policing(connection: Connection, rights: Rights, objects: list[Found]) -> Iterator[sql.Composed]:
    here, wanted = policies_found(connection), row_policies.policies_wanted(rights, objects)
    for policy in sorted(here - wanted, key=lambda each: each.in_words()):
        yield row_policies.drop(policy)
    for policy in sorted(wanted - here, key=lambda each: each.in_words()):
        yield row_policies.create(policy)


def guard_released(connection: Connection, table: str, rights: Rights | None = None) -> None:
    """A table that a release just made: its rows are guarded and its rights given in the transaction that made it."""
    rights = rights or read_rights()
    decided = rights.made(RELEASED)
    found = Found(kind=RELEASED, name=table, owner=decided.owner, options=(), rows_are_guarded=False)
    _run(
        connection,
        [
            row_policies.guard(table),
            *(row_policies.create(each) for each in row_policies.policies_of(rights, decided, table)),
            *give(grants_of(decided, found)),
        ],
    )


def open_released_view(connection: Connection, view: str, rights: Rights | None = None) -> None:
    """A view over the tables of a release: it shows nobody more than those do."""
    decided = (rights or read_rights()).made(RELEASED_VIEW)
    found = Found(kind=RELEASED_VIEW, name=view, owner=decided.owner, options=(), rows_are_guarded=False)
    _run(connection, give(grants_of(decided, found)))


def _run(connection: Connection, statements: Iterable[sql.Composed]) -> None:
    """In one message: hundreds of round trips would be most of the time."""
    together = ";\n".join(statement.as_string(None) for statement in statements)
    if together:
        with store_errors("give the store's rights"):
            connection.exec_driver_sql(together)
