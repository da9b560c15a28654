"""The inbox: folders of parcels, named by parcel id. What is read here is not verified, so it only orders the work."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from crossing.errors import PersonMustAct
from crossing.parcel import ParcelUnreadable, read_manifest_bytes


class InboxMissing(PersonMustAct):
    """The inbox is not there. An inbox that is missing is not an inbox that is empty."""


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """Where an unverified manifest says its parcel belongs. Good for ordering, and for nothing else."""

    practice_code: str
    sequence: int
    collection: str
    kind: str = ""


def is_parcel_id(name: str) -> bool:
    """Whether a folder's name is a parcel id, and so may be written to a log or a ledger."""
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def parcel_folders(inbox: Path) -> dict[str, Path]:
    """The folders named by a parcel id. Raises InboxMissing where the inbox itself is not there."""
    try:
        return {path.name: path for path in inbox.iterdir() if is_parcel_id(path.name)}
    except OSError as error:
        raise InboxMissing(
            f"GP_INBOX_DIR: {error.strerror}. Mount or make the inbox; no parcel was looked at."
        ) from None


def claim(folder: Path) -> Claim | None:
    """What the parcel's manifest claims, None where it cannot be read."""
    try:
        content = json.loads(read_manifest_bytes(folder)[0])
        who = str(content["practice_code"]), int(content["sequence"]), str(content["collection"])
        return Claim(*who, str(content["extract_kind"]))
    except (ParcelUnreadable, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def fingerprint(folder: Path) -> str:
    """Changes whenever a file of the folder does, without reading any: a parcel sent again is looked at again."""
    try:
        found = sorted((path.name, path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.iterdir())
    except OSError:
        found = []
    return hashlib.sha256(repr(found).encode()).hexdigest()


def shards(claims: Iterable[tuple[str, Claim | None]], parcels_per_shard: int) -> list[list[str]]:
    """Parcel ids in the order they must load, a practice's own always in one shard."""
    by_practice: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name, claimed in claims:
        by_practice[claimed.practice_code if claimed else ""].append((claimed.sequence if claimed else 0, name))
    made: list[list[str]] = []
    for _, parcels in sorted(by_practice.items()):
        names = [name for _, name in sorted(parcels)]
        if made and len(made[-1]) + len(names) <= parcels_per_shard:
            made[-1].extend(names)
        else:
            made.append(names)
    return made
