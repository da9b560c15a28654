"""What is known of each parcel on its way over MESH: one small file a parcel, written before and after every call."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crossing.parcel import sync_folder, write_durably

MEANT, UPLOADING, SENT, DELIVERED = "meant", "uploading", "sent", "delivered"
NOT_DELIVERED, AGAIN = "not_delivered", "again"
DELIVERED_ENDING = ".delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One parcel's way to central."""

    parcel_id: str
    state: str
    at: str  # when it got into this state
    attempt: int = 1
    message_id: str = ""
    chunk_bytes: int = 0
    chunks: int = 0
    chunks_sent: int = 0
    code: str = ""  # why MESH could not deliver it

    @property
    def local_id(self) -> str:
        """By which MESH can be asked for the message; another one where it is sent again on purpose."""
        return self.parcel_id if self.attempt == 1 else f"{self.parcel_id}-{self.attempt}"

    def is_older_than(self, seconds: int) -> bool:
        return datetime.fromisoformat(self.at) + timedelta(seconds=seconds) <= datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SentParcels:
    """The passages of one collection's parcels."""

    folder: Path

    def read(self, parcel_id: str) -> Passage | None:
        for path in (self.folder / f"{parcel_id}.json", self.folder / f"{parcel_id}{DELIVERED_ENDING}"):
            if path.exists():
                return Passage(**json.loads(path.read_text()))
        return None

    def write(self, passage: Passage, state: str) -> Passage:
        """The passage in its new state, durably. One that is delivered need not be looked into again."""
        passage = replace(passage, state=state, at=datetime.now(UTC).isoformat(timespec="seconds"))
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft, path = self.folder / f".{passage.parcel_id}.part", self.folder / f"{passage.parcel_id}.json"
        write_durably(draft, json.dumps(asdict(passage), sort_keys=True).encode())
        draft.replace(path)
        if state == DELIVERED:
            path.replace(self.folder / f"{passage.parcel_id}{DELIVERED_ENDING}")
        else:
            (self.folder / f"{passage.parcel_id}{DELIVERED_ENDING}").unlink(missing_ok=True)
        sync_folder(self.folder)
        return passage

    def forget(self, parcel_id: str) -> None:
        """It is certain that nothing was sent."""
        (self.folder / f"{parcel_id}.json").unlink(missing_ok=True)
        sync_folder(self.folder)

    def again(self, parcel_id: str) -> bool:
        """A person's word, or MESH's own trouble: the parcel goes as a new message, under a new id of ours."""
        passage = self.read(parcel_id)
        if passage is not None:
            attempt = passage.attempt + 1
            self.write(replace(passage, attempt=attempt, message_id="", chunks_sent=0, code=""), AGAIN)
        return passage is not None

    def under_way(self) -> Iterator[Passage]:
        for path in sorted(self.folder.glob("[!.]*.json")):
            yield Passage(**json.loads(path.read_text()))
