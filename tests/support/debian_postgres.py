"""Debian's PostgreSQL as it should run in life: TLS 1.3 under an ECDSA certificate, SCRAM, pgaudit, no way in without TLS.

A server does not run as root, so as root it is started as Debian's user `postgres`; it listens on loopback.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from support.certificates import Authority, authority

BIN = Path("/usr/lib/postgresql/15/bin")
PGAUDIT = Path("/usr/lib/postgresql/15/lib/pgaudit.so")
ADMINISTRATOR = "administrator"
PLAINTEXT_REFUSED = (
    "local all administrator scram-sha-256",
    "hostssl all all 127.0.0.1/32 scram-sha-256",
    "hostnossl all all 0.0.0.0/0 reject",
    "hostnossl all all ::/0 reject",
)
_numbers = count(1)


@dataclass(slots=True)
class DebianPostgres:
    """A cluster of its own in a temporary folder."""

    folder: Path
    port: int
    authority: Authority
    password: str = field(repr=False)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log_folder(self) -> Path:
        return self.folder / "log"

    def logged(self) -> bytes:
        """Everything the server ever wrote into its logs, in every form it writes."""
        return b"\n".join(path.read_bytes() for path in sorted(self.log_folder.iterdir()))

    def url(self, database: str, user: str, **changed: str | None) -> str:
        """As a worker of the store is told it: SQLAlchemy's form, no password. A parameter given as None is left out."""
        asked: dict[str, str | None] = {
            "sslmode": "verify-full",
            "sslrootcert": str(self.authority.path),
            "channel_binding": "require",
            "ssl_min_protocol_version": "TLSv1.3",
            **changed,
        }
        words = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
        return f"postgresql+psycopg://{user}@localhost:{self.port}/{database}?{words}"

    def administrators_url(self, database: str = "postgres") -> str:
        return self.with_password(self.url(database, ADMINISTRATOR), self.password)

    def with_password(self, url: str, password: str) -> str:
        return url.replace("@", f":{password}@", 1)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """As the administrator."""
        url = self.administrators_url(database).replace("postgresql+psycopg://", "postgresql://")
        return psycopg.connect(url, autocommit=True)

    def an_empty_database(self) -> str:
        """Its name."""
        name = f"store_{next(_numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def write_hba(self, *lines: str) -> None:
        (self.data / "pg_hba.conf").write_text("\n".join(lines) + "\n")

    def reload(self) -> None:
        """Returns when new connections are made under the new configuration."""
        with self.connect() as connection:
            before = connection.execute("SELECT pg_conf_load_time()").fetchone()
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute("SELECT pg_conf_load_time()").fetchone() == before:
                time.sleep(0.01)

    def set(self, name: str, value: str | None, *, reload: bool = True) -> None:
        """As an administrator does; None is the default again, which is how an empty list of libraries is said."""
        called, to = sql.SQL(".").join(map(sql.Identifier, name.split("."))), sql.Literal(value)
        with self.connect() as connection:
            if value is None or (value == "" and name.endswith("_libraries")):
                connection.execute(sql.SQL("ALTER SYSTEM RESET {}").format(called))
            else:
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(called, to))
        if reload:
            self.reload()

    def show_certificate(self, certificate: Path, key: Path) -> None:
        """The server shows this one from now on."""
        _give_to_the_servers_user(certificate, key)
        self.set("ssl_key_file", str(key), reload=False)
        self.set("ssl_cert_file", str(certificate))

    def start(self, *options: str) -> None:
        words = [str(BIN / "postgres"), "-D", str(self.data), *options]
        with (self.log_folder / "startup").open("ab") as startup:
            self._process = _as_the_servers_user(subprocess.Popen, words, stdout=startup, stderr=startup)
        deadline = time.monotonic() + 60
        ready = [str(BIN / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.log_folder / 'startup').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, after which it recovers."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def run(self, program: str, *words: str) -> None:
        """One of PostgreSQL's own programs, as the server's user."""
        _as_the_servers_user(subprocess.run, [str(BIN / program), *words], check=True, capture_output=True)


@contextmanager
def a_debian_server() -> Iterator[DebianPostgres]:
    """Starts a server; stops it and removes its files at the end. Skips, loudly, where Debian's packages are not."""
    if not (BIN / "postgres").exists() or not PGAUDIT.exists():
        pytest.skip("Debian's postgresql and postgresql-15-pgaudit are not installed")
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-debian-postgres-"))
    server = DebianPostgres(folder, _free_port(), authority(folder / "authority", days=400), secrets.token_urlsafe(16))
    try:
        _make_cluster(server)
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _make_cluster(server: DebianPostgres) -> None:
    folder, password = server.folder, server.folder / "password"
    folder.chmod(0o755)
    (folder / "log").mkdir()
    password.write_text(server.password)
    certificate, key = server.authority.sign("server", days=200)
    _give_to_the_servers_user(folder, folder / "log", password, key, certificate)
    server.run(
        "initdb", "--pgdata", str(server.data), "--username", ADMINISTRATOR, "--pwfile", str(password), "--no-sync",
        "--auth", "scram-sha-256", "--data-checksums", "--encoding", "UTF8", "--locale", "C.UTF-8",
    )  # fmt: skip
    password.unlink()
    server.write_hba(*PLAINTEXT_REFUSED)
    _give_to_the_servers_user(server.data / "pg_hba.conf")
    with (server.data / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            "shared_preload_libraries = 'pgaudit'\n"
        )  # as ALTER SYSTEM has it, so that it can be taken away again
    with (server.data / "postgresql.conf").open("a") as settings:
        settings.write(_IN_ITS_FILE.format(folder=folder, port=server.port, certificate=certificate, key=key))


# What only whoever runs the server can set: where it listens, its certificate, what it loads. The rest is for `store init`.
_IN_ITS_FILE = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
ssl = on
ssl_cert_file = '{certificate}'
ssl_key_file = '{key}'
archive_mode = on
archive_command = 'true'
logging_collector = on
log_directory = '{folder}/log'
log_destination = 'stderr,csvlog,jsonlog'
max_connections = 30
shared_buffers = 64MB
"""


def _as_the_servers_user(call: Any, words: list[str], **how: Any) -> Any:
    if os.getuid() != 0:
        return call(words, **how)
    user = pwd.getpwnam("postgres")
    return call(words, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", **how)


def _give_to_the_servers_user(*paths: Path) -> None:
    if os.getuid() == 0:
        for path in paths:
            shutil.chown(path, "postgres", "postgres")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
