"""MESH: suppliers send messages to a mailbox of ours, each one file of a practice's delivery."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crossing.errors import GPCollectError
from crossing.mesh_answers import MeshDown
from crossing.mesh_mailbox import Mailbox
from crossing.policy import Policy, Practice
from source_zone.settings import Settings
from source_zone.transports.connections import ConnectionRefused, Secrets, read_connection
from source_zone.transports.landing import Landing
from source_zone.transports.mesh_sorting import MeshConnection, Sorting
from source_zone.transports.transport import NotReadyYet, Progress

_CHECKSUMS = ("sha256", "sha512", "md5", "none")
_PRACTICE_IN = ("file_name", "sender", "local_id", "subject")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mesh:
    """One practice's share of its supplier's mailbox."""

    practice_code: str
    collection: str
    landing: Landing
    sorting: Sorting = field(repr=False)
    is_remote: bool = True

    @classmethod
    def of(cls, practice: Practice, collection: str, landing: Landing, policy: Policy, settings: Settings) -> "Mesh":
        """Raises ConnectionRefused."""
        return cls(practice.practice_code, collection, landing, sorting_of(practice.connection, policy, settings))

    @property
    def folder(self) -> Path:
        return self.landing.folder

    def fetch(self, since: datetime | None, progress: Progress) -> None:
        """Every message of this practice. Raises NotReadyYet, MeshDown, MeshRefused, MessageRefused, NameTaken."""
        try:
            with self.sorting.mailbox.open() as opened:
                self.sorting.sort(opened)
                self.sorting.check_names(self.practice_code)
                self.sorting.bring(opened, self.practice_code, progress)
                self.sorting.acknowledge(opened, self.practice_code)
                self._land()
        except MeshDown as error:
            if error.ask_again_at is None:
                raise
            raise NotReadyYet(str(error), error.ask_again_at) from None

    def glance(self, progress: Progress) -> None:
        self.fetch(None, progress)

    def let_go(self, taken: Iterable[Path]) -> None:
        """Written down before our copy goes, so that a crash in between ends in nothing being taken twice."""
        paths = [path for path in taken if path.is_relative_to(self.folder)]
        if not paths:
            return
        with self.sorting.mailbox.lock():
            self.sorting.let_go(self.practice_code, self.collection, (path.name for path in paths))
            self.landing.remove(paths)
        try:
            with self.sorting.mailbox.open() as opened:
                self.sorting.acknowledge(opened, self.practice_code)
        except (
            GPCollectError
        ) as error:  # the parcels have left: MESH is told by the next fetch, which shows a lasting fault
            _log.warning("%s: MESH could not be told yet: %s", self.practice_code, type(error).__name__)

    def _land(self) -> None:
        """All of a delivery at once: the adapter must not take half of one for the whole."""
        waiting = self.sorting.not_landed(self.practice_code, self.collection)
        youngest = max(
            (datetime.fromisoformat(each.sent_at) for each in waiting), default=datetime.min.replace(tzinfo=UTC)
        )
        if waiting:
            settled = youngest + timedelta(seconds=self.sorting.connection.settle_seconds)
            if settled > datetime.now(UTC):
                raise NotReadyYet(f"{self.sorting.mailbox.where}: a delivery is still arriving.", settled)
        for known in waiting:
            self.sorting.land(known, self.collection, self.landing)


def sorting_of(name: str, policy: Policy, settings: Settings) -> Sorting:
    """The room of a mailbox, for all its practices. Raises ConnectionRefused."""
    connection = read_connection(MeshConnection, name, "mesh", policy)
    _check(name, connection)
    state = settings.landing / ".mesh" / connection.mailbox
    mailbox = Mailbox(f"connection {name}", connection.url, connection.mailbox, Secrets.of(name, settings.keys), state)
    of_connection = [each for each in policy.practices() if each.transport == "mesh" and each.connection == name]
    return Sorting(
        mailbox, connection, frozenset(each.practice_code for each in of_connection), tuple(policy.collections())
    )


def _check(name: str, connection: MeshConnection) -> None:
    try:
        has_group = "practice" in re.compile(connection.practice).groupindex
        re.compile(connection.file_name)
    except (re.error, TypeError):
        has_group = False
    faults = [
        fault
        for fault, is_so in (
            ("mailbox is not a mailbox's name", not re.fullmatch(r"[A-Z0-9]{4,20}", connection.mailbox)),
            ("workflow_ids is empty", not connection.workflow_ids),
            ("practice or file_name is no regular expression, or practice has no group of that name", not has_group),
            (f"practice_in is none of {', '.join(_PRACTICE_IN)}", connection.practice_in not in _PRACTICE_IN),
            (f"checksum is none of {', '.join(_CHECKSUMS)}", connection.checksum not in _CHECKSUMS),
        )
        if is_so
    ]
    if faults:
        raise ConnectionRefused(f"policy/connections.toml, {name}: {'; '.join(faults)}. Correct the file.")
