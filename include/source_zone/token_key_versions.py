"""The versions of a collection's token key. The newest is what practices are brought to; older ones wait to be destroyed."""

import os
from pathlib import Path

from crossing.key_files import KeyRefused
from key_custody.custody import open_custody
from source_zone.keys import KEY_BYTES, token_key_name
from source_zone.token_key_names import token_key_of


def versions(folder: Path, collection: str) -> list[int]:
    """Those whose key is here, in order."""
    found = map(token_key_of, open_custody(folder).names())
    return sorted(each.version for each in found if each and each.collection == collection)


def newest_version(folder: Path, collection: str) -> int:
    """Raises KeyRefused where there is none: no key is ever made because one is missing."""
    found = versions(folder, collection)
    if not found:
        raise KeyRefused(f"There is no token key of {collection} in {folder}. Put it there; it is never made up.")
    return found[-1]


def make_next(folder: Path, collection: str) -> int:
    """Makes the next version of a key that is there, and answers it. Raises KeyRefused."""
    version = newest_version(folder, collection) + 1
    open_custody(folder).write(token_key_name(collection, version), os.urandom(KEY_BYTES))
    return version


def destroy(folder: Path, collection: str, version: int) -> bool:
    """Whether there was such a key. Copies of it are its custodian's to destroy."""
    custody, name = open_custody(folder), token_key_name(collection, version)
    if name not in custody.names():
        return False
    custody.destroy(name)
    return True
