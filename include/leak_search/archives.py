"""Inside compressed files and archives."""

import bz2
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

import pyarrow as pa

from leak_search.parts import CannotOpen, FromChunks, Part, Readable

_CHUNK = 1 << 18
_GZIP = 16 + zlib.MAX_WBITS


def gzip_parts(stream: BinaryIO) -> Iterator[Part]:
    yield Part("unpacked", _inflated(stream, _GZIP))


def zlib_parts(stream: BinaryIO) -> Iterator[Part]:
    yield Part("unpacked", _inflated(stream, zlib.MAX_WBITS))


def bzip2_parts(stream: BinaryIO) -> Iterator[Part]:
    yield Part("unpacked", cast("Readable", bz2.BZ2File(stream)))


def xz_parts(stream: BinaryIO) -> Iterator[Part]:
    yield Part("unpacked", cast("Readable", lzma.LZMAFile(stream)))  # noqa: SIM115  (whoever opened the stream closes it)


def zstd_parts(stream: BinaryIO) -> Iterator[Part]:
    yield Part("unpacked", cast("Readable", pa.CompressedInputStream(stream, "zstd")))


def zip_parts(stream: BinaryIO) -> Iterator[Part]:
    """Every member; also what lies in front of and between them is searched, as the bytes of the file itself."""
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            if member.flag_bits & 1:
                raise CannotOpen("its members are encrypted")
            if not member.is_dir():
                with archive.open(member) as content:
                    yield Part(member.filename, cast("Readable", content))


def tar_parts(stream: BinaryIO) -> Iterator[Part]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield Part(member.name, cast("Readable", content))


def _inflated(stream: BinaryIO, format: int) -> Readable:
    """Chunk by chunk, so that what comes before a break is had; one archive after another, as gzip allows."""
    unpacking, waiting, is_whole = zlib.decompressobj(format), b"", False

    def more() -> bytes:
        nonlocal unpacking, waiting, is_whole
        while data := waiting or stream.read(_CHUNK):
            written = unpacking.decompress(data, _CHUNK)
            waiting, is_whole = unpacking.unconsumed_tail, unpacking.eof
            if is_whole:
                waiting = unpacking.unused_data.lstrip(b"\0")
                unpacking = zlib.decompressobj(format)
            if written:
                return written
        if not is_whole:
            raise EOFError
        return b""

    return FromChunks(more)
