"""The plainest way in: the supplier writes to a folder the source zone can read, one sub-folder a practice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.policy import Practice
from source_zone.transports.transport import Progress


class FolderMissing(PersonMustAct):
    """The practice's folder is not where policy/practices.csv says."""


@dataclass(frozen=True, slots=True)
class Directory:
    """A folder that is the supplier's: it is read, and nothing in it is changed."""

    folder: Path
    is_remote: bool = False

    def fetch(self, since: datetime | None, progress: Progress) -> None:
        """Nothing to bring: the files lie where the supplier put them."""

    def glance(self, progress: Progress) -> None:
        """Nothing to bring."""

    def let_go(self, taken: Iterable[Path]) -> None:
        """The files are the supplier's to clear away."""


def folder_of(practice: Practice, incoming: Path) -> Path:
    """The folder with this practice's files. Raises FolderMissing; a missing folder is never an empty night."""
    folder = incoming / practice.connection
    if not folder.is_dir():
        raise FolderMissing(
            f"{practice.practice_code}: no folder {practice.connection} under the incoming folder. "
            "Ask the supplier to deliver, or correct `connection` in policy/practices.csv."
        )
    return folder
