"""A server whose write-ahead log is archived, as in life: for base backups and recovery to a point in time.

Debian's PostgreSQL, on a socket in a temporary folder and no port. As root it is run as Debian's user `postgres`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from central_zone.store.connection import store_of
from central_zone.store.prepare import prepare

BIN = Path("/usr/lib/postgresql/15/bin")
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
wal_level = replica
archive_mode = on
archive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f'
fsync = off
shared_buffers = 32MB
log_min_messages = log
"""
_RECOVERY = """
restore_command = 'cp {archive}/%f %p'
recovery_target_name = '{point}'
recovery_target_action = promote
"""


@dataclass(slots=True)
class ArchivedPostgres:
    """A cluster, its archive beside it, and whatever base backups were taken."""

    folder: Path
    data: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@/store?host={self.folder}"

    def execute(self, statement: str, database: str = "store") -> Any:
        with psycopg.connect(f"postgresql://postgres@/{database}?host={self.folder}", autocommit=True) as connection:
            return (
                connection.execute(statement).fetchall()
                if statement.startswith("SELECT")
                else connection.execute(statement)
            )

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = _as_server(
                subprocess.Popen, str(BIN / "postgres"), "-D", str(self.data), stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while not self._takes_writes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def _takes_writes(self) -> bool:
        """Not while it still recovers."""
        try:
            return self.execute("SELECT pg_is_in_recovery()", "postgres") == [(False,)]
        except psycopg.OperationalError:
            return False

    def destroy(self) -> None:
        """The machine is gone, and its disk. What was archived is not."""
        self.stop()
        shutil.rmtree(self.data)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def base_backup(self, into: Path) -> Path:
        words = ("--pgdata", str(into), "--host", str(self.folder), "--username", "postgres", "--checkpoint", "fast")
        _as_server(subprocess.run, str(BIN / "pg_basebackup"), *words, "--wal-method", "stream", check=True)
        return into

    def name_this_moment(self, name: str) -> None:
        self.execute(f"SELECT pg_create_restore_point('{name}')")

    def archive_everything(self) -> None:
        """As archive_timeout does by and by."""
        ((segment,),) = self.execute("SELECT pg_walfile_name(pg_switch_wal())")
        deadline = time.monotonic() + 30
        while not (self.archive / segment).exists():
            if time.monotonic() > deadline:
                raise RuntimeError("The write-ahead log was not archived.")
            time.sleep(0.05)

    def recover(self, backup: Path, point: str) -> None:
        """To the named moment, and from there on as a server of its own."""
        _as_server(subprocess.run, "cp", "-a", str(backup), str(self.data), check=True)
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(_RECOVERY.format(archive=self.archive, point=point))
        (self.data / "recovery.signal").touch()
        _give_to_server(self.data / "recovery.signal")
        self.start()


@contextmanager
def an_archived_server() -> Iterator[ArchivedPostgres]:
    """With a store that is migrated. Skips, loudly, where Debian's package is not installed."""
    if not (BIN / "pg_basebackup").exists():
        pytest.skip("Debian's postgresql is not installed")
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-archived-postgres-"))
    server = ArchivedPostgres(folder, folder / "data")
    try:
        folder.chmod(0o755)
        server.archive.mkdir()
        _give_to_server(folder, server.archive)
        made = (
            "--pgdata",
            str(server.data),
            "--username",
            "postgres",
            "--auth",
            "trust",
            "--no-sync",
            "--locale",
            "C.UTF-8",
        )
        _as_server(subprocess.run, str(BIN / "initdb"), *made, check=True, capture_output=True)
        with (server.data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS.format(folder=folder, archive=server.archive))
        server.start()
        server.execute("CREATE DATABASE store", "postgres")
        with store_of(server.url) as store:
            prepare(store)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _as_server(call: Any, *words: str, **how: Any) -> Any:
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
    return call(list(words), **how)


def _give_to_server(*paths: Path) -> None:
    if os.getuid() == 0:
        for path in paths:
            shutil.chown(path, "postgres", "postgres")
