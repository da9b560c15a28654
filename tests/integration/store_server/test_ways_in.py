"""Who comes into a store on Debian's PostgreSQL, and how: over TLS 1.3 that proves both ends, or not at all."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text

from central_zone.errors import StoreDown, StoreRefused
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import LOADER, ROLES
from support.certificates import authority
from support.debian_postgres import PLAINTEXT_REFUSED, DebianPostgres

from .conftest import DebianStore

pytestmark = pytest.mark.needs_debian


def ask(address: str) -> str:
    with store_of(address) as store, transaction(store, "ask") as connection:
        return str(connection.scalar(text("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")))


def test_the_loader_comes_in_over_tls_1_3_with_scram(store: DebianStore) -> None:
    assert ask(store.settings().store_url) == "TLSv1.3"
    logged = store.server.logged().decode(errors="replace")
    assert f'identity="{LOADER}" method=scram-sha-256' in logged
    came_in = rf"connection authorized: user={LOADER} database={store.database} .*SSL enabled \(protocol=TLSv1\.3"
    assert re.search(came_in, logged)


def another_authority(store: DebianStore, folder: Path) -> str:
    return store.address(LOADER, sslrootcert=str(authority(folder / "another").path))


def another_name(store: DebianStore, _: Path) -> str:
    return store.address(LOADER, hostaddr="127.0.0.1").replace("@localhost:", "@elsewhere.example:")


REFUSED: dict[str, Callable[[DebianStore, Path], str]] = {
    "without TLS": lambda store, _: store.address(LOADER, sslmode="disable", channel_binding="disable"),
    "another authority's certificate": another_authority,
    "a certificate of another name": another_name,
    "no authority to ask": lambda store, folder: store.address(LOADER, sslrootcert=str(folder / "nowhere.pem")),
    "a wrong password": lambda store, _: store.server.with_password(store.server.url(store.database, LOADER), "wrong"),
    "nobody we know": lambda store, _: store.server.with_password(store.server.url(store.database, "nobody"), "x"),
    "no such database": lambda store, _: store.address(LOADER).replace(f"/{store.database}?", "/nowhere?"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_whoever_comes_otherwise_is_refused_and_trying_again_would_not_help(
    how: str, store: DebianStore, tmp_path: Path
) -> None:
    address = REFUSED[how](store, tmp_path)
    with pytest.raises(StoreRefused) as told:
        ask(address)
    password = (store.passwords / LOADER).read_text().strip()
    assert password not in str(told.value)
    assert "localhost" not in str(told.value)


@contextmanager
def a_server_that_asks(store: DebianStore, how: str) -> Iterator[None]:
    """As somebody in between would who wants the password, or wants nothing to prove."""
    first, *rest = PLAINTEXT_REFUSED
    store.server.write_hba(first, f"hostssl all old 127.0.0.1/32 {how}", *rest)
    store.server.reload()
    with store.server.connect() as connection:
        connection.execute("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'old'")
        (store.folder / "old").write_text("old")
        yield
        connection.execute("DROP ROLE old")
    store.server.write_hba(*PLAINTEXT_REFUSED)
    store.server.reload()


@pytest.mark.parametrize("how", ["md5", "password", "trust"])
def test_a_server_that_binds_no_channel_gets_no_password(how: str, store: DebianStore) -> None:
    with a_server_that_asks(store, how), pytest.raises(StoreRefused, match="not secure as GP_STORE_URL asks"):
        ask(store.server.with_password(store.server.url(store.database, "old"), "old"))


def test_a_server_without_tls_gets_no_password(store: DebianStore) -> None:
    by_socket = f"host={store.server.folder} port={store.server.port} user=administrator dbname=postgres"
    with psycopg.connect(by_socket, password=store.server.password, autocommit=True) as administrator:
        administrator.execute("ALTER SYSTEM SET ssl = off")
        administrator.execute("SELECT pg_reload_conf()")
        with pytest.raises(StoreRefused, match="not secure as GP_STORE_URL asks"):
            ask_again_and_again(store.settings().store_url)
        administrator.execute("ALTER SYSTEM RESET ssl")
        administrator.execute("SELECT pg_reload_conf()")
        while administrator.execute("SHOW ssl").fetchone() == ("off",):
            pass


def ask_again_and_again(address: str) -> None:
    """A server reads its settings a moment after it was told to."""
    for _ in range(100):
        ask(address)


def cut_the_line(_: DebianStore, connection: Connection) -> None:
    driver = connection.connection.driver_connection
    with socket.fromfd(driver.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as line:
        line.shutdown(socket.SHUT_RDWR)


def stop_the_server(store: DebianStore, _: Connection) -> None:
    store.server.stop()


@pytest.mark.parametrize("happens", [cut_the_line, stop_the_server])
def test_what_happens_under_a_connection_is_try_again(happens: Callable, store: DebianStore) -> None:
    """TLS has words of its own for it, some of which are also said of a server that is not the right one."""

    def meanwhile() -> None:
        with store_of(store.settings().store_url) as engine, transaction(engine, "load") as connection:
            connection.execute(text("SELECT 1"))
            happens(store, connection)
            connection.execute(text("SELECT 1"))

    with pytest.raises(StoreDown):
        meanwhile()
    if happens is stop_the_server:
        with pytest.raises(StoreDown):
            ask(store.settings().store_url)
        store.server.start()
    assert ask(store.settings().store_url) == "TLSv1.3"


def test_init_may_be_run_again_and_then_changes_nothing(store: DebianStore, central: Callable) -> None:
    before = {path.name: path.read_text() for path in store.passwords.iterdir()}
    verifiers = kept_by(store.server)
    code, said, told = central("store", "init", "--passwords", str(store.passwords), "--make-passwords")
    assert (code, said) == (0, {"store": "already at this version", "passwords_made": [], "settings": []})
    assert {path.name: path.read_text() for path in store.passwords.iterdir()} == before
    assert kept_by(store.server) == verifiers
    assert "wrong" not in told


def test_a_password_is_replaced_by_replacing_its_file_and_never_reaches_the_server(
    store: DebianStore, central: Callable
) -> None:
    file = store.passwords / LOADER
    old = store.address(LOADER)
    file.unlink()
    code, said, told = central("store", "init", "--passwords", str(store.passwords), "--make-passwords")
    assert (code, said["passwords_made"]) == (0, [LOADER])
    assert file.stat().st_mode & 0o777 == 0o400
    password = file.read_text().strip()
    assert password not in told + str(said)
    assert password.encode() not in store.server.logged()
    assert ask(store.settings().store_url) == "TLSv1.3"
    with pytest.raises(StoreRefused):
        ask(old)


def kept_by(server: DebianPostgres) -> dict[str, str]:
    with server.connect() as connection:
        found = connection.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s)", [list(ROLES)])
        return dict(found.fetchall())
