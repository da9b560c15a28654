"""Fetch: sealed parcels from the central zone's mailbox on MESH into the inbox, each once.

A message is acknowledged, and the source told by it that its parcel is delivered, only when the parcel's folder is in
the inbox and on disk. One that is not a parcel stays in the mailbox, is not brought twice, and is told every time.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from central_zone.folders import usable
from central_zone.inbox import is_parcel_id
from central_zone.settings import Settings
from crossing.carriers import DIRECTORY, MESH
from crossing.connections import Secrets, read_connection
from crossing.errors import GPCollectError, PersonMustAct, TryAgain
from crossing.faultpoint import faultpoint
from crossing.mesh_answers import MeshDown, MessageGone
from crossing.mesh_envelope import DATA, Envelope, MessageRefused, check_checksum
from crossing.mesh_mailbox import Mailbox, OpenMailbox
from crossing.parcel import ParcelUnreadable, publish, read_manifest_bytes, read_second_signature
from crossing.parcel_tar import TarRefused, unpack
from crossing.policy import Policy

CONNECTION = "parcels_in"
_LOCAL_ID = re.compile(r"([0-9a-f-]{36})(-\d{1,4})?")


class NotAllFetched(PersonMustAct):
    """Some messages in the mailbox are not parcels as agreed."""


class NotAllFetchedYet(TryAgain):
    """Some messages could not be brought yet."""


class AnotherParcelThere(PersonMustAct):
    """A parcel of the same id is in the inbox, and is not the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelsIn:
    """Our mailbox, and whose messages it takes, as policy/connections.toml says."""

    url: str
    mailbox: str
    from_mailboxes: list[str]
    workflow_id: str


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Our mailbox, opened. `refused` remembers what was brought and is no parcel, so that it is not brought again."""

    connection: ParcelsIn
    opened: OpenMailbox
    work: Path
    inbox: Path

    def fetch(self, message_id: str) -> str:
        """ "fetched", or "already" where the parcel was here. Raises MessageRefused, TarRefused, AnotherParcelThere, MeshDown."""
        self._check_not_refused(message_id)
        try:
            envelope = self.opened.envelope(message_id)
            parcel_id = self._parcel_of(envelope)
            part = self.work / f"{message_id}.part"
            self.opened.download(message_id, envelope.chunks, part, lambda _: None)
            faultpoint("fetch.downloaded")
            check_checksum(part, envelope.checksum, "sha256")
            state = self._into_inbox(part, parcel_id)
            faultpoint("fetch.in_the_inbox")
        except (MessageRefused, TarRefused, AnotherParcelThere) as error:
            (self.work / f"{message_id}.refused").write_text(f"{type(error).__name__}: {error}")
            self._clear(message_id)
            raise
        with suppress(MessageGone):  # its parcel is in the inbox: whether MESH forgot it before or now is the same
            self.opened.acknowledge(message_id)
        faultpoint("fetch.acknowledged")
        self._clear(message_id)
        return state

    def forget_refusals(self, *, but_for: set[str]) -> None:
        for path in self.work.glob("*.refused"):
            if path.stem not in but_for:
                path.unlink()

    def _check_not_refused(self, message_id: str) -> None:
        """Raises MessageRefused with what was found when it was brought."""
        with suppress(FileNotFoundError):
            raise MessageRefused((self.work / f"{message_id}.refused").read_text())

    def _parcel_of(self, envelope: Envelope) -> str:
        found = _LOCAL_ID.fullmatch(envelope.local_id)
        if envelope.kind != DATA or not found or not is_parcel_id(found[1]):
            raise MessageRefused(f"Message {envelope.message_id} is not sent as a parcel. It was left in the mailbox.")
        if envelope.sender not in self.connection.from_mailboxes:
            raise MessageRefused(
                f"Message {envelope.message_id} comes from a mailbox that policy/connections.toml, {CONNECTION}, does not "
                "name. It was not opened: tell whoever looks after security."
            )
        return found[1]

    def _into_inbox(self, tar: Path, parcel_id: str) -> str:
        draft, destination = self.inbox / f".draft-{parcel_id}", self.inbox / parcel_id
        shutil.rmtree(draft, ignore_errors=True)
        with usable("GP_INBOX_DIR"):
            draft.mkdir(mode=0o750)
            try:
                unpack(tar, draft)
                faultpoint("fetch.unpacked")
            except TarRefused:
                shutil.rmtree(draft)
                raise
            if not destination.exists():
                publish(draft, destination)
                return "fetched"
            same = _is_same(draft, destination)
            shutil.rmtree(draft)
        if not same:
            raise AnotherParcelThere(
                f"Parcel {parcel_id} is in the inbox already, and another one came under its id. Keep the one that the "
                "ledger loaded; if the one here was refused, move it away, then: gp-central fetch --again"
            )
        return "already"

    def _clear(self, message_id: str) -> None:
        for ending in (".part", ".part.chunks"):
            (self.work / f"{message_id}{ending}").unlink(missing_ok=True)


def _is_same(one: Path, other: Path) -> bool:
    """The manifest holds the hash of every part, so the same manifest and signatures are the same parcel."""
    try:
        return all(read(one) == read(other) for read in (read_manifest_bytes, read_second_signature))
    except ParcelUnreadable:
        return False


def fetch_parcels(settings: Settings, *, again: bool = False) -> dict[str, Any]:
    """How many parcels came; `again` looks anew at what was refused before.

    Raises NotAllFetched, NotAllFetchedYet after all that could be fetched was; MeshRefused.
    """
    if settings.inbox_carrier == DIRECTORY:
        return {"carrier": DIRECTORY}
    counts = {"fetched": 0, "already": 0}
    errors: list[GPCollectError] = []
    with _opened(settings) as fetcher:
        listed = list(
            fetcher.opened.list(fetcher.connection.workflow_id)
        )  # whole first: acknowledging shifts the pages
        fetcher.forget_refusals(but_for=set() if again else set(listed))
        for message_id in listed:
            try:
                counts[fetcher.fetch(message_id)] += 1
            except MeshDown as error:  # it will be down for the others too
                errors.append(error)
                break
            except GPCollectError as error:
                errors.append(error)
    _raise_any(errors)
    return {"carrier": MESH, **counts}


def drop(message_id: str, settings: Settings) -> dict[str, Any]:
    """A person's word that a message shall never be taken: acknowledged. Raises MessageGone where there is none."""
    with _opened(settings) as fetcher:
        fetcher.opened.acknowledge(message_id)
    return {"dropped": message_id}


@contextmanager
def _opened(settings: Settings) -> Iterator[Fetcher]:
    connection = read_connection(ParcelsIn, CONNECTION, "mesh", Policy())
    work = settings.work_folder / ".mesh" / connection.mailbox
    secrets = Secrets.of(CONNECTION, settings.keys_folder)
    mailbox = Mailbox(f"connection {CONNECTION}", connection.url, connection.mailbox, secrets, work)
    with usable("GP_CENTRAL_WORK_DIR"), mailbox.open() as opened:
        yield Fetcher(connection, opened, work, settings.inbox_folder)


def _raise_any(errors: list[GPCollectError]) -> None:
    told = list(dict.fromkeys(f"{type(error).__name__}: {error}" for error in errors))
    if told:
        kind = NotAllFetched if any(isinstance(error, PersonMustAct) for error in errors) else NotAllFetchedYet
        raise kind(" | ".join(told))
