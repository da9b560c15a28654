"""One mailbox serves many practices: its messages are sorted by what policy says, brought here whole, and then acknowledged.

A message is brought to a room of the mailbox's own, once, and given from there to each collection that takes part. MESH
is told to forget it when the first collection's parcel with it has left, or after three days if none has: it is safe on
disk since it was brought, and after five days MESH would tell the supplier that nobody fetched it.
"""

import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.mesh_answers import MessageGone
from crossing.mesh_envelope import REPORT, ChecksumDiffers, Envelope, MessageRefused, check_checksum, checksum_of
from crossing.mesh_mailbox import Mailbox, OpenMailbox
from crossing.parcel import sync_folder
from source_zone.transports.landing import Landing, NameRefused, plain_name
from source_zone.transports.mesh_book import ACKNOWLEDGED, DONE, GONE, HERE, WAITING, Book, Known, now
from source_zone.transports.transport import Progress

UNKNOWN_PRACTICE, NAME_NOT_AGREED, IS_REPORT, UNREADABLE = "unknown_practice", "name_not_agreed", "report", "unreadable"
_LISTED = "listed"
_LONGEST_UNACKNOWLEDGED = timedelta(days=3)


class NameTaken(PersonMustAct):
    """A message brings a file of a name that is here already, with other content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshConnection:
    """A mailbox that suppliers send to, as policy/connections.toml says."""

    url: str
    mailbox: str
    workflow_ids: list[str]
    file_name: str  # regular expression that a file's whole name must match
    practice_in: str  # where the practice is named: file_name, sender, local_id or subject
    practice: str  # regular expression for the whole of that, with a group `practice`
    practices: dict[str, str]  # what the group finds -> practice code; what is not here is a practice code itself
    checksum: str  # sha256, sha512 or md5 as agreed with the suppliers; none only where they cannot
    settle_seconds: int  # a delivery may be several messages: its youngest must be as old as this
    listing_seconds: int  # for so long one listing of the mailbox serves every practice


@dataclass(frozen=True, slots=True)
class Sorting:
    """The room of one mailbox. The caller has its lock."""

    mailbox: Mailbox
    connection: MeshConnection
    practice_codes: frozenset[str]
    collections: tuple[str, ...]

    @property
    def book(self) -> Book:
        return Book(self.mailbox.state / "book.sqlite")

    def path(self, known: Known) -> Path:
        """Where a message's content rests, under MESH's name for it: a supplier's own name never makes a path here."""
        return self.mailbox.state / str(known.practice_code) / known.message_id

    def sort(self, opened: OpenMailbox) -> None:
        """Looks at what waits, unless that was done a moment ago; each message's headers are asked for once."""
        mark = self.mailbox.state / _LISTED
        age = datetime.now(UTC).timestamp() - mark.stat().st_mtime if mark.exists() else None
        if age is not None and 0 <= age < self.connection.listing_seconds:
            return
        listed = [each for workflow in self.connection.workflow_ids for each in opened.list(workflow)]
        for message_id in self.book.not_sorted(listed):
            self._sort(opened, message_id)
        self.book.forget_nobodys(set(listed))
        self.book.prune()
        mark.touch()

    def _sort(self, opened: OpenMailbox, message_id: str) -> None:
        try:
            envelope = opened.envelope(message_id)
        except MessageGone:
            return
        except MessageRefused:
            self.book.note(_nobodys(message_id, UNREADABLE))
            return
        practice_code, problem = self._whose(envelope)
        if problem:
            self.book.note(_nobodys(message_id, problem, practice_code, envelope.code))
            return
        self.book.note(
            Known(
                message_id=message_id,
                practice_code=practice_code,
                file_name=envelope.file_name,
                problem=None,
                code="",
                chunks=envelope.chunks,
                checksum=envelope.checksum,
                sent_at=(envelope.sent_at or datetime.now(UTC)).isoformat(timespec="seconds"),
                seen_at=now(),
                state=WAITING,
            )
        )

    def _whose(self, envelope: Envelope) -> tuple[str | None, str | None]:
        """The practice's code where it is known, and what is wrong with the message, if anything."""
        if envelope.kind == REPORT:
            return None, IS_REPORT
        found = re.fullmatch(self.connection.practice, str(getattr(envelope, self.connection.practice_in)))
        code = self.connection.practices.get(found["practice"], found["practice"]) if found else None
        if code not in self.practice_codes:
            return None, UNKNOWN_PRACTICE
        return code, None if self._is_agreed(envelope.file_name) else NAME_NOT_AGREED

    def _is_agreed(self, file_name: str) -> bool:
        try:
            return bool(re.fullmatch(self.connection.file_name, plain_name(file_name, self.mailbox.where)))
        except NameRefused:
            return False

    def check_names(self, practice_code: str) -> None:
        """Raises MessageRefused where the practice has messages that were not named as agreed."""
        refused = [each for each in self.book.nobodys() if each.practice_code == practice_code]
        if refused:
            raise MessageRefused(
                f"{practice_code}: {len(refused)} messages in the mailbox bring files that are not named as policy says "
                "(file_name, policy/connections.toml). Ask the supplier, and see: gp-source mailboxes"
            )

    def bring(self, opened: OpenMailbox, practice_code: str, progress: Progress) -> None:
        """Every message of the practice that waits, onto our disk. Raises MessageGone, MessageRefused, ChecksumDiffers."""
        for known in self.book.of_practice(practice_code, WAITING):
            part = self.mailbox.state / f"{known.message_id}.part"
            try:
                opened.download(known.message_id, known.chunks, part, progress)
            except MessageGone:
                self.book.mark(known.message_id, GONE)
                raise
            self._check(known, part)
            self.path(known).parent.mkdir(exist_ok=True, mode=0o700)
            sha256 = checksum_of(part, "sha256")
            part.replace(self.path(known))
            sync_folder(self.path(known).parent)
            self.book.arrived(known.message_id, sha256)
            part.with_name(part.name + ".chunks").unlink(missing_ok=True)

    def _check(self, known: Known, part: Path) -> None:
        if self.connection.checksum == "none":
            return
        try:
            check_checksum(part, known.checksum, self.connection.checksum)
        except ChecksumDiffers:
            part.unlink()
            raise

    def not_landed(self, practice_code: str, collection: str) -> list[Known]:
        """What is here and this collection has not been given."""
        here = self.book.of_practice(practice_code, HERE, ACKNOWLEDGED)
        return [
            each for each in here if self.path(each).exists() and collection not in self.book.landings(each.message_id)
        ]

    def land(self, known: Known, collection: str, landing: Landing) -> None:
        """Gives a collection its own name for the file. The same file come again is not given again. Raises NameTaken."""
        name = str(known.file_name)
        if self.book.was_let_go(known, collection):
            self.book.landed(known.message_id, collection, let_go=True)
            return
        there = landing.folder / name
        if there.exists() and checksum_of(there, "sha256") != known.sha256:
            raise NameTaken(
                f"{known.practice_code}: message {known.message_id} brings a file of a name that is here already, with other "
                "content. Ask the supplier which is right, and drop the other: gp-source mailboxes --drop MESSAGE"
            )
        landing.part(name).unlink(missing_ok=True)
        _link(self.path(known), landing.part(name))
        landing.land(name)
        self.book.landed(known.message_id, collection)

    def let_go(self, practice_code: str, collection: str, names: Iterable[str]) -> None:
        """The parcels with these files have left."""
        taken = set(names)
        for known in self.book.of_practice(practice_code, HERE, ACKNOWLEDGED):
            if known.file_name in taken and collection in self.book.landings(known.message_id):
                self.book.landed(known.message_id, collection, let_go=True)

    def acknowledge(self, opened: OpenMailbox, practice_code: str) -> None:
        """Tells MESH to forget what is done with, or has been here for long; then we forget it ourselves."""
        for known in self.book.of_practice(practice_code, HERE):
            if any(self.book.landings(known.message_id).values()) or _is_here_for_long(known):
                with suppress(MessageGone):  # it is ours, and whole: whether MESH forgot it before or now is the same
                    opened.acknowledge(known.message_id)
                self.book.mark(known.message_id, ACKNOWLEDGED)
        self.forget(practice_code)

    def drop(self, opened: OpenMailbox, message_id: str, landing: Path) -> bool:
        """A person's decision that a message shall not be taken; False where it is not known. What was taken stays taken."""
        known = self.book.find(message_id)
        if known is None:
            return False
        with suppress(MessageGone):
            opened.acknowledge(message_id)
        for collection, let_go in self.book.landings(message_id).items():
            if not let_go:
                (landing / collection / str(known.practice_code) / str(known.file_name)).unlink(missing_ok=True)
            self.book.landed(message_id, collection, let_go=True)
        self.path(known).unlink(missing_ok=True)
        self.book.note(replace(known, problem=None, state=DONE))
        return True

    def forget(self, practice_code: str) -> None:
        """Our copy of what MESH was told to forget and every collection has let go."""
        for known in self.book.of_practice(practice_code, ACKNOWLEDGED):
            landings = self.book.landings(known.message_id)
            if all(landings.get(each, False) for each in self.collections):
                self.path(known).unlink(missing_ok=True)
                self.book.mark(known.message_id, DONE)


def _link(path: Path, name: Path) -> None:
    """A second name for the same bytes, or where the file system has no such thing, a copy."""
    try:
        os.link(path, name)
    except OSError:
        shutil.copyfile(path, name)


def _nobodys(message_id: str, problem: str, practice_code: str | None = None, code: str = "") -> Known:
    """Nothing a stranger wrote is kept of such a message."""
    at = now()
    return Known(
        message_id=message_id,
        practice_code=practice_code,
        file_name=None,
        problem=problem,
        code=code,
        chunks=0,
        checksum="",
        sent_at=at,
        seen_at=at,
        state=WAITING,
    )


def _is_here_for_long(known: Known) -> bool:
    return datetime.fromisoformat(known.here_at or now()) + _LONGEST_UNACKNOWLEDGED < datetime.now(UTC)
