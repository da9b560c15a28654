"""Stops, starts and restarts a test's own server as a machine would, and makes it a small disk."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.postgres import Postgres

_USER = "pgserver"  # whom the wheel makes where root starts it


def pg_ctl(server: Postgres, action: str, *how: str) -> None:
    """`start`, `stop` or `restart`, with a mode such as `-m immediate`; waits until it is done."""
    postgres = Path((server.folder / "postmaster.opts").read_text().split()[0])  # what it was started with
    command = [postgres.with_name("pg_ctl"), action, "-w", "-s", "-D", server.folder, *how]
    if action != "stop":
        command += ["-l", server.folder / "log", "-o", f'-h "" -k {_socket_folder(server)}']
    subprocess.run(command, check=True, user=_owner(), stdout=subprocess.DEVNULL, timeout=60)


@contextmanager
def a_small_disk(folder: Path, megabytes: int, *, of_server: bool = False) -> Iterator[Path]:
    """A file system in memory that is soon full. Skips, loudly, where we may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "gp-collect-test", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("a full disk needs a small file system, and we may not mount one: run it as root")
    try:
        if of_server:
            os.chown(folder, pwd.getpwnam(_owner() or "root").pw_uid, -1)
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def make_room(folder: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", folder], check=True)


def leave_room_for(folder: Path, kilobytes: int) -> None:
    """Fills the disk but for this much."""
    free = os.statvfs(folder)
    ballast = free.f_bavail * free.f_frsize - kilobytes * 1024
    (folder / "ballast").write_bytes(bytes(ballast))


def _owner() -> str | None:
    return _USER if os.geteuid() == 0 else None


def _socket_folder(server: Postgres) -> str:
    return server.uri.partition("host=")[2]
