"""What keys a folder holds: names, versions and how they are kept. Values never."""

import re
from dataclasses import dataclass
from pathlib import Path

from key_custody import plain_files, sealed_files
from key_custody.custody_file import CUSTODY, read_custody_file

_VERSION = re.compile(r"-v(\d+)$")


@dataclass(frozen=True, slots=True)
class KeyListed:
    name: str
    version: int | None
    kept: str  # file, vault, pkcs11, or public


def list_keys(folder: Path) -> list[KeyListed]:
    """Asks neither Vault nor a module. Raises CustodyRefused where custody.toml cannot be read."""
    backend = read_custody_file(folder).backend if (folder / CUSTODY).exists() else "file"
    kinds = {plain_files.ENDING: "file", sealed_files.ENDING: backend, ".pub": "public"}
    found = [(path.stem, kinds[path.suffix]) for path in folder.iterdir() if path.suffix in kinds]
    return [KeyListed(name, _version(name), kept) for name, kept in sorted(found)]


def _version(name: str) -> int | None:
    found = _VERSION.search(name)
    return int(found[1]) if found else None
