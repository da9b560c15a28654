"""How anything leaves: the next memory is put down beside the present one, the draft is renamed, the memory is renamed.

The order is the promise: what a killed run leaves here always says whether the parcel left (see recover).
"""

from pathlib import Path

from crossing.faultpoint import faultpoint
from source_zone.left_already import check_is_next, note_left
from source_zone.memory import Memory
from source_zone.release import Release
from source_zone.seal_notice import publish_notice


def check_place_is_free(release: Release, sequence: int, parcel: str, kind: str | None = None) -> None:
    """Raises MemoryIsOld where another parcel has left in this place. Notices have places of their own, by kind."""
    check_is_next(*_whose(release, kind), sequence, parcel)


def note_place(release: Release, sequence: int, parcel: str, kind: str | None = None) -> None:
    """What has left in this place."""
    note_left(*_whose(release, kind), sequence, parcel)


def leave(release: Release, moved_on: Memory, sequence: int, kind: str | None = None) -> Memory:
    """The draft of `moved_on.parcel_id` leaves, and the practice's memory moves on with it."""
    parcel = moved_on.parcel_id or ""
    file = release.memory_file()
    file.prepare(moved_on)
    publish_notice(release, parcel)
    faultpoint("leave.published")
    note_place(release, sequence, parcel, kind)
    faultpoint("leave.noted")
    file.commit()
    faultpoint("leave.remembered")
    return moved_on


def _whose(release: Release, kind: str | None) -> tuple[Path, str, str]:
    practice = release.practice.practice_code
    return release.settings.landing, release.rules.collection.id, f"{practice}.{kind}" if kind else practice
