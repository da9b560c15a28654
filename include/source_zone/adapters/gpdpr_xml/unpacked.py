"""The bytes of a GPDPR file, unpacked a little at a time, whatever its size. Bombs and broken ends are refused."""

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from source_zone.adapters.reading import FileRefused

_READ = 1 << 16
_UNPACKED = 1 << 18
# XML of attributes packs some 10 to 40 times; what packs 300 times is not a record.
_LARGEST_RATIO = 300
_MOST_MEMBERS = 1_000
_LOOKED_AT_FROM = 64 << 20
_GZIP = 16 + zlib.MAX_WBITS
_ASK_AGAIN = "Ask the supplier to send this file again, under the same name."


def unpacked(path: Path, digest: "hashlib._Hash | None" = None) -> Iterator[bytes]:
    """The bytes of a `.gz` file unpacked, or of any other as they are. `digest` takes in the file as it stands.

    Raises FileRefused for a gzip file that is cut off, damaged, followed by something else, or a bomb.
    """
    with path.open("rb") as file:
        if path.suffix == ".gz":
            yield from _gunzipped(path, file, digest)
        else:
            while block := file.read(_UNPACKED):
                if digest:
                    digest.update(block)
                yield block


def _gunzipped(path: Path, file: BinaryIO, digest: "hashlib._Hash | None") -> Iterator[bytes]:
    """Pieces of one size, however small the gzip pieces are: a parser fed byte by byte would never end."""
    ready = bytearray()
    for piece in _inflated(path, file, digest):
        ready += piece
        if len(ready) >= _UNPACKED:
            yield bytes(ready)
            ready.clear()
    yield bytes(ready)


def _inflated(path: Path, file: BinaryIO, digest: "hashlib._Hash | None") -> Iterator[bytes]:
    read, made, members = 0, 0, 1
    unpacker = zlib.decompressobj(_GZIP)
    try:
        while block := file.read(_READ):
            read += len(block)
            if digest:
                digest.update(block)
            while block:
                if unpacker.eof:  # gzip files may stand one after another
                    unpacker, members = zlib.decompressobj(_GZIP), members + 1
                piece = unpacker.decompress(block, _UNPACKED)
                block = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                made += len(piece)
                _check_sane(path, read, made, members)
                yield piece
        while not unpacker.eof and (piece := unpacker.decompress(b"", _UNPACKED)):
            yield piece
    except zlib.error:
        raise FileRefused(f"{path.name}, byte {read}: the file is not sound gzip. {_ASK_AGAIN}") from None
    if not unpacker.eof:
        raise FileRefused(f"{path.name}, byte {read}: the gzip file has no end; it was cut off. {_ASK_AGAIN}")


def _check_sane(path: Path, read: int, made: int, members: int) -> None:
    if (made > _LOOKED_AT_FROM and made > _LARGEST_RATIO * read) or members > _MOST_MEMBERS:
        raise FileRefused(
            f"{path.name}, byte {read}: unpacks to more than {_LARGEST_RATIO} times its size, or is more than "
            f"{_MOST_MEMBERS} gzip files in one. Rule: no record is. Move it away, and ask the supplier what it is."
        )
