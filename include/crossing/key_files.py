"""Reading key files, and refusing loose ones. Keys come from files only: never from Airflow, argv or the environment.

What is secret and has a name is asked of `key_custody`, which stands on this; here are public keys, the run's own key
and the secrets of connections.
"""

import os
import stat
from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.parcel import sync_folder

MODE = 0o400
_LARGEST = 64 * 1024


class KeyRefused(PersonMustAct):
    """A key is missing, loose, not ours, a link, of a wrong length, or no secret. It is never made up in its place."""


def read_key_file(path: Path, *, expected_bytes: int, secret: bool = True) -> bytes:
    """The raw bytes of a key of exactly `expected_bytes`.

    A secret key must be a plain file of the user who reads it, mode 0400 and nothing else. Raises KeyRefused.
    """
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        )  # a pipe is not waited for
    except OSError as error:
        raise KeyRefused(
            f"Key {path.name} in {path.parent}: {error.strerror}. Put the right file there; no key is ever made because one is missing."
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise KeyRefused(f"Key {path.name} is no plain file. Put the file itself there.")
        if secret:
            _check_closed(path, os.fstat(descriptor))
        data = file.read(expected_bytes + 1)
    if len(data) != expected_bytes or not any(data):
        raise KeyRefused(f"Key {path.name} is not {expected_bytes} bytes of key. Replace it from its custodian.")
    return data


def size_of(path: Path) -> int:
    """What the file says, at most 64 KiB. Raises KeyRefused."""
    try:
        return min(path.lstat().st_size, _LARGEST)
    except OSError as error:
        raise KeyRefused(f"Key {path.name} in {path.parent}: {error.strerror}. Put the right file there.") from None


def _check_closed(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise KeyRefused(f"Key {path.name} can be read by others (mode {mode:04o}). Make it 0400.")
    if mode != MODE:  # what its owner can write, a slip of its owner can replace
        raise KeyRefused(f"Key {path.name} has mode {mode:04o}. Make it 0400.")
    if found.st_uid != os.geteuid():
        raise KeyRefused(f"Key {path.name} belongs to another user than the one who reads it. Give it to that user.")


def write_key_file(path: Path, data: bytes) -> None:
    """Makes a new key file, mode 0400, whole or not at all. An existing file is never replaced: raises KeyRefused.

    Half a key under the name of the newest would stop every night, so the name is given when all of it is on disk.
    """
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)  # a killed run's
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        raise KeyRefused(
            f"Key {path.name} is already there, and replacing it would orphan every token made with it."
        ) from None
    finally:
        draft.unlink()
    sync_folder(path.parent)


def destroy_key_file(path: Path) -> None:
    """Writes over the file before it is removed. Raises KeyRefused where it is missing, or is not ours to remove.

    A disk that copies on write keeps the old bytes all the same: what truly ends a key is ending what it is sealed under.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            os.fchmod(file.fileno(), 0o600)
            size = os.fstat(file.fileno()).st_size
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "wb") as file:
            file.write(os.urandom(size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except OSError as error:
        raise KeyRefused(
            f"Key {path.name} in {path.parent}: {error.strerror}. It was not destroyed; look what it is."
        ) from None
