"""The landing folder of a practice whose deliveries are fetched: where they come to rest until their parcels have left.

A file is written under a name that adapters do not look at, and renamed when it is whole and on disk. A journal says
what has been brought, so that nothing is brought twice although the supplier still shows it.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossing.errors import PersonMustAct
from crossing.parcel import sync_folder, write_durably

JOURNAL = ".journal.json"
UNDER_WAY = ".under-way"
_GOING = ".going"  # journal entry, no file name: files whose removal has begun
# A supplier's file name becomes a path here and a word in messages: plain, short, and never a way out of the folder.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,199}")


class NameRefused(PersonMustAct):
    """A supplier's file has a name that cannot be a plain file name."""


def plain_name(name: str, where: str) -> str:
    """The name itself. Raises NameRefused, without repeating it: a stranger's file name may hold a patient's."""
    if not _PLAIN_NAME.fullmatch(name) or ".." in name:
        raise NameRefused(
            f"{where}: a file's name is not plain (letters, digits, . _ @ - up to 200). Ask the supplier to name it as agreed."
        )
    return name


@dataclass(frozen=True, slots=True)
class Landing:
    """One practice's landing folder. Only the source zone's own account can look into it."""

    folder: Path

    def open(self) -> "Landing":
        """Makes the folder on first use, and ends a removal that a crash cut short."""
        (self.folder / UNDER_WAY).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remove_those_going()
        return self

    def is_empty(self) -> bool:
        """Whether no delivery rests here: what begins with a dot is under way, or our own."""
        return not self.folder.is_dir() or all(path.name.startswith(".") for path in self.folder.iterdir())

    def part(self, name: str) -> Path:
        """Where a file is written while it is under way. What is there already is a part brought before a crash."""
        return self.folder / UNDER_WAY / name

    def land(self, name: str, *, into: str = "") -> Path:
        """The file is whole: onto the disk, then under its own name (in a sub-folder `into`), in one step."""
        part, target = self.part(name), self.folder / into / name
        with part.open("rb") as file:
            os.fsync(file.fileno())
        target.parent.mkdir(exist_ok=True, mode=0o700)
        part.replace(target)
        sync_folder(target.parent)
        return target

    def journal(self) -> dict[str, Any]:
        """What has been brought, by name; empty at first. A journal that cannot be read counts as empty:

        everything is then brought again, and extracts taken already are recognised by their fingerprints.
        """
        try:
            known = json.loads((self.folder / JOURNAL).read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def note(self, **entries: Any) -> None:
        """Adds to the journal, durably."""
        draft = self.folder / (JOURNAL + ".part")
        draft.unlink(missing_ok=True)
        write_durably(draft, json.dumps({**self.journal(), **entries}, sort_keys=True).encode())
        draft.replace(self.folder / JOURNAL)
        sync_folder(self.folder)

    def remove(self, taken: Iterable[Path]) -> None:
        """Removes landed files, all or, after a crash, the rest by the next `open`. Files elsewhere are not touched."""
        going = [str(path.relative_to(self.folder)) for path in taken if path.is_relative_to(self.folder)]
        if going:
            self.note(**{_GOING: going})
            self._remove_those_going()

    def _remove_those_going(self) -> None:
        going = self.journal().get(_GOING)
        if not going:
            return
        for name in going:
            (self.folder / name).unlink(missing_ok=True)
        for parent in {(self.folder / name).parent for name in going} - {self.folder}:
            shutil.rmtree(parent, ignore_errors=True)  # an export's manifest is of no use alone
        self.note(**{_GOING: []})
