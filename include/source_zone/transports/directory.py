"""The plainest way in: the supplier writes to a folder the source zone can read, one sub-folder a practice."""

from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.policy import Practice


class FolderMissing(PersonMustAct):
    """The practice's folder is not where policy/practices.csv says."""


def folder_of(practice: Practice, incoming: Path) -> Path:
    """The folder with this practice's files. Raises FolderMissing; a missing folder is never an empty night."""
    folder = incoming / practice.connection
    if not folder.is_dir():
        raise FolderMissing(
            f"{practice.practice_code}: no folder {practice.connection} under the incoming folder. "
            "Ask the supplier to deliver, or correct `connection` in policy/practices.csv."
        )
    return folder
