"""What a container holds, as streams that cannot run away and that tell what is wrong with them without quoting it."""

import lzma
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

FOREIGN_ERRORS = (
    OSError, EOFError, ValueError, LookupError, RuntimeError, NotImplementedError,
    zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, sqlite3.Error, pa.ArrowException,
)  # fmt: skip


class CannotOpen(Exception):
    """Something could not be looked into. The message names the kind and the reason, and quotes nothing."""


class NotReadable(OSError):
    """Whoever searches may not read this. It carries no text of whoever refused."""


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a container holds. `is_plain`: what it holds is bare values, in which no further container is looked for."""

    name: str
    stream: Readable
    is_plain: bool = False


@dataclass(slots=True)
class Told:
    """A stream whose errors are ours, and that ends with one after too many bytes."""

    stream: Readable
    kind: str
    most_bytes: int

    def read(self, size: int = -1, /) -> bytes:
        with told(self.kind):
            data = self.stream.read(size)
        self.most_bytes -= len(data)
        if self.most_bytes < 0:
            raise CannotOpen(f"more comes out of this {self.kind} than the search unpacks")
        return data


@contextmanager
def told(kind: str) -> Iterator[None]:
    """Foreign errors quote what they read; ours name the kind of container and of error."""
    try:
        yield
    except FOREIGN_ERRORS as error:
        raise CannotOpen(f"it cannot be read as {kind} ({type(error).__name__})") from None


class FromChunks:
    """A stream of what a function gives until it gives nothing. What it gave before it failed is read first."""

    def __init__(self, more: Callable[[], bytes], close: Callable[[], None] = lambda: None) -> None:
        self._more, self.close = more, close
        self._waiting = bytearray()
        self._error: Exception | None = None

    def read(self, size: int = -1, /) -> bytes:
        while self._error is None and (size < 0 or len(self._waiting) < size) and (chunk := self._next()):
            self._waiting += chunk
        taken = len(self._waiting) if size < 0 else size
        data = bytes(self._waiting[:taken])
        del self._waiting[:taken]
        if self._error is not None and not data:
            raise self._error
        return data

    def _next(self) -> bytes:
        try:
            return self._more()
        except Exception as error:
            self._error = error
            return b""
