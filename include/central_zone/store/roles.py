"""Makes the roles of the store as policy/store_rights.toml has them, and says what of theirs the server has otherwise.

Roles are the server's, whatever databases it holds; making them again changes nothing. A password never reaches the server:
what it is given, and keeps, is the SCRAM verifier.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from central_zone.errors import StoreRefused
from central_zone.store.connection import store_errors
from central_zone.store.rights_file import Rights, Role, read_rights
from central_zone.store.role_names import ANALYST, ROLES
from crossing.errors import SoftwareFault

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('gp-collect roles', 0))")
_HERE = """
SELECT r.rolname, r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls, r.rolinherit,
  r.rolconnlimit, coalesce(s.setconfig, '{}') AS settings
FROM pg_roles AS r LEFT JOIN pg_db_role_setting AS s ON s.setrole = r.oid AND s.setdatabase = 0 WHERE r.rolname = ANY(:names)
"""
# In both directions, and PostgreSQL's own roles too: pg_read_all_data, say. People's own logins stand beside our roles.
_MEMBERS = """
SELECT pg_get_userbyid(roleid), pg_get_userbyid(member) FROM pg_auth_members
WHERE (pg_get_userbyid(roleid) = ANY(:names) OR pg_get_userbyid(member) = ANY(:names))
  AND (pg_get_userbyid(member) = ANY(:names) OR NOT (SELECT rolsuper FROM pg_roles WHERE oid = member))
ORDER BY 1, 2
"""
_PEOPLE = "SELECT pg_get_userbyid(member) FROM pg_auth_members WHERE pg_get_userbyid(roleid) = :group ORDER BY 1"


def are_made(connection: Connection) -> bool:
    """Whether the server has all of them."""
    found = connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = ANY(:names)"), {"names": list(ROLES)})
    return bool(found == len(ROLES))


def make_roles(connection: Connection, passwords: Mapping[str, str], rights: Rights | None = None) -> None:
    """In the caller's transaction, as a superuser. A role without a password here keeps the one it has, or has none.

    Raises StoreRefused where whoever connects may not make roles.
    """
    if not connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")):
        raise StoreRefused(
            "Only a superuser makes the store's roles: GP_STORE_URL names another user. Nothing was changed."
        )
    connection.execute(_LOCK)
    here = {row.rolname: row for row in connection.execute(text(_HERE), {"names": list(ROLES)})}
    for role in (rights or read_rights()).roles.values():
        for statement in _making(role, here.get(role.name)):
            _run(connection, statement)
        if role.name in passwords:
            _run(connection, _with_password(connection, role.name, passwords[role.name]))


def make_analyst(connection: Connection, login: str, rights: Rights | None = None) -> None:
    """A login of one person who works with releases: a member of gp_analyst, with its limits and settings, and no password.

    What it sees is decided by policy/data_uses, with the next release; made before that, it sees nothing.
    """
    role = (rights or read_rights()).roles[ANALYST]
    person = Role(
        name=login, can_log_in=True, connections=role.connections, sees_every_row=False, settings=role.settings
    )
    connection.execute(_LOCK)
    here = connection.execute(text(_HERE), {"names": [login]}).first()
    for statement in _making(person, here, inherits=True):
        _run(connection, statement)
    _run(connection, sql.SQL("GRANT {} TO {}").format(sql.Identifier(ANALYST), sql.Identifier(login)))


def _making(role: Role, here: Any, *, inherits: bool = False) -> Iterator[sql.Composed]:
    """Nothing where the server has it like this already."""
    name = sql.Identifier(role.name)
    if here is None:
        yield sql.SQL("CREATE ROLE {}").format(name)
    if here is None or _attributes_found(here) != _attributes(role, inherits=inherits):
        yield sql.SQL("ALTER ROLE {} {}").format(name, sql.SQL(_attributes_in_sql(role, inherits=inherits)))
    if here is None or _settings_found(here) != dict(role.settings):
        yield sql.SQL("ALTER ROLE {} RESET ALL").format(name)
        for setting, value in role.settings.items():
            # Names in a list, each on its own: quoted together they would be one name.
            values = sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
            yield sql.SQL("ALTER ROLE {} SET {} TO {}").format(name, sql.Identifier(setting), values)


def _attributes_in_sql(role: Role, *, inherits: bool) -> str:
    on = {"LOGIN": role.can_log_in, "BYPASSRLS": role.sees_every_row, "INHERIT": inherits}
    words = [word if may else f"NO{word}" for word, may in on.items()]
    return " ".join([*words, *_NEVER, f"CONNECTION LIMIT {role.connections}"])


_NEVER = ("NOSUPERUSER", "NOCREATEDB", "NOCREATEROLE", "NOREPLICATION")


def _attributes(role: Role, *, inherits: bool = False) -> tuple[Any, ...]:
    return role.can_log_in, False, False, False, False, role.sees_every_row, inherits, role.connections


def _attributes_found(here: Any) -> tuple[Any, ...]:
    may = (here.rolcanlogin, here.rolsuper, here.rolcreatedb, here.rolcreaterole, here.rolreplication)
    return (*may, here.rolbypassrls, here.rolinherit, here.rolconnlimit)


def _settings_found(here: Any) -> dict[str, str]:
    return dict(each.split("=", 1) for each in here.settings)


def _with_password(connection: Connection, role: str, password: str) -> sql.Composed:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise SoftwareFault("The store's URL does not name the psycopg driver. Use postgresql+psycopg://")
    verifier = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    return sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))


def _run(connection: Connection, statement: sql.Composed) -> None:
    with store_errors("make the store's roles"):
        connection.exec_driver_sql(statement.as_string(None))


@dataclass(frozen=True, slots=True)
class RoleFault:
    """A role that is missing, or is more or less than the file says."""

    role: str
    why: str


def faults_of_roles(connection: Connection, rights: Rights) -> list[RoleFault]:
    """Attributes, limits, settings and memberships that are not as the file has them."""
    people = [name for name in connection.scalars(text(_PEOPLE), {"group": ANALYST}) if name not in ROLES]
    here = {row.rolname: row for row in connection.execute(text(_HERE), {"names": [*ROLES, *people]})}
    return [
        *(fault for role in rights.roles.values() for fault in _faults_of(role, here.get(role.name))),
        *(fault for name in people for fault in _faults_of_person(here[name])),
        *_members(connection, people),
    ]


def _faults_of_person(here: Any) -> Iterator[RoleFault]:
    """A login that sees past the policies sees every release. How many connections it has, and until when, is each one's own."""
    more = [what for what, is_ in zip(_WHAT[1:6], _attributes_found(here)[1:6], strict=True) if is_]
    if more:
        yield RoleFault(here.rolname, f"{', '.join(more)}: nobody who works with releases may be")


def _faults_of(role: Role, here: Any) -> Iterator[RoleFault]:
    if here is None:
        yield RoleFault(role.name, "the server has no such role")
        return
    found, wanted = _attributes_found(here), _attributes(role)
    wrong = [what for what, is_, ought in zip(_WHAT, found, wanted, strict=True) if is_ != ought]
    if wrong:
        yield RoleFault(role.name, f"{', '.join(wrong)}: not as the file has it")
    settings = _settings_found(here)
    other = sorted({name for name, _ in settings.items() ^ dict(role.settings).items()})
    if other:
        yield RoleFault(role.name, f"its settings {', '.join(other)} are not as the file has them")


_WHAT = (
    *("may log in", "superuser", "makes databases", "makes roles", "replicates", "sees every row", "inherits"),
    "number of connections",
)


def _members(connection: Connection, people: Sequence[str]) -> Iterator[RoleFault]:
    for group, member in connection.execute(text(_MEMBERS), {"names": [*ROLES, *people]}):
        if group != ANALYST or member in ROLES:
            yield RoleFault(group if group in ROLES else member, f"{member} is a member of {group}; nobody may be")
