"""Where something may have leaked to. Each surface can be given a control, which the search must then find."""

import gzip
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from leak_search.parts import Readable

NAMES, CONTENTS, UNPACKED = "names", "contents", "unpacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of bytes of a surface. Of those that may be containers, `open` gives something that can be read twice.

    `has_counters`: it is full of a server's own numbers. The values that the server keeps are searched elsewhere.
    """

    kind: str
    place: str
    open: Callable[[], Readable] = field(repr=False)
    may_be_container: bool = False
    is_control: bool = False
    has_counters: bool = False


class Surface(Protocol):
    """Somewhere to search.

    `plant` leaves the control in every kind of place of the surface, and returns these kinds; where it may not write it
    raises. `withdraw` takes the control out again.
    """

    @property
    def name(self) -> str: ...
    def plant(self, control: str) -> set[str]: ...
    def pieces(self) -> Iterator[Piece]: ...
    def withdraw(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """A file or folder that may hold what is looked for, and why. It is left out, with all it holds."""

    path: Path
    why: str


@dataclass(slots=True)
class Folder:
    """Every file below a folder, hidden ones too, with their names. Links are not followed; where they lead is searched as a name."""

    name: str
    path: Path
    allowed: Sequence[Allowed] = ()
    since: float = 0.0  # files last written before are left alone: of a folder that others use as well
    _planted: list[Path] = field(default_factory=list)

    def plant(self, control: str) -> set[str]:
        """Under a name with a dot, so that whoever watches this folder takes no notice."""
        plain, packed = (self.path / f".{control}{ending}" for ending in (".txt", ".gz"))
        self._planted = [plain, packed]
        plain.write_text(control)
        packed.write_bytes(gzip.compress(control.encode()))
        return {NAMES, CONTENTS, UNPACKED}

    def pieces(self) -> Iterator[Piece]:
        for path in self._paths():
            is_control = path in self._planted
            place = str(path.relative_to(self.path))
            written = f"{place}\n{path.readlink()}" if path.is_symlink() else place
            yield Piece(kind=NAMES, place=place, open=of_bytes(os.fsencode(written)), is_control=is_control)
            if path.is_file() and not path.is_symlink():
                yield Piece(
                    kind=CONTENTS, place=place, open=of_file(path), may_be_container=True, is_control=is_control
                )

    def withdraw(self) -> None:
        for path in self._planted:
            path.unlink(missing_ok=True)
        self._planted = []

    def _paths(self) -> Iterator[Path]:
        left_out = [each.path for each in self.allowed]
        for folder, folders, files in os.walk(self.path, onerror=_tell):
            here = Path(folder)
            folders[:] = sorted(name for name in folders if here / name not in left_out)
            found = [here / name for name in (*folders, *sorted(files)) if here / name not in left_out]
            yield from (path for path in found if path.lstat().st_mtime >= self.since)


@dataclass(slots=True)
class Kept:
    """Bytes that were gathered: what a process printed, what a server was sent."""

    name: str
    kept: list[tuple[str, bytes]] = field(repr=False)
    _planted: int | None = None

    def plant(self, control: str) -> set[str]:
        self._planted = len(self.kept)
        self.kept.append(("control", control.encode()))
        return {CONTENTS}

    def pieces(self) -> Iterator[Piece]:
        for number, (place, content) in enumerate(self.kept):
            is_control = number == self._planted
            yield Piece(
                kind=CONTENTS, place=place, open=of_bytes(content), may_be_container=True, is_control=is_control
            )

    def withdraw(self) -> None:
        if self._planted is not None:
            del self.kept[self._planted]
        self._planted = None


def of_bytes(content: bytes) -> Callable[[], Readable]:
    return lambda: io.BytesIO(content)


def of_file(path: Path) -> Callable[[], Readable]:
    return lambda: path.open("rb")


def _tell(error: OSError) -> None:
    raise error
