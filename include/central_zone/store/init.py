"""`gp-central store init`: everything a store needs, and then a look at all of it. Safe to run again, and by two at once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql
from sqlalchemy import Connection, Engine, text

from central_zone.analysts import check_login
from central_zone.errors import NotAdministrator, ServerMustRestart
from central_zone.store.connection import store_errors, store_of, transaction
from central_zone.store.facts import Facts, read_facts
from central_zone.store.passwords import make_missing, not_known_yet, read_all
from central_zone.store.prepare import prepare
from central_zone.store.rights import check_rights
from central_zone.store.role_names import AUDITOR, OWNER, ROLES
from central_zone.store.roles import make_analyst
from central_zone.store.server_settings import ADMINISTRATOR, LACKS, Promise, read_promises
from central_zone.store.weaker import is_accepted, weaker
from crossing.policy import Policy
from key_custody.whereabouts.verdict import Verdict

_LOGINS = tuple(role for role in ROLES if role != OWNER)  # the owner never signs in
_TAKES_EFFECT_WITHIN_SECONDS = 10
_LIBRARIES = "shared_preload_libraries"
# Roles belong to the server and not to a database, and so does this catalogue: whoever else makes roles waits, in whatever
# database. Nobody who merely signs in does.
_ONE_AT_A_TIME = "LOCK TABLE pg_catalog.pg_authid IN SHARE UPDATE EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the administrator wants done beside roles, tables and rights."""

    passwords: Path | None = None  # a file a role
    make_passwords: bool = False
    set_settings: bool = True
    demonstration: bool = False
    partitions: int | None = None  # of a store that is made now; None is the usual number


@dataclass(frozen=True, slots=True)
class Done:
    """What was changed, and what is to be said of the store now."""

    migrated: bool
    passwords_made: list[str]
    settings: list[str]
    verdicts: list[Verdict]


def init(address: str, asked: Asked, policy: Policy | None = None) -> Done:
    """As a superuser of the server. Raises NotAdministrator, ServerMustRestart, KeyRefused, StoreDown, StoreRefused."""
    promises = read_promises(policy or Policy())
    with _alone(address), store_of(address) as store:
        changed = set_settings(store, promises, asked) if asked.set_settings else []
        made = make_missing(asked.passwords, _LOGINS) if asked.passwords and asked.make_passwords else []
        migrated = prepare(store, _new_passwords(store, asked), partitions=asked.partitions)
        with transaction(store, "let the auditor look") as connection:
            _let_the_auditor_look(connection)
        _install_pgaudit(store)
        with transaction(store, "look at the store") as connection:
            facts = read_facts(connection)
            verdicts = [*weaker(facts, promises, demonstration=asked.demonstration), *check_rights(connection)]
    return Done(migrated, made, changed, verdicts)


def init_analyst(address: str, login: str) -> None:
    """A login of one person, as a superuser of the server. Raises NotAdministrator, PolicyRefused, StoreDown or StoreRefused."""
    check_login(login)
    with _alone(address), store_of(address) as store, transaction(store, "make an analyst's login") as connection:
        make_analyst(connection, login)


@contextmanager
def _alone(address: str) -> Iterator[None]:
    with store_of(address) as store, transaction(store, "wait for other administrators") as guard:
        if guard.scalar(text("SELECT current_setting('is_superuser')")) != "on":
            raise NotAdministrator(
                "GP_STORE_ADMIN_URL names no superuser of the server, which making roles and settings takes. Name one."
            )
        guard.execute(text(_ONE_AT_A_TIME))
        yield


def _new_passwords(store: Engine, asked: Asked) -> dict[str, str]:
    if not asked.passwords:
        return {}
    with transaction(store, "look at the passwords") as connection:
        return not_known_yet(connection, read_all(asked.passwords, _LOGINS))


def _let_the_auditor_look(connection: Connection) -> None:
    """At who may sign in how, and nothing else: so the doctor need not be an administrator."""
    if not connection.scalar(text("SELECT to_regrole(:role)"), {"role": AUDITOR}):
        return
    for right in ("SELECT ON pg_hba_file_rules", "EXECUTE ON FUNCTION pg_hba_file_rules()"):
        connection.execute(text(f"GRANT {right} TO {AUDITOR}"))


def set_settings(store: Engine, promises: Sequence[Promise], asked: Asked) -> list[str]:
    """Sets what is not as promised and is ours to set; answers which. Some wait for the server to be started again."""
    facts = _facts(store)
    ours = [each for each in promises if _is_to_be_set(each, facts, asked)]
    with store_errors("set the server's settings"), store.connect() as pooled:
        connection = pooled.execution_options(isolation_level="AUTOCOMMIT").connection.driver_connection
        for promise in ours:
            connection.execute(_alter(promise, facts.settings.get(promise.name, "")))  # type: ignore[union-attr]  # it is connected
        connection.execute("SELECT pg_reload_conf()")  # type: ignore[union-attr]  # it is connected
    _wait_for_pgaudit(ours)
    _wait_until_in_force(store, [each for each in ours if not each.restart], facts)
    return [each.name for each in ours]


def _wait_for_pgaudit(promises: Sequence[Promise]) -> None:
    """Where its extension is installed and its library is not loaded, PostgreSQL refuses every change of tables and rights."""
    if any(promise.name == _LIBRARIES for promise in promises):
        raise ServerMustRestart(
            "pgaudit is set to be loaded, which needs the server to be started again. Do that, and run this once more."
        )


def _install_pgaudit(store: Engine) -> None:
    """Its event triggers name the table that a DDL statement is about. Where PostgreSQL's own are: it is none of our objects."""
    if "pgaudit" in _facts(store).settings.get(_LIBRARIES, ""):
        with transaction(store, "install pgaudit") as connection:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pgaudit SCHEMA pg_catalog"))


def _is_to_be_set(promise: Promise, facts: Facts, asked: Asked) -> bool:
    if promise.by == ADMINISTRATOR or promise.holds(facts.settings):
        return False
    if is_accepted(facts, demonstration=asked.demonstration) and promise.demonstration == LACKS:
        return False
    return (
        "." not in promise.name or promise.name in facts.settings
    )  # a library's setting is not known before it is loaded


def _alter(promise: Promise, present: str) -> sql.Composed:
    words = promise.to_set(present)
    # A list of libraries is a list of words; any other is one.
    values = words.split(",") if promise.name.endswith("_libraries") else [words]
    name = sql.SQL(".").join(sql.Identifier(part) for part in promise.name.split("."))
    if not words:
        return sql.SQL("ALTER SYSTEM RESET {}").format(name)
    return sql.SQL("ALTER SYSTEM SET {} = {}").format(name, sql.SQL(", ").join(map(sql.Literal, values)))


def _wait_until_in_force(store: Engine, promises: Sequence[Promise], before: Facts) -> None:
    """A server reads its settings a moment after it was told to, and some a connection takes when it begins.

    What stands on the server's command line never changes.
    """
    waiting = [each for each in promises if each.name not in before.on_command_line]
    deadline = time.monotonic() + _TAKES_EFFECT_WITHIN_SECONDS
    while waiting and time.monotonic() < deadline:
        time.sleep(0.02)
        store.dispose()
        settings = _facts(store).settings
        waiting = [each for each in waiting if not each.holds(settings)]


def _facts(store: Engine) -> Facts:
    with transaction(store, "look at the server's settings") as connection:
        return read_facts(connection)
