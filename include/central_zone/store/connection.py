"""The way into the store, and the one place where a database's errors are caught: they quote values, ours do not."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from central_zone.errors import ErasuresMissing, StoreDown, StoreRefused
from crossing.errors import PersonMustAct, TryAgain

_APPLICATION = "gp-central"
# Connection failures (08), and a server that is shutting down or starting (57P) or has no slot left (53300).
_AWAY = ("08", "57P", "53300")
_CLASHED = frozenset({"40001", "40P01", "55P03"})
_TOOK_TOO_LONG = frozenset({"25P03", "57014"})  # a worker that hung, or was asked for too much: its time was up
_NOT_MIGRATED = frozenset({"3F000", "42P01", "42703"})
_RESTORED_COPY = "GE001"  # erasure.may_serve
_NOT_LET_IN = ("28", "3D")  # a user, password or database that the server does not accept
# A connection that fails carries no SQLSTATE, only the server's text: looked into, never told, since it names the user.
_SAYS_NOT_LET_IN = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects connection",
    "is not permitted to log in",
    "permission denied for database",
)
# TLS that is not as the address asks: somebody else answers there, or the server lacks something. Waiting mends neither.
# (Not "SSL error" alone: a server that dies in the middle says so too.)
_SAYS_NOT_SECURE = (
    "certificate verify failed",
    "root certificate file",
    "does not match host name",
    "server does not support SSL",
    "channel binding",
    "alert protocol version",
    "unsupported protocol",
)
_WHY_NOT_READY = {
    **dict.fromkeys(_CLASHED, "another transaction was in the way"),
    **dict.fromkeys(_TOOK_TOO_LONG, "it ended what took longer than it lets us"),
}


def open_store(url: str) -> Engine:
    """The store. Nothing is connected yet; parameters never appear in an error's text."""
    return create_engine(url, pool_size=1, hide_parameters=True, connect_args={"application_name": _APPLICATION})


@contextmanager
def store_of(url: str) -> Iterator[Engine]:
    """The store, its connections closed at the end."""
    store = open_store(url)
    try:
        yield store
    finally:
        store.dispose()


@contextmanager
def transaction(store: Engine, doing: str) -> Iterator[Connection]:
    """One transaction: all of it, or nothing. Raises StoreDown (try again) or StoreRefused, saying what was being done."""
    with store_errors(doing), store.begin() as connection:
        yield connection


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Turns the driver's errors into ours. Only the SQLSTATE and the table's name are kept."""
    try:
        yield
    except DBAPIError as error:
        raise _ours(error.orig, doing) from None
    except psycopg.Error as error:
        raise _ours(error, doing) from None


def _ours(error: BaseException | None, doing: str) -> TryAgain | PersonMustAct:
    state: str | None = getattr(error, "sqlstate", None)
    if _is_not_let_in(error, state):
        return StoreRefused(
            f"{doing}: the server of the store does not let us in, or has no such database. "
            "Correct the database, user or password in GP_STORE_URL."
        )
    if state is None and any(words in str(error) for words in _SAYS_NOT_SECURE):
        return StoreRefused(
            f"{doing}: the connection is not secure as GP_STORE_URL asks: another server answers there, its certificate is not "
            "what sslrootcert vouches for, or it lacks TLS 1.3 or SCRAM. Run: gp-central store check"
        )
    if state is None:
        return _without_state(error, doing)
    if state.startswith(_AWAY) or state in _CLASHED or state in _TOOK_TOO_LONG:
        why = _WHY_NOT_READY.get(state, "it is stopping, starting or full of connections")
        return StoreDown(f"{doing}: the store is not ready (SQLSTATE {state}): {why}. Nothing half-done was kept.")
    if state == _RESTORED_COPY:
        return ErasuresMissing(f"{doing}: the store is a restored copy. Run: gp-central store restored")
    return StoreRefused(f"{doing}: {_why_refused(error, state)}")


def _without_state(error: BaseException | None, doing: str) -> TryAgain | PersonMustAct:
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreDown(
            f"{doing}: the store cannot be reached. Check that PostgreSQL runs; nothing half-done was kept."
        )
    return StoreRefused(
        f"{doing}: the driver refused it ({type(error).__name__}). Report this as a fault of the software."
    )


def _why_refused(error: BaseException | None, state: str) -> str:
    if state in _NOT_MIGRATED:
        return f"the store lacks a table or column (SQLSTATE {state}). Run: gp-central store init"
    if state == "53100":
        return "the store's disk is full (SQLSTATE 53100). Make room, then run it again."
    table = getattr(getattr(error, "diag", None), "table_name", None) or "unknown"
    return f"the store refused it (SQLSTATE {state}, table {table}). Nothing of it was kept."


def _is_not_let_in(error: BaseException | None, state: str | None) -> bool:
    if state is not None:
        return state.startswith(_NOT_LET_IN)
    return isinstance(error, psycopg.OperationalError) and any(words in str(error) for words in _SAYS_NOT_LET_IN)
