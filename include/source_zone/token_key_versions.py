"""The versions of a collection's token key. The newest is what practices are brought to; older ones wait to be destroyed."""

import os
import re
from pathlib import Path

from crossing.key_files import KeyRefused, write_key_file
from source_zone.keys import KEY_BYTES, token_key_name


def versions(folder: Path, collection: str) -> list[int]:
    """Those whose key is here, in order."""
    name = re.compile(rf"token-{re.escape(collection)}-v([1-9][0-9]*)\.key")
    found = (name.fullmatch(path.name) for path in folder.glob(f"token-{collection}-v*.key"))
    return sorted(int(each[1]) for each in found if each)


def newest_version(folder: Path, collection: str) -> int:
    """Raises KeyRefused where there is none: no key is ever made because one is missing."""
    found = versions(folder, collection)
    if not found:
        raise KeyRefused(f"There is no token key of {collection} in {folder}. Put it there; it is never made up.")
    return found[-1]


def make_next(folder: Path, collection: str) -> int:
    """Makes the next version of a key that is there, and answers it. Raises KeyRefused."""
    version = newest_version(folder, collection) + 1
    write_key_file(folder / f"{token_key_name(collection, version)}.key", os.urandom(KEY_BYTES))
    return version


def destroy(folder: Path, collection: str, version: int) -> bool:
    """Overwrites a key and removes it; whether there was one. Copies of it are its custodian's to destroy."""
    path = folder / f"{token_key_name(collection, version)}.key"
    if not path.exists():
        return False
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    return True
