"""A real PostgreSQL for tests: one server a session, a fresh store for each test that asks."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.engine import make_url

from central_zone.store.connection import store_of
from central_zone.store.prepare import prepare
from central_zone.store.rights import give
from central_zone.store.rights_file import DATABASE, read_rights
from central_zone.store.rights_found import Found
from central_zone.store.rights_wanted import grants_of
from central_zone.store.role_names import OWNER
from central_zone.store.roles import make_roles
from demo.embedded_postgres import embedded_postgres, log_no_values

_numbers = count(1)
# Enough that practices share one and lie in different ones. Each costs a store some 70 files, which are copied for each test.
PARTITIONS = 2
# What every address over a network has to ask for, and an address where nobody is.
AS_PROMISED = "sslmode=verify-full&sslrootcert=/nobody/ca.pem&channel_binding=require&ssl_min_protocol_version=TLSv1.3"
NOBODY_THERE = f"postgresql+psycopg://nobody@127.0.0.1:1/store?{AS_PROMISED}"


@dataclass(slots=True)
class Postgres:
    """A server on a socket in a temporary folder."""

    folder: Path
    uri: str
    _template: str | None = field(default=None)

    def an_empty_database(self) -> str:
        """The SQLAlchemy URL of a new database with nothing in it."""
        return self._url(self._create(""))

    def a_store(self) -> str:
        """The SQLAlchemy URL of a new store, migrated. Copied from a template, which is quicker than migrating again."""
        if self._template is None:
            name = self._create("")
            with store_of(self._url(name)) as store:
                prepare(store, partitions=PARTITIONS)
            self._template = name
        return self._confirmed(self._create(f"TEMPLATE {self._template} STRATEGY FILE_COPY"))

    def a_copy(self, url: str) -> str:
        """The SQLAlchemy URL of a copy of a store, as a restore from a backup makes one: nobody confirmed it."""
        return self._url(self._create(f"TEMPLATE {make_url(url).database} STRATEGY FILE_COPY"))

    def a_confirmed_copy(self, url: str) -> str:
        """The same, confirmed: it goes on where the other was."""
        return self._confirmed(self._create(f"TEMPLATE {make_url(url).database} STRATEGY FILE_COPY"))

    def _confirmed(self, name: str) -> str:
        """A copy of a database is another one: it serves only once it is confirmed, and its own rights are not copied."""
        with psycopg.connect(self.uri.replace("/postgres?", f"/{name}?"), autocommit=True) as connection:
            connection.execute("UPDATE erasure.serving SET identity = erasure.identity()")
            connection.execute(_rights_on_database(name))
        return self._url(name)

    def _create(self, template: str) -> str:
        name = f"store_{next(_numbers)}"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {template}")
        return name

    def _url(self, name: str) -> str:
        return self.uri.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")


@contextmanager
def a_server() -> Iterator[Postgres]:
    """Starts a server, and stops it and removes its files at the end."""
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-postgres-"))
    server = embedded_postgres(folder / "data")
    try:
        _without_waiting_for_the_disk(server.get_uri())
        log_no_values(server.get_uri())  # as in life
        _make_roles(server.get_uri())
        yield Postgres(folder / "data", server.get_uri())
    finally:
        _stop_at_once(int((folder / "data" / "postmaster.pid").read_text().split()[0]))  # some tests restart it
        # Hundreds of thousands of files take most of a minute, for which nobody need wait.
        os.posix_spawnp("rm", ["rm", "-rf", str(folder)], os.environ)


def _make_roles(uri: str) -> None:
    """The server's, once; they log in without a password, since only we can open the socket."""
    with store_of(uri.replace("postgresql://", "postgresql+psycopg://")) as store, store.begin() as connection:
        make_roles(connection, {})


def _rights_on_database(name: str) -> str:
    """As apply_rights gives them, without looking at every object again."""
    database = Found(kind=DATABASE, name=name, owner=OWNER, options=(), rows_are_guarded=False)
    decided = read_rights().find(DATABASE, name)
    assert decided
    grants = [statement.as_string(None) for statement in give(grants_of(decided, database))]
    return "; ".join([f"ALTER DATABASE {name} OWNER TO {OWNER}", f"REVOKE ALL ON DATABASE {name} FROM PUBLIC", *grants])


def _stop_at_once(pid: int) -> None:
    """PostgreSQL's immediate shutdown: nothing is written back, since nothing is kept."""
    process = psutil.Process(pid)
    process.send_signal(signal.SIGQUIT)
    process.wait(30)


def _without_waiting_for_the_disk(uri: str) -> None:
    """Tests kill clients, never the machine."""
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def psycopg_url(url: str) -> str:
    """The same database for psycopg itself."""
    return url.replace("postgresql+psycopg://", "postgresql://")
