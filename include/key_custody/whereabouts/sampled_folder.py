"""A folder that we may read and not write: a stretch of one of its own files stands for the control."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leak_search.needles import Needle
from leak_search.surfaces import Allowed, Folder

_STRETCH = 24


@dataclass(slots=True)
class SampledFolder(Folder):
    """Its control is not planted but picked, before the search: `sample` must be found in it."""

    sample: Needle | None = field(default=None, repr=False)

    def plant(self, control: str) -> set[str]:
        return set()

    def withdraw(self) -> None:
        """Nothing was planted."""


def sampled(name: str, path: Path, allowed: Sequence[Allowed]) -> SampledFolder:
    """With no sample where no file of it is long enough, or can be read."""
    folder = SampledFolder(name, path, allowed)
    for piece in folder.pieces():
        sample = _stretch_of(path / piece.place) if piece.may_be_container else None
        if sample:
            folder.sample = Needle(label=f"sample of {name}", encoding="raw", pattern=sample)
            break
    return folder


def _stretch_of(path: Path) -> bytes | None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(secrets.randbelow(max(1, min(size, 1 << 20) - _STRETCH)))
            found = file.read(_STRETCH)
    except OSError:
        return None
    return found if len(found) == _STRETCH and len(set(found)) > _STRETCH // 3 else None


def can_be_written(path: Path) -> bool:
    return os.access(path, os.W_OK | os.X_OK)
