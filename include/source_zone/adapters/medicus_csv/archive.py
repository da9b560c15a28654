"""One zip of Medicus's, read where it lies: nothing is unpacked to disk, and nothing is believed for being in a zip."""

import csv
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from source_zone.adapters.known_columns import Header, KnownColumns
from source_zone.adapters.reading import FileRefused, stream_text
from source_zone.adapters.unpack import Unpacked

_MEMBER = re.compile(r"([a-z][a-z_]{0,40})\.csv")
_ENCRYPTED = 0x1
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# A table of records packs to a fifth or a tenth. What claims to be two hundred times its size is made to fill a disk.
_LARGEST_RATIO, _SLACK_BYTES, _LARGEST_BYTES = 200, 1 << 20, 1 << 37
_ESCAPE = "\\"
_LONGEST_HEADER = 1 << 16
_ASK_AGAIN = "Ask the supplier to send this extract again."


@dataclass(frozen=True, slots=True)
class ZippedFile:
    """One file of the zip, its header recognised."""

    archive: Path
    member: zipfile.ZipInfo = field(repr=False)
    header: Header = field(repr=False)

    def stream(self) -> Iterator[pa.RecordBatch]:
        """The rows as text, only what policy reads. Raises FileRefused where the file is cut off or its checksum does not fit."""
        columns = list(self.header.to_read or self.header.columns[:1])
        name = _called(self.archive, self.member.filename)
        yield from stream_text(name, lambda: _Lines(self.archive, self.member), columns, escape=_ESCAPE)


def open_archive(path: Path, known: KnownColumns) -> Mapping[str, ZippedFile]:
    """Table -> its file. Every member is looked at before a row of any is read. Raises FileRefused."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members, known)
            return {_table(each): _recognised(path, archive, each, known) for each in members}
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError):
        raise FileRefused(f"{path.name}: is no whole zip; it was cut off or changed. {_ASK_AGAIN}") from None


def _check_members(path: Path, members: list[zipfile.ZipInfo], known: KnownColumns) -> None:
    if any(not _MEMBER.fullmatch(each.filename) or not known.is_known(_table(each)) for each in members):
        strange = sum(not _MEMBER.fullmatch(each.filename) or not known.is_known(_table(each)) for each in members)
        raise FileRefused(
            f"{path.name}: {strange} of its {len(members)} members are no table that policy knows, or lie in a folder. "
            f"Ask the supplier what they are; then have them reviewed in policy/fields/{known.format}.toml."
        )
    packed = sum(each.compress_size for each in members)
    twice = len({each.filename for each in members}) < len(members)
    if twice or packed > path.stat().st_size or any(_is_suspicious(each) for each in members):
        raise FileRefused(
            f"{path.name}: a member comes twice, overlaps another, is encrypted, or claims to unpack to far more than such "
            f"a file can hold. Nothing of it is unpacked. {_ASK_AGAIN}"
        )
    missing = sorted(table for table in known.fields if known.to_read(table) and f"{table}.csv" not in _names(members))
    if missing:
        raise FileRefused(
            f"{path.name}: {', '.join(f'{table}.csv' for table in missing)} missing; a table without changes still has "
            f"its header. {_ASK_AGAIN}"
        )


def _is_suspicious(member: zipfile.ZipInfo) -> bool:
    too_large = member.file_size > min(_LARGEST_BYTES, _LARGEST_RATIO * member.compress_size + _SLACK_BYTES)
    return too_large or bool(member.flag_bits & _ENCRYPTED) or member.compress_type not in _PACKINGS


def _recognised(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, known: KnownColumns) -> ZippedFile:
    name = _called(path, member.filename)
    try:
        with archive.open(member) as raw:
            line = raw.readline(_LONGEST_HEADER).decode("utf-8-sig")
        found = next(csv.reader([line] if line else [], escapechar=_ESCAPE, doublequote=False))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise FileRefused(f"{name}, line 1: is no header in UTF-8. {_ASK_AGAIN}") from None
    header = known.check(Path(name), _table(member), found)
    return ZippedFile(path, member, header)


class _Lines(Unpacked):
    """Complains at the end where that is not the end of a line."""

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        super().__init__(path, member)
        self._name = _called(path, member.filename)
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        if not data and self._last != b"\n":
            raise FileRefused(f"{self._name}: the last line has no end; the file was cut off. {_ASK_AGAIN}")
        self._last = data[-1:] or self._last
        return data


def _called(path: Path, member: str) -> str:
    return f"{path.name}, {member}"


def _table(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".csv")


def _names(members: list[zipfile.ZipInfo]) -> set[str]:
    return {each.filename for each in members}
