"""What was read of each person last time: whole records come every time, and only what changed is to be read again.

Remembered sealed, at the source, as all the practice's memory is. Ids of entries are kept, as a deletion must name them.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from crossing.policy import Policy
from source_zone.adapters.gp_connect.policy import FILE

_NEWEST = "newest delivery"
REMEMBERED_AS = "gp_connect_records"
RECORDS = pa.schema([("name", pa.string()), ("digest", pa.binary()), ("ids", pa.binary())])
# Raise it where the same bundle would now be read otherwise: everything is then sent once more.
_WAY_OF_READING = 1
# What else decides how a record is read, and whether what stayed would stay again.
_DECIDING_FILES = (FILE, "vocabularies.toml", "code_shapes.toml")
_DECIDING_FOLDERS = ("codelists", "collections")


def rules_digest(policy: Policy) -> str:
    """Under other rules, the same record is to be read again."""
    paths = [policy.folder / name for name in _DECIDING_FILES]
    paths += [path for name in _DECIDING_FOLDERS for path in sorted((policy.folder / name).glob("*.*"))]
    hashes = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths if path.is_file()]
    return _hash([str(_WAY_OF_READING), *hashes]).hex()


def digest(rules: str, contents: Iterable[str]) -> bytes:
    return _hash([rules, *contents])


def row_digest(rules: str, row: dict[str, Any]) -> bytes:
    return _hash([rules, json.dumps(row, sort_keys=True, default=str)])


def _hash(lines: Iterable[str]) -> bytes:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).digest()[:16]


@dataclass(slots=True)
class History:
    """By name: a registration, or a row that many records share. Who is not delivered this time stays as they were."""

    _known: dict[str, tuple[bytes, bytes]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, remembered: pa.Table | None) -> "History":
        rows = [] if remembered is None else remembered.to_pylist()
        return cls({row["name"]: (row["digest"], row["ids"]) for row in rows})

    def is_newer_than(self, taken_at: datetime) -> bool:
        """Whether a delivery is late: what it lacks was not deleted, and what it has may have been."""
        return taken_at.isoformat().encode() < self._known.get(_NEWEST, (b"", b""))[0]

    def names(self) -> set[str]:
        return self._known.keys() - {_NEWEST}

    def is_unchanged(self, name: str, now: bytes) -> bool:
        """Never where no digest was remembered: that is read again each time."""
        return self._known.get(name, (b"", b""))[0] == now

    def ids(self, name: str) -> set[str]:
        packed = self._known.get(name, (b"", b""))[1]
        return set(zlib.decompress(packed).decode().split("\n")) if packed else set()

    def remember(self, name: str, now: bytes, ids: set[str]) -> None:
        packed = zlib.compress("\n".join(sorted(ids)).encode(), 1) if ids else b""
        self._known[name] = (now, packed)

    def table(self, taken_at: datetime) -> pa.Table:
        if not self.is_newer_than(taken_at):
            self._known[_NEWEST] = (taken_at.isoformat().encode(), b"")
        names, kept = list(self._known), list(self._known.values())
        return pa.table([names, [each[0] for each in kept], [each[1] for each in kept]], schema=RECORDS)
