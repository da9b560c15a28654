"""Reading key files, and refusing loose ones. Keys come from files only: never from Airflow, argv or the environment."""

import os
import stat
from pathlib import Path

from crossing.errors import PersonMustAct


class KeyRefused(PersonMustAct):
    """A key is missing, open to others, a link, too short or all zero. It is never made up in its place."""


def read_key_file(path: Path, *, expected_bytes: int, secret: bool = True) -> bytes:
    """The raw bytes of a key of exactly `expected_bytes`.

    A secret key must be a plain file that only its owner can read (mode 0400 or 0600). Raises KeyRefused.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise KeyRefused(
            f"Key {path.name} in {path.parent}: {error.strerror}. Put the right file there; no key is ever made because one is missing."
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if secret and stat.S_IMODE(mode) & 0o077:
            raise KeyRefused(f"Key {path.name} can be read by others (mode {stat.S_IMODE(mode):04o}). Make it 0400.")
        data = file.read(expected_bytes + 1)
    if len(data) != expected_bytes or not any(data):
        raise KeyRefused(f"Key {path.name} is not {expected_bytes} bytes of key. Replace it from its custodian.")
    return data


def write_key_file(path: Path, data: bytes) -> None:
    """Makes a new key file, mode 0400. An existing file is never replaced: raises KeyRefused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except FileExistsError:
        raise KeyRefused(
            f"Key {path.name} is already there, and replacing it would orphan every token made with it."
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
