"""Send: sealed parcels from the outbox to the central zone's mailbox on MESH, each as one message.

MESH makes a new message of every first call, so a first call is never repeated blindly. What is meant to be sent is
written down before; where no answer came, MESH is asked, by our own id, whether it has the message. A parcel is sent
when its last chunk is, and delivered when central has acknowledged it, which central does once it is on its disk.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossing.carriers import DIRECTORY, MESH
from crossing.connections import Secrets, read_connection
from crossing.errors import GPCollectError, PersonMustAct, TryAgain
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest, read_manifest
from crossing.mesh_answers import MeshDown, MessageGone
from crossing.mesh_envelope import (
    ACKNOWLEDGED,
    REPORT,
    STILL_UPLOADING,
    Envelope,
    NotDelivered,
    NotDeliveredYet,
    Tracking,
    non_delivery,
)
from crossing.mesh_mailbox import Mailbox, OpenMailbox, check_chunk_megabytes
from crossing.parcel import destroy_parts, read_manifest_bytes
from crossing.parcel_tar import ParcelTar
from source_zone.sent_parcels import (
    AGAIN,
    DELIVERED,
    DELIVERED_ENDING,
    MEANT,
    NOT_DELIVERED,
    SENT,
    UPLOADING,
    Passage,
    SentParcels,
)
from source_zone.settings import Settings

CONNECTION = "parcels_out"
_SENT = ".sent"


class NotAllSent(PersonMustAct):
    """Some parcels did not get to central, and somebody must mend that."""


class NotAllSentYet(TryAgain):
    """Some parcels are not on their way yet."""


class NotSureYet(TryAgain):
    """A call to MESH had no answer, and MESH does not show the message so far. It may still come to light."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelsOut:
    """Our mailbox and central's, as policy/connections.toml says."""

    url: str
    mailbox: str
    to_mailbox: str
    workflow_id: str
    chunk_megabytes: int
    unclear_seconds: int  # how long a message whose sending had no answer may take to come to light


@dataclass(frozen=True, slots=True)
class Sender:
    """Our mailbox, opened, for one collection."""

    connection: ParcelsOut
    opened: OpenMailbox
    outbox: Path
    sent: SentParcels

    def move_on(self, parcel_id: str) -> Passage:
        """One parcel as far as it gets. Raises NotSureYet, NotDelivered, MeshDown, MeshRefused, DuplicateSent."""
        try:
            return self._move_on(parcel_id)
        except MessageGone:
            raise NotDelivered(
                f"{self.name_of(parcel_id)}: MESH no longer knows the message it made of it. See at the centre whether it "
                f"came; if not: gp-source send --collection C --again {parcel_id}"
            ) from None

    def _move_on(self, parcel_id: str) -> Passage:
        passage = self.sent.read(parcel_id)
        if passage is None:
            return self._send_first(Passage(parcel_id=parcel_id, state="", at=""))
        if passage.state == AGAIN:
            return self._send_first(passage)
        if passage.state == MEANT:
            return self._find_out(passage)
        if passage.state == UPLOADING:
            return self._send_rest(passage)
        if passage.state == NOT_DELIVERED:
            raise non_delivery(self.name_of(parcel_id), passage.code)
        return self._look_after(passage) if passage.state == SENT else passage

    def _send_first(self, passage: Passage) -> Passage:
        tar = ParcelTar.of(self.outbox / passage.parcel_id)
        size = check_chunk_megabytes(f"connection {CONNECTION}", self.connection.chunk_megabytes)
        chunks = max(1, -(-tar.size // size))
        passage = self.sent.write(replace(passage, chunk_bytes=size, chunks=chunks), MEANT)
        faultpoint("send.meant")
        try:
            message_id = self.opened.send_first(
                self.connection.to_mailbox,
                tar.read(0, size),
                chunks,
                workflow_id=self.connection.workflow_id,
                local_id=passage.local_id,
                filename=f"{passage.parcel_id}.tar",
                checksum=f"sha256:{tar.sha256()}",
            )
        except PersonMustAct:  # an answer, and it was no
            self.sent.forget(passage.parcel_id)
            raise
        faultpoint("send.first_sent")
        return self._send_rest(self.sent.write(replace(passage, message_id=message_id, chunks_sent=1), UPLOADING))

    def _find_out(self, passage: Passage) -> Passage:
        """A call had no answer, or we were killed before we could write it down: does MESH have the message?"""
        found = self.opened.find_sent(passage.local_id)
        if found is None and not passage.is_older_than(self.connection.unclear_seconds):
            raise NotSureYet(
                f"{self.name_of(passage.parcel_id)}: MESH did not say whether it took it. It is asked again, and sent "
                f"again if it does not have it after {self.connection.unclear_seconds} seconds."
            )
        if found is None:
            return self._send_first(passage)
        passage = self.sent.write(replace(passage, message_id=found.message_id, chunks_sent=1), UPLOADING)
        return self._send_rest(passage) if found.status == STILL_UPLOADING else self._arrived(passage, found)

    def _send_rest(self, passage: Passage) -> Passage:
        tar = ParcelTar.of(self.outbox / passage.parcel_id)
        for number in range(passage.chunks_sent + 1, passage.chunks + 1):
            chunk = tar.read((number - 1) * passage.chunk_bytes, passage.chunk_bytes)
            self.opened.send_more(self.connection.to_mailbox, chunk, number, passage.chunks, passage.message_id)
            faultpoint("send.chunk_sent")
            passage = self.sent.write(replace(passage, chunks_sent=number), UPLOADING)
        return self.sent.write(passage, SENT)

    def _look_after(self, passage: Passage) -> Passage:
        return self._arrived(passage, self.opened.track(passage.message_id))

    def _arrived(self, passage: Passage, found: Tracking) -> Passage:
        if found.failed:
            raise self._not_delivered(passage, "14")
        if found.status == ACKNOWLEDGED:
            destroy_parts(self.outbox / passage.parcel_id)  # whoever opts out later is not to linger in our copy
            faultpoint("send.parts_destroyed")
            return self.sent.write(passage, DELIVERED)
        return passage if passage.state == SENT else self.sent.write(passage, SENT)

    def read_reports(self) -> tuple[list[GPCollectError], int]:
        """What MESH could not deliver of ours: written down, acknowledged, told. And how many reports are not on ours: they stay."""
        errors: list[GPCollectError] = []
        left = 0
        for message_id in list(self.opened.list(self.connection.workflow_id)):
            report = self.opened.envelope(message_id)
            ours = [each for each in self.sent.under_way() if report.kind == REPORT and _is_about(report, each)]
            errors += [self._not_delivered(each, report.code) for each in ours]
            if ours:
                self.opened.acknowledge(message_id)
            else:
                left += 1
        return errors, left

    def _not_delivered(self, passage: Passage, code: str) -> GPCollectError:
        error = non_delivery(self.name_of(passage.parcel_id), code)
        if isinstance(error, NotDeliveredYet):
            self.sent.again(passage.parcel_id)
        else:
            self.sent.write(replace(passage, code=code), NOT_DELIVERED)
        return error

    def name_of(self, parcel_id: str) -> str:
        manifest = _manifest(self.outbox / parcel_id)
        return f"{manifest.practice_code}, parcel {manifest.sequence} ({parcel_id})"


def _is_about(report: Envelope, passage: Passage) -> bool:
    """A parcel whose message has no id yet is known by our own id alone."""
    return report.local_id == passage.local_id or passage.message_id == (report.linked_message_id or None)


def send_parcels(collection: str, settings: Settings) -> dict[str, Any]:
    """How many parcels are in which state. Raises NotAllSent, NotAllSentYet, naming practices; MeshDown, MeshRefused."""
    if settings.outbox_carrier == DIRECTORY:
        return {"carrier": DIRECTORY}
    connection = read_connection(ParcelsOut, CONNECTION, "mesh", settings.policy())
    secrets, state = Secrets.of(CONNECTION, settings.keys), settings.landing / ".mesh" / connection.mailbox
    mailbox = Mailbox(f"connection {CONNECTION}", connection.url, connection.mailbox, secrets, state)
    with mailbox.open() as opened:
        sender = Sender(connection, opened, settings.outbox, sent_parcels(collection, settings))
        errors, left = sender.read_reports()
        states = Counter({"messages_left": left} if left else {})
        for parcel_id in _to_look_after(collection, settings, errors):
            try:
                states[sender.move_on(parcel_id).state] += 1
            except MeshDown as error:  # it will be down for the others too
                errors.append(error)
                break
            except GPCollectError as error:
                errors.append(error)
    _raise_any(errors)
    return {"carrier": MESH, **states}


def sent_parcels(collection: str, settings: Settings) -> SentParcels:
    return SentParcels(settings.memory / collection / _SENT)


def _to_look_after(collection: str, settings: Settings, errors: list[GPCollectError]) -> list[str]:
    """Parcels of the collection that are not delivered; a practice's own in their order. One that cannot be read is an error."""
    delivered = {path.stem for path in settings.memory.glob(f"*/{_SENT}/*{DELIVERED_ENDING}")}  # of every collection
    ours = []
    for path in settings.outbox.glob("[!.]*"):
        try:
            manifest = None if path.name in delivered else _manifest(path)
        except GPCollectError as error:
            errors.append(error)
            continue
        if manifest and manifest.collection == collection:
            ours.append((manifest.practice_code, manifest.sequence, manifest.parcel_id))
    return [parcel_id for _, _, parcel_id in sorted(ours)]


def _manifest(folder: Path) -> Manifest:
    return read_manifest(read_manifest_bytes(folder)[0])


def _raise_any(errors: list[GPCollectError]) -> None:
    told = list(dict.fromkeys(f"{type(error).__name__}: {error}" for error in errors))
    if told:
        kind = NotAllSent if any(isinstance(error, PersonMustAct) for error in errors) else NotAllSentYet
        raise kind(" | ".join(told))
