"""One Bulk Data export on disk: a folder named by its transaction time, with the server's manifest and its NDJSON files.

An export is trusted whole or not at all: a manifest that tells of errors, a file that is missing, cut off or shorter than
the manifest says stops the practice. Names of files can hold anything, so messages say which of how many.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from source_zone.adapters.reading import FileRefused

MANIFEST = "manifest.json"
_STAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=-]{0,254}", re.ASCII)
_LONGEST_LINE = 64 * 1024 * 1024
_LARGEST_MANIFEST = 64 * 1024 * 1024
_HARMLESS_SEVERITIES = frozenset({"warning", "information"})
_ASK_AGAIN = "Ask for the export again; nothing of this one is taken."


@dataclass(slots=True)
class Place:
    """Which line of which file is being read; becomes words only where a message needs it."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export. `count` is how many lines the server says it has, where it says so."""

    kind: str
    path: Path = field(repr=False)
    count: int | None
    place: str  # safe to print


@dataclass(frozen=True, slots=True)
class Export:
    """What the manifest says there is."""

    taken_at: datetime
    is_increment: bool
    output: list[ExportFile]
    troubles: list[ExportFile]
    deleted: list[ExportFile]

    def stated_records(self) -> int | None:
        """How many resources the server says it sent; None where it does not say so of every file."""
        counts = [each.count for each in self.output]
        return None if None in counts else sum(each for each in counts if each)


def export_folders(folder: Path, practice_code: str) -> list[Path]:
    """The exports that have arrived whole, oldest first. A name with a dot in front is under way."""
    if not folder.is_dir():
        raise FileRefused(f"{practice_code}: its folder is not there. Check the path, or the way in.")
    found = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    strange = [each for each in found if not _STAMP.fullmatch(each.name)]
    if strange:
        rule = f"{len(strange)} of {len(found)} folders are not named by a transaction time (20260902T010000Z)"
        _refuse(practice_code, rule, "Move them away.")
    if not found:
        raise FileRefused(f"{practice_code}: no export in its folder. Check the way in, or ask the supplier.")
    return found


def read_export(folder: Path, practice_code: str) -> Export:
    """Raises FileRefused for a manifest that cannot be read, belongs elsewhere, or does not match the files."""
    place = f"{practice_code}, export {folder.name}"
    manifest = _manifest(folder / MANIFEST, place)
    taken_at = _transaction_time(manifest.get("transactionTime"), place)
    if taken_at.strftime("%Y%m%dT%H%M%SZ") != folder.name:
        _refuse(place, "its transaction time is not that of its folder", "Put the export back as it came.")
    parts = {
        part: [_file(folder, part, place, *numbered) for numbered in enumerate(_entries(manifest, part, place), 1)]
        for part in ("output", "error", "outcome", "deleted")
    }
    _check_all_are_named([each.path.name for files in parts.values() for each in files], folder, place)
    increment = "_since=" in str(manifest.get("request"))
    return Export(taken_at, increment, parts["output"], parts["error"] + parts["outcome"], parts["deleted"])


def _manifest(path: Path, place: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            _refuse(place, "its manifest is far too long to be one", _ASK_AGAIN)
        manifest = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise FileRefused(f"{place}: {MANIFEST}: {error.strerror}. {_ASK_AGAIN}") from None
    except (ValueError, RecursionError):
        raise FileRefused(f"{place}: {MANIFEST} is not JSON, or was cut off. {_ASK_AGAIN}") from None
    if not isinstance(manifest, dict):
        _refuse(place, f"{MANIFEST} is not a manifest", _ASK_AGAIN)
    return cast("dict[str, Any]", manifest)


def _transaction_time(value: object, place: str) -> datetime:
    try:
        at = datetime.fromisoformat(str(value))
        return (
            at.astimezone(UTC).replace(microsecond=0)
            if at.tzinfo
            else _refuse(place, "its transaction time has no zone", _ASK_AGAIN)
        )
    except (ValueError, OverflowError):
        return _refuse(place, "its transaction time is no date", _ASK_AGAIN)


def _entries(manifest: dict[str, Any], part: str, place: str) -> list[dict[str, Any]]:
    found = manifest.get(part, [] if part != "output" else None)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        _refuse(place, f"the manifest's {part} is not a list of files", _ASK_AGAIN)
    return cast("list[dict[str, Any]]", found)


def _file(folder: Path, part: str, place: str, number: int, entry: dict[str, Any]) -> ExportFile:
    where = f"{place}, {part} {number}"
    name = entry.get("file") or str(entry.get("url")).split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == MANIFEST:
        _refuse(where, "the manifest names no file that could be one", _ASK_AGAIN)
    path = folder / name
    if not path.is_file() or path.is_symlink():
        _refuse(where, "the file is missing", _ASK_AGAIN)
    count = entry.get("count")
    if count is not None and (type(count) is not int or count < 0):
        _refuse(where, "its count is no number", _ASK_AGAIN)
    return ExportFile(str(entry.get("type")), path, count, where)


def _check_all_are_named(names: list[str], folder: Path, place: str) -> None:
    if len(set(names)) < len(names):
        _refuse(place, "the manifest names one file twice", _ASK_AGAIN)
    found = {each.name for each in folder.iterdir() if not each.name.startswith(".")}
    extra = found - {*names, MANIFEST}
    if extra:
        rule = f"{len(extra)} of its files are not in the manifest"
        _refuse(place, rule, "Move them away, or ask for the export again.")


def check_untroubled(export: Export) -> int:
    """How many harmless remarks the server made. Raises FileRefused where it could not export everything."""
    remarks = 0
    for file in export.troubles:
        for place, line in lines(file):
            for issue in _issues(line, place):
                if not isinstance(issue, dict) or issue.get("severity") not in _HARMLESS_SEVERITIES:
                    remedy = "Ask the supplier what could not be exported. A partial export is not taken."
                    _refuse(file.place, "the server says that it could not export everything", remedy)
                remarks += 1
    return remarks


def _issues(line: bytes, place: Place) -> list[Any]:
    try:
        outcome = json.loads(line)
    except (ValueError, RecursionError):
        raise FileRefused(f"{place}: is not JSON. {_ASK_AGAIN}") from None
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    return issues if isinstance(issues, list) and issues else [None]


def lines(file: ExportFile) -> Iterator[tuple[Place, bytes]]:
    """Every line, with its place, which is the same object for all.

    Raises FileRefused at the end where there are fewer or more than stated.
    """
    place = Place(file.place)
    found = 0
    try:
        with _opened(file.path) as stream:
            for line in iter(partial(stream.readline, _LONGEST_LINE), b""):
                if line.isspace():
                    continue
                place.line = found = found + 1
                if len(line) == _LONGEST_LINE:
                    _refuse(place, "is far too long for a resource", _ASK_AGAIN)
                if file.count is not None and found > file.count:
                    break
                yield place, line
    except (OSError, EOFError, zlib.error):
        raise FileRefused(f"{file.place}: cannot be read, or was cut off after {found} lines. {_ASK_AGAIN}") from None
    if file.count is not None and found != file.count:
        rule = f"has {'more than' if found > file.count else ''} {min(found, file.count)} lines where the manifest says {file.count}"
        _refuse(file.place, " ".join(rule.split()), _ASK_AGAIN)


def _opened(path: Path) -> BinaryIO:
    """Plain or compressed, by what it is and not by what it is called."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(path)) if compressed else path.open("rb")


def _refuse(place: str | Place, rule: str, remedy: str) -> NoReturn:
    raise FileRefused(f"{place}: {rule}. {remedy}") from None
