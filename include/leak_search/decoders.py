"""Looks inside what holds other things: compressed, archived, tabular, mailed. Told by content, not by name."""

import io
import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from leak_search import archives, messages, tabular
from leak_search.parts import CannotOpen, FromChunks, Part, Readable, Told, told

DEPTH = 4
# What lies inside is held in memory to be looked into further. Beyond this it is searched as a stream, and not opened.
HELD_BYTES = 64 << 20
# No more than this comes out of one container: a bomb is told, not swallowed.
UNPACKED_BYTES = 4 << 30
_HEAD = 512
_CHUNK = 1 << 16

Decoder: TypeAlias = Callable[[BinaryIO], Iterator[Part]]
_BEGINNINGS: tuple[tuple[bytes, str, Decoder], ...] = (
    (b"\x1f\x8b\x08", "gzip", archives.gzip_parts),
    (b"\x28\xb5\x2f\xfd", "zstd", archives.zstd_parts),
    (b"BZh", "bzip2", archives.bzip2_parts),
    (b"\xfd7zXZ\x00", "xz", archives.xz_parts),
    (b"PK\x03\x04", "zip", archives.zip_parts),
    (b"PAR1", "Parquet", tabular.parquet_parts),
    (b"ARROW1", "Arrow", tabular.arrow_file_parts),
    (b"\xff\xff\xff\xff", "Arrow stream", tabular.arrow_stream_parts),
    (b"SQLite format 3\x00", "SQLite", tabular.sqlite_parts),
    (b"PGDMP", "pg_dump", messages.pg_dump_parts),
)
_MAIL = re.compile(
    rb"(From |Return-Path:|Received:|Message-ID:|MIME-Version:|Delivered-To:|Subject:|From:)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Opener:
    """`look` searches one stream of a place; `unread` is told of a place what could not be opened, and why."""

    look: Callable[[str, Readable], None]
    unread: Callable[[str, str], None]
    depth: int = DEPTH
    held_bytes: int = HELD_BYTES
    unpacked_bytes: int = UNPACKED_BYTES

    def open(self, place: str, stream: BinaryIO, level: int = 0) -> None:
        """Searches a stream that can be read again from its beginning, and then all that it holds."""
        self.look(place, stream)
        kind, decoder = decoder_for(stream)
        if decoder is None:
            return
        if level == self.depth:
            self.unread(place, f"{kind} nested deeper than {self.depth}")
            return
        try:
            with told(kind):
                for part in decoder(stream):
                    self._look_into(place, part, kind, level)
        except CannotOpen as error:
            self.unread(place, str(error))

    def _look_into(self, place: str, part: Part, kind: str, level: int) -> None:
        inside = f"{place} > {part.name}"
        self.look(f"{place} > a name", io.BytesIO(part.name.encode("utf-8", "surrogateescape")))
        stream = Told(part.stream, kind, self.unpacked_bytes)
        if part.is_plain:
            self.look(inside, stream)
            return
        held, broken = _read(stream, self.held_bytes)
        if len(held) > self.held_bytes:
            self._search_without_opening(inside, held, stream)
        else:
            self.open(inside, io.BytesIO(held), level + 1)
        if broken is not None:
            raise broken

    def _search_without_opening(self, place: str, held: bytes, rest: Readable) -> None:
        kind, decoder = decoder_for(io.BytesIO(held))
        if decoder is not None:
            self.unread(place, f"{kind} of more than {self.held_bytes} bytes inside another file")
        chunks = itertools.chain([held], iter(lambda: rest.read(_CHUNK), b""))
        self.look(place, FromChunks(lambda: next(chunks, b"")))


def decoder_for(stream: BinaryIO) -> tuple[str, Decoder | None]:
    """What a stream is, by its beginning, to which it is set back."""
    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(0)
    for beginning, kind, decoder in _BEGINNINGS:
        if head.startswith(beginning):
            return kind, decoder
    if head[257:262] == b"ustar":
        return "tar", archives.tar_parts
    if _MAIL.match(head):
        return "mail", messages.mail_parts
    return ("zlib", archives.zlib_parts) if _is_zlib(head) else ("", None)


def _is_zlib(head: bytes) -> bool:
    """Two bytes say little, so its beginning must also unpack."""
    if head[:1] != b"\x78" or len(head) < 8 or int.from_bytes(head[:2], "big") % 31:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head, _HEAD))
    except zlib.error:
        return False


def _read(stream: Readable, most: int) -> tuple[bytes, CannotOpen | None]:
    """Up to one byte more than `most`, and what broke the stream before: what came before it broke is searched all the same."""
    chunks, size = [], 0
    try:
        while size <= most and (chunk := stream.read(min(_CHUNK, most + 1 - size))):
            chunks.append(chunk)
            size += len(chunk)
    except CannotOpen as error:
        return b"".join(chunks), error
    return b"".join(chunks), None
