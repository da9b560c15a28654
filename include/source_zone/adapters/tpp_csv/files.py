"""The files of an extract of TPP, in a folder or in a zip of the same name. A zip is read where it lies.

Nothing is unpacked to disk, and nothing is believed for being in a zip: names, sizes and checksums are looked at.
"""

import csv
import io
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from source_zone.adapters.reading import FileRefused, check_whole

TABLE = re.compile(r"SR(?!.*[0-9]{5})[A-Za-z0-9]{1,60}")  # printed, so never a patient's number
ENCODING = "cp1252"
UNREADABLE_ZIP = (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError)
_ENCRYPTED = 0x1
_BUFFER_BYTES = 1 << 20
# Records pack to a tenth. What claims to be two hundred times its size is made to fill a disk.
_LARGEST_RATIO, _SLACK_BYTES, _LARGEST_BYTES = 200, 1 << 20, 1 << 37
_ANY_BYTES = "latin-1"  # for headers, which are known whole or not at all; reading one decodes some rows after it, too
_ASK_AGAIN = "Ask the supplier to send this extract again, whole."


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table's file. `name` is how messages call it."""

    name: str
    path: Path = field(repr=False)
    in_zip: bool = False

    def open(self) -> IO[bytes]:
        """The bytes as they are. Of a zip it complains at the end where that is not the end of a line."""
        return io.BufferedReader(_Unpacked(self), _BUFFER_BYTES) if self.in_zip else self.path.open("rb")

    def check_whole(self) -> None:
        """Raises FileRefused for a file that is empty or cut off. A member of a zip tells when it is read."""
        if not self.in_zip:
            check_whole(self.path)

    def header(self) -> list[str]:
        """The cells of the first line. Raises FileRefused where there is none."""
        try:
            with self.open() as raw, io.TextIOWrapper(raw, encoding=_ANY_BYTES, newline="") as text:
                return next(csv.reader(text))
        except (csv.Error, StopIteration, *UNREADABLE_ZIP):
            raise FileRefused(f"{self.name}, line 1: there is no header. {_ASK_AGAIN}") from None

    def lines(self) -> list[list[str]]:
        """All of a small file. Raises FileRefused where it cannot be read as text of Windows-1252."""
        self.check_whole()
        try:
            with self.open() as raw, io.TextIOWrapper(raw, encoding=ENCODING, newline="") as text:
                return list(csv.reader(text, strict=True))
        except (csv.Error, UnicodeError, *UNREADABLE_ZIP):
            raise FileRefused(f"{self.name}: it cannot be read as a table. {_ASK_AGAIN}") from None


def files_of(path: Path) -> list[TableFile]:
    """What is in a folder, or in a zip. Raises FileRefused for what is not named as TPP names its tables."""
    found = _in_zip(path) if path.suffix == ".zip" else [TableFile(each.name, each) for each in _in_folder(path)]
    strange = [each for each in found if not _is_table(each.name)]
    if strange:
        raise FileRefused(
            f"{len(strange)} of {len(found)} files are not named as TPP names its tables, SR....csv. "
            "Move them away, or ask the supplier."
        )
    return found


def table_of(file: TableFile) -> str:
    return file.name.removesuffix(".csv")


def _is_table(name: str) -> bool:
    return name.endswith(".csv") and bool(TABLE.fullmatch(name.removesuffix(".csv")))


def _in_folder(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]


def _in_zip(path: Path) -> list[TableFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except UNREADABLE_ZIP:
        raise FileRefused(f"{path.name}: is no whole zip; it was cut off or changed. {_ASK_AGAIN}") from None
    packed = sum(each.compress_size for each in members)
    twice = len({each.filename for each in members}) < len(members)
    if twice or packed > path.stat().st_size or any(_is_suspicious(each) for each in members):
        raise FileRefused(
            f"{path.name}: a file in it comes twice, overlaps another, is encrypted, or claims to unpack to far more than "
            f"such a zip can hold. Nothing of it is unpacked. {_ASK_AGAIN}"
        )
    return [TableFile(each.filename, path, in_zip=True) for each in members]


def _is_suspicious(member: zipfile.ZipInfo) -> bool:
    too_large = member.file_size > min(_LARGEST_BYTES, _LARGEST_RATIO * member.compress_size + _SLACK_BYTES)
    known = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return too_large or not known or bool(member.flag_bits & _ENCRYPTED)


class _Unpacked(io.RawIOBase):
    """The bytes of one file of a zip as they unpack; their checksum is looked at when they end."""

    def __init__(self, file: TableFile) -> None:
        self._name = file.name
        self._archive = zipfile.ZipFile(file.path)
        self._file = self._archive.open(file.name)
        self._last = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]  # RawIOBase says any buffer; ours is one
        data = self._file.read(len(into))
        if not data and self._last != b"\n":
            raise FileRefused(f"{self._name}: it is empty, or its last line has no end: it was cut off. {_ASK_AGAIN}")
        into[: len(data)] = data
        self._last = data[-1:] or self._last
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            self._archive.close()
        super().close()
