"""A sealed parcel as one message: an uncompressed tar, always the same bytes, made as it is read; and back into a folder.

Since the bytes are always the same, the way back accepts nothing else: names, order and headers are compared, not obeyed.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from crossing.errors import PersonMustAct
from crossing.manifest import LARGEST_MANIFEST_BYTES
from crossing.parcel import (
    LARGEST_PART_BYTES,
    LARGEST_SIGNATURE_BYTES,
    MANIFEST_NAME,
    SECOND_SIGNATURE_NAME,
    SIGNATURE_NAME,
    part_name,
)

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_PIECE_BYTES = 1024 * 1024
_LARGEST = {
    MANIFEST_NAME: LARGEST_MANIFEST_BYTES,
    SIGNATURE_NAME: LARGEST_SIGNATURE_BYTES,
    SECOND_SIGNATURE_NAME: LARGEST_SIGNATURE_BYTES,
}


class TarRefused(PersonMustAct):
    """A message is not a parcel as we pack it. Nothing of it was kept."""


def _names() -> Iterator[str]:
    yield MANIFEST_NAME
    yield SIGNATURE_NAME
    yield SECOND_SIGNATURE_NAME  # the only one that may be left out
    yield from (part_name(index) for index in count())


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _padding(size: int) -> int:
    return -size % _BLOCK


@dataclass(frozen=True, slots=True)
class ParcelTar:
    """The tar of a parcel, never whole in memory nor on disk."""

    pieces: tuple[tuple[bytes | Path, int], ...]  # bytes as they are, or a file; and how many bytes

    @classmethod
    def of(cls, folder: Path) -> "ParcelTar":
        pieces: list[tuple[bytes | Path, int]] = []
        for path in (folder / name for name in _names()):
            if not path.exists():
                if path.name == SECOND_SIGNATURE_NAME:
                    continue
                break
            size = path.stat().st_size
            pieces += [(_header(path.name, size), _BLOCK), (path, size), (bytes(_padding(size)), _padding(size))]
        return cls((*pieces, (_END, len(_END))))

    @property
    def size(self) -> int:
        return sum(size for _, size in self.pieces)

    def read(self, start: int, length: int) -> bytes:
        """These bytes of the tar; fewer at its end."""
        found, offset = [], 0
        for piece, size in self.pieces:
            first, last = max(start, offset), min(start + length, offset + size)
            if first < last:
                found.append(_slice(piece, first - offset, last - first))
            offset += size
        return b"".join(found)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for start in range(0, self.size, _PIECE_BYTES):
            digest.update(self.read(start, _PIECE_BYTES))
        return digest.hexdigest()


def _slice(piece: bytes | Path, start: int, length: int) -> bytes:
    if isinstance(piece, bytes):
        return piece[start : start + length]
    with piece.open("rb") as file:
        file.seek(start)
        return file.read(length)


def unpack(tar: Path, folder: Path) -> None:
    """Writes the parcel's files into `folder`, which is empty, durably. Raises TarRefused."""
    with tar.open("rb") as file:
        names = _names()
        for name in names:
            header = file.read(_BLOCK)
            if header == _END[:_BLOCK]:
                break
            if name == SECOND_SIGNATURE_NAME and not header.startswith(name.encode()):
                name = next(names)  # noqa: PLW2901  (left out: what lies here is the file after it)
            _write_member(file, folder / name, _size_in(header, name))
        if name in (MANIFEST_NAME, SIGNATURE_NAME) or file.read() != _END[_BLOCK:]:
            raise TarRefused("A message ends where a parcel does not. Ask its sender to send it again.")


def _size_in(header: bytes, name: str) -> int:
    """The size that the next file has; the rest of its header is known. Raises TarRefused."""
    try:
        size = int(header[124:135], 8)
    except ValueError:
        size = -1
    if not 0 <= size <= _LARGEST.get(name, LARGEST_PART_BYTES) or header != _header(name, size):
        raise TarRefused(
            "A message is not a parcel as we pack it. Ask its sender, and tell whoever looks after security."
        )
    return size


def _write_member(file: BinaryIO, path: Path, size: int) -> None:
    left = size
    with path.open("xb") as member:
        while left and (piece := file.read(min(left, _PIECE_BYTES))):
            member.write(piece)
            left -= len(piece)
        member.flush()
        os.fsync(member.fileno())
    if left or file.read(_padding(size)) != bytes(_padding(size)):
        raise TarRefused("A message breaks off in the middle of a parcel. Ask its sender to send it again.")
