"""Reading bundle files: one patient's record each. File names hold names and NHS numbers, so none is ever repeated.

A bundle is checked whole against policy before any of it is used.
"""

import codecs
import gc
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from source_zone.adapters.gp_connect_elements import Element, a_dict, dicts, instant
from source_zone.adapters.gp_connect_policy import FieldPolicy, check_names
from source_zone.adapters.reading import FileRefused

_ASK_AGAIN = "Ask the supplier to send the practice's records again."


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a bundle. `container` is the resource it was contained in, if any; `name` is `Type/id`."""

    kind: str
    resource: Element = field(repr=False)
    name: str = field(repr=False)
    container: Element | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One patient's record, checked against policy."""

    patient: Element = field(repr=False)
    entries: list[Entry] = field(repr=False)


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


@contextmanager
def collector_paused() -> Iterator[None]:
    """A bundle is a hundred thousand small objects and no cycle: looking for cycles again and again takes a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def find_file(path: Path, place: str) -> Seen:
    """Raises FileRefused for a file that is not a whole bundle."""
    _, seen = _load(path, place)
    return seen


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


def read_bundle(path: Path, place: str, policy: FieldPolicy) -> tuple[Bundle, Seen]:
    """Raises FileRefused, or NotInPolicy."""
    bundle, seen = _load(path, place)
    check_names("the bundle", bundle, policy.bundle, place)
    entries: list[Entry] = []
    for number, each in enumerate(bundle["entry"], 1):
        entries.extend(_entries(each, place, number, policy))
    patients = [entry.resource for entry in entries if entry.kind == "Patient"]
    if len(patients) != 1:
        _refuse(place, f"holds {len(patients)} patients, but the standard gives one record to a bundle", _ASK_AGAIN)
    return Bundle(patients[0], entries), seen


def _entries(entry: object, place: str, number: int, policy: FieldPolicy) -> Iterable[Entry]:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(resource, dict):
        _refuse(f"{place}, entry {number}", "it holds no resource", _ASK_AGAIN)
    if not entry.keys() <= policy.bundle_entry:
        check_names("the entry itself", entry, policy.bundle_entry, f"{place}, entry {number}")
    if "contained" not in resource and policy.knows(resource):
        return (_named(resource, None, policy),)
    return _with_contained(resource, None, f"{place}, entry {number}", policy)


def _with_contained(resource: Element, container: Element | None, place: str, policy: FieldPolicy) -> Iterator[Entry]:
    kind = resource.get("resourceType")
    policy.check_elements(kind, resource, place)
    yield _named(resource, container, policy)
    if "contained" not in resource:
        return
    contained = resource["contained"]
    if not isinstance(contained, list) or not all(isinstance(each, dict) for each in contained):
        _refuse(place, "what a resource contains is not a list of resources", _ASK_AGAIN)
    for each in contained:
        yield from _with_contained(each, resource, place, policy)


def _named(resource: Element, container: Element | None, policy: FieldPolicy) -> Entry:
    """What has no id of its own, or one good only inside its container, is named by a hash of itself."""
    kind, own = str(resource.get("resourceType")), resource.get("id")
    if container is None and isinstance(own, str) and policy.id.fullmatch(own):
        return Entry(kind, resource, f"{kind}/{own}")
    content = json.dumps(resource, sort_keys=True).encode()
    return Entry(kind, resource, f"{kind}/content-{hashlib.sha256(content).hexdigest()[:32]}", container)


def _load(path: Path, place: str) -> tuple[dict[str, Any], Seen]:
    try:
        data, written = path.read_bytes(), path.stat().st_mtime
    except OSError as error:
        raise FileRefused(f"{place}: {error.strerror}. Check the folder, then run the practice again.") from None
    bundle = _bundle(data, place)
    at, _ = instant(a_dict(bundle.get("meta")).get("lastUpdated") or bundle.get("timestamp"))
    taken_at = at.replace(tzinfo=UTC) if at else None
    sha256 = hashlib.sha256(data).hexdigest()
    return bundle, Seen(path.name, len(data), sha256, datetime.fromtimestamp(written, UTC), taken_at)


def _bundle(data: bytes, place: str) -> dict[str, Any]:
    bundle = _json(data, place)
    if (
        not isinstance(bundle, dict)
        or bundle.get("resourceType") != "Bundle"
        or not isinstance(bundle.get("entry"), list)
    ):
        _refuse(place, "is not a FHIR Bundle with entries", _ASK_AGAIN)
    if any(link.get("relation") == "next" for link in dicts(bundle.get("link"))):
        _refuse(place, "is one page of several, so the record is cut off", _ASK_AGAIN)
    if b'"modifierExtension"' in data or (b"\\u" in data and '"modifierExtension"' in json.dumps(bundle)):
        rule = "a modifierExtension can turn an entry into its opposite, and policy knows none"
        _refuse(place, rule, "Have it reviewed.")
    return bundle


def _json(data: bytes, place: str) -> Any:
    """msgspec is quick, and stricter than JSON must be: what it turns down, the standard library has the last word on."""
    text = data.removeprefix(codecs.BOM_UTF8)
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_no_such_number)
    except (ValueError, RecursionError):
        raise FileRefused(f"{place}: is not JSON in UTF-8, or was cut off. {_ASK_AGAIN}") from None


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse(place: str, rule: str, remedy: str) -> NoReturn:
    raise FileRefused(f"{place}: {rule}. {remedy}") from None
