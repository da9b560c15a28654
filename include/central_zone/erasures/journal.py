"""The erasure journal: a file outside the store, so that a store restored from a backup can be told what it has forgotten.

One line a batch of people, each naming the hash of the line before. Marks only: no token, and nobody without the store key
can tell whom a mark stands for. A line is on disk before the store commits what it says. Whoever appends holds the lock
of all erasures (erasures.agree).
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from central_zone.errors import JournalBroken, JournalMissing
from central_zone.folders import usable
from central_zone.whole_lines import line_end_before, whole_lines_end
from crossing.manifest import canonical_json
from crossing.parcel import sync_folder

NAME = "erasures.jsonl"
NOTHING_BEFORE = "0" * 64
Position = tuple[int, str]  # the number of a line, and its hash
_START: Position = (0, NOTHING_BEFORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One batch of people, as it is written down."""

    number: int
    previous: str
    collection: str
    practice_code: str
    notice: str  # the parcel id of the practice's notice
    said_in: int  # its sequence
    batch: int
    reach: str
    marks: list[tuple[str, str | None, int]] = field(
        repr=False
    )  # registration, person where the word reaches it, up to


def append(folder: Path, line: Line) -> str:
    """Adds a line and does not return before it is on disk; answers its hash. What a killed run left of a line goes."""
    data = canonical_json(asdict(line))
    path = folder / NAME
    with usable("GP_ERASURE_JOURNAL_DIR"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            file.truncate(whole_lines_end(file))
            file.seek(0, os.SEEK_END)
            file.write(data + b"\n")
            file.flush()
            os.fsync(descriptor)
        sync_folder(folder)
    return hashlib.sha256(data).hexdigest()


def tail(folder: Path) -> Position | None:
    """The last whole line; None where nothing was ever written. A folder that is missing is not one that is empty.

    Raises JournalMissing, or JournalBroken where the line is none of ours.
    """
    last = _last_line(folder)
    return None if last is None else (_read(last).number, hashlib.sha256(last).hexdigest())


def lines(folder: Path, *, after: Position = _START) -> Iterator[tuple[Line, str]]:
    """The lines after a position, the whole chain having been checked on the way. Raises JournalMissing or JournalBroken."""
    here = _START
    found = after == _START
    for data in _whole_lines(folder):
        line, hash_ = _read(data), hashlib.sha256(data).hexdigest()
        if (line.number, line.previous) != (here[0] + 1, here[1]):
            raise JournalBroken(f"{NAME} breaks at line {here[0] + 1}. Restore it from its copy; nothing was applied.")
        here = (line.number, hash_)
        if line.number > after[0]:
            if not found:
                raise JournalBroken(f"{NAME} is not the one this store has applied. Restore it; nothing was applied.")
            yield line, hash_
        found = found or here == after
    if not found:
        raise JournalBroken(f"{NAME} is shorter than what this store has applied, or another store's. Restore it.")


def _whole_lines(folder: Path) -> Iterator[bytes]:
    try:
        with (folder / NAME).open("rb") as file:
            for data in file:
                if data.endswith(b"\n"):
                    yield data[:-1]
    except FileNotFoundError:
        raise JournalMissing(f"GP_ERASURE_JOURNAL_DIR holds no {NAME}. Restore it from its copy.") from None


def _last_line(folder: Path) -> bytes | None:
    if not folder.is_dir():
        raise JournalMissing("GP_ERASURE_JOURNAL_DIR: there is no such folder. Mount or make it; nothing was done.")
    if not (folder / NAME).exists():
        return None
    with usable("GP_ERASURE_JOURNAL_DIR"), (folder / NAME).open("rb") as file:
        end = whole_lines_end(file)
        start = line_end_before(file, end - 1) if end else 0
        file.seek(start)
        return file.read(max(end - 1 - start, 0)) or None


def _read(data: bytes) -> Line:
    try:
        content = json.loads(data)
        line = Line(**{**content, "marks": [(mark, person, up_to) for mark, person, up_to in content["marks"]]})
        if canonical_json(asdict(line)) != data:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise JournalBroken(f"{NAME} holds a line that is not one of ours. Restore it from its copy.") from None
    return line
