"""What has left, written down apart from the memory, so that a memory restored from an old backup shows itself.

Objections of the nights since that backup are not in it, and the deliveries that brought them may be gone. One line a
parcel: its place and its id.
"""

import os
import re
from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.parcel import sync_folder

FOLDER = ".left"  # among the landed deliveries: what was let go there is what such a memory would miss
_LINE = re.compile(r"^([0-9]+) ([0-9a-f-]{36})$", re.MULTILINE)


class MemoryIsOld(PersonMustAct):
    """The practice's memory is older than what has left: going on would forget objections."""


def check_is_next(landing: Path, collection: str, practice_code: str, sequence: int, parcel_id: str) -> None:
    """Raises MemoryIsOld where another parcel has left in this place. The same one again is a run that is repeated."""
    if _left(_file(landing, collection, practice_code)).get(str(sequence), parcel_id) != parcel_id:
        raise MemoryIsOld(
            f"{practice_code}: parcel {sequence} has left already, made of another extract, so the practice's memory is older "
            "than that. Restore the newest memory there is; where it is lost, see the runbook. Nothing leaves meanwhile."
        )


def note_left(landing: Path, collection: str, practice_code: str, sequence: int, parcel_id: str) -> None:
    """Durably, and once."""
    file = _file(landing, collection, practice_code)
    if _left(file).get(str(sequence)) == parcel_id:
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("a") as lines:
        lines.write(f"\n{sequence} {parcel_id}\n")
        lines.flush()
        os.fsync(lines.fileno())
    sync_folder(file.parent)


def places_left(landing: Path, collection: str, practice_code: str) -> dict[int, str]:
    """Every place of the sequence that was noted, and the id of what left there."""
    return {int(place): parcel for place, parcel in _left(_file(landing, collection, practice_code)).items()}


def _file(landing: Path, collection: str, practice_code: str) -> Path:
    return landing / FOLDER / collection / practice_code


def _left(file: Path) -> dict[str, str]:
    """Place -> parcel id. A line that a crash cut short is none."""
    found = _LINE.findall(file.read_text()) if file.exists() else []
    return dict(found)
