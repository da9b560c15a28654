"""Bundle files as they lie in a folder. Their names hold names and NHS numbers, so none is ever repeated."""

import codecs
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from source_zone.adapters.gp_connect.elements import a_dict, dicts, instant
from source_zone.adapters.gp_connect.entries import decoded
from source_zone.adapters.reading import FileRefused

ASK_AGAIN = "Ask the supplier to send the practice's records again."
MODIFIER = b'"modifierExtension"'


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was when it was read; read again later, it must be the same."""

    name: str = field(repr=False)
    bytes: int
    sha256: str
    written_at: datetime
    taken_at: datetime | None

    @property
    def as_of(self) -> datetime:
        """How old the record is: by its own word, else by the file's."""
        return self.taken_at or self.written_at


@dataclass(frozen=True, slots=True)
class Written:
    """A file's bytes, not yet understood."""

    name: str = field(repr=False)
    data: bytes = field(repr=False)
    written_at: datetime
    sha256: str

    def seen(self, meta: object, timestamp: object) -> Seen:
        """`meta` and `timestamp` are the bundle's own."""
        at, _ = instant(a_dict(meta).get("lastUpdated") or timestamp)
        taken_at = at.replace(tzinfo=UTC) if at else None
        return Seen(self.name, len(self.data), self.sha256, self.written_at, taken_at)

    def is_as(self, seen: Seen) -> bool:
        return (self.name, self.sha256, self.written_at) == (seen.name, seen.sha256, seen.written_at)


def written(path: Path, place: str) -> Written:
    try:
        data, at = path.read_bytes(), path.stat().st_mtime
    except OSError as error:
        raise FileRefused(f"{place}: {error.strerror}. Check the folder, then run the practice again.") from None
    return Written(path.name, data, datetime.fromtimestamp(at, UTC), hashlib.sha256(data).hexdigest())


def find_file(path: Path, place: str) -> Seen:
    """Raises FileRefused for a file that is not a whole bundle."""
    file = written(path, place)
    bundle = whole_bundle(file.data, place)
    return file.seen(bundle.get("meta"), bundle.get("timestamp"))


def newest(found: Sequence[Seen]) -> datetime:
    """When the snapshot was taken: the newest date a bundle gives itself, else when the newest file was written.

    Only the bundle's own date counts. Resources are dated too, but by their last change, years before the snapshot.
    """
    own = [each.taken_at for each in found if each.taken_at]
    return max(own) if own else max(each.written_at for each in found)


def snapshot_id(files: Iterable[Seen]) -> str:
    """The same names, sizes and contents make the same id, in whatever order they are found."""
    lines = "\n".join(sorted(f"{each.name}|{each.bytes}|{each.sha256}" for each in files))
    return "snapshot-" + hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def whole_bundle(data: bytes, place: str) -> dict[str, Any]:
    """Looked into as deep as it goes. Raises FileRefused."""
    try:
        bundle = decoded(data.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError):
        refuse_unreadable(place)
    if (
        not isinstance(bundle, dict)
        or bundle.get("resourceType") != "Bundle"
        or not isinstance(bundle.get("entry"), list)
    ):
        refuse(place, "is not a FHIR Bundle with entries", ASK_AGAIN)
    check_link(bundle.get("link"), place)
    if MODIFIER in data or (b"\\u" in data and MODIFIER.decode() in json.dumps(bundle)):
        refuse_modifier(place)
    return bundle


def check_link(link: object, place: str) -> None:
    if any(each.get("relation") == "next" for each in dicts(link)):
        refuse(place, "is one page of several, so the record is cut off", ASK_AGAIN)


def refuse_unreadable(place: str) -> NoReturn:
    refuse(place, "is not JSON in UTF-8, or was cut off", ASK_AGAIN)


def refuse_modifier(place: str) -> NoReturn:
    rule = "a modifierExtension can turn an entry into its opposite, and policy knows none"
    refuse(place, rule, "Have it reviewed.")


def refuse(place: str, rule: str, remedy: str) -> NoReturn:
    raise FileRefused(f"{place}: {rule}. {remedy}") from None
