"""Our ids for messages to the service: `<mailbox>-<DDMMYY>-<4 digit number>`, as it asks, and each given once.

MESH may answer with a colon in an id, the service does not answer at all: there are only letters, digits and hyphens.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.mesh_answers import DuplicateSent
from crossing.mesh_mailbox import OpenMailbox
from crossing.parcel import sync_folder, write_durably

_MOST_A_DAY = 9999


class TooManyRequests(PersonMustAct):
    """A mailbox has sent all the requests that a day has numbers for."""


@dataclass(frozen=True, slots=True)
class LocalIds:
    """Of one mailbox, which the caller has to itself. `folder` is the mailbox's own."""

    folder: Path
    mailbox: str

    def new(self, opened: OpenMailbox, now: datetime) -> str:
        """One that MESH does not know either: another client of ours, or we before a restored backup, may have used it."""
        while True:
            local_id = self._next(now)
            if not _is_known(opened, local_id):
                return local_id

    def _next(self, now: datetime) -> str:
        """Written down before it is used: a number may be lost in a crash, and is never given twice."""
        day, mark = now.strftime("%d%m%y"), self.folder / "local_ids"
        number = _last(mark, day) + 1
        if number > _MOST_A_DAY:
            raise TooManyRequests(
                f"Mailbox {self.mailbox} has sent {_MOST_A_DAY} requests today. Raise largest_request."
            )
        draft = self.folder / "local_ids.part"
        write_durably(draft, f"{day} {number}".encode())
        draft.replace(mark)
        sync_folder(self.folder)
        return f"{self.mailbox}-{day}-{number:04d}"


def _last(mark: Path, day: str) -> int:
    try:
        of_day, number = mark.read_text().split()
    except (OSError, ValueError):
        return 0
    return int(number) if of_day == day else 0


def _is_known(opened: OpenMailbox, local_id: str) -> bool:
    try:
        return opened.find_sent(local_id) is not None
    except DuplicateSent:
        return True
