"""What MESH says about a message, in headers and in tracking: strangers' words, so each is checked before it is used."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crossing.errors import PersonMustAct, TryAgain

DATA, REPORT = "DATA", "REPORT"
STILL_UPLOADING, ACKNOWLEDGED = "uploading", "acknowledged"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_PLAIN_CODE = re.compile(r"[A-Za-z0-9 -]{1,40}")
_MOST_CHUNKS = 4000  # 20 GB, MESH's own limit, in the smallest chunks it takes
# What a non-delivery report's code means (MESH's list of error codes), and so who must act.
_REPORT_CODES = {
    "02": "its data did not arrive whole",
    "06": "its headers held control characters",
    "07": "our own mailbox was not accepted as the sender",
    "08": "no recipient was named",
    "09": "its control file has a version that MESH does not know",
    "11": "its type was not accepted",
    "12": "the recipient's mailbox is not registered",
    "14": "the recipient did not collect it in time (5 days), or its mailbox is closed",
    "17": "the recipient is not registered for the workflow",
    "18": "the workflow is not enabled",
    "19": "its expiry was not accepted",
    "20": "it does not exist",
}
_OF_THE_MOMENT = frozenset({"02"})


class MessageRefused(PersonMustAct):
    """A message is not what was agreed. It stays in the mailbox, unacknowledged."""


class ChecksumDiffers(TryAgain):
    """What arrived is not what was sent. It was thrown away and is brought again."""


class NotDelivered(PersonMustAct):
    """MESH reports that a message of ours did not reach its recipient."""


class NotDeliveredYet(TryAgain):
    """MESH reports a failure of the moment; the message is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message's headers. Only `message_id`, `kind`, `chunks` and `code` have been checked; the rest is as written."""

    message_id: str
    kind: str
    workflow_id: str
    sender: str
    file_name: str
    local_id: str
    subject: str
    chunks: int
    checksum: str
    sent_at: datetime | None
    code: str  # of a report: why something of ours was not delivered
    linked_message_id: str  # of a report: which message of ours

    @classmethod
    def of(cls, message_id: str, headers: Mapping[str, str]) -> "Envelope":
        """`headers` as the HTTP library gives them, whatever the case of their names. Raises MessageRefused."""
        kind = headers.get("Mex-MessageType", "")
        if kind not in (DATA, REPORT):
            raise MessageRefused("A message is of a kind that is neither DATA nor REPORT. It was left in the mailbox.")
        code = headers.get("Mex-StatusCode", "") if kind == REPORT else ""
        return cls(
            message_id=plain_message_id(message_id),
            kind=kind,
            workflow_id=headers.get("Mex-WorkflowID", ""),
            sender=headers.get("Mex-From", ""),
            file_name=headers.get("Mex-FileName", ""),
            local_id=headers.get("Mex-LocalID", ""),
            subject=headers.get("Mex-Subject", ""),
            chunks=_chunks(headers.get("Mex-Chunk-Range", "1:1")) if kind == DATA else 0,
            checksum=headers.get("Mex-Content-Checksum", ""),
            sent_at=_instant(headers.get("Mex-StatusTimestamp", "")),
            linked_message_id=headers.get("Mex-LinkedMsgID", ""),
            code=code if not code or _PLAIN_CODE.fullmatch(code) else "unreadable",
        )


def plain_message_id(text: str) -> str:
    """Raises MessageRefused: an id becomes part of a URL and of a file's name."""
    if not _PLAIN_ID.fullmatch(text):
        raise MessageRefused("MESH gave a message an id that is not plain. Report it to the MESH service desk.")
    return text


def _chunks(text: str) -> int:
    found = re.fullmatch(r"[0-9]{1,5}:([0-9]{1,5})", text)
    if not found or not 1 <= int(found[1]) <= _MOST_CHUNKS:
        raise MessageRefused("A message's number of chunks cannot be read. It was left in the mailbox.")
    return int(found[1])


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where a message of ours is, as MESH says."""

    message_id: str
    status: str
    failed: bool

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Tracking":
        """From version 2 of the API, or from version 1, in which alone a LocalID can be asked for."""
        message_id = plain_message_id(str(found.get("message_id") or found.get("messageId") or ""))
        status = str(found.get("status") or "").lower()
        said = found.get("status_success", found.get("statusSuccess"))
        return cls(message_id, status, failed=said in (False, "ERROR") or status in ("error", "undeliverable"))


def non_delivery(what: str, code: str) -> NotDelivered | NotDeliveredYet:
    """The error that a report stands for. A code we do not know is for a person."""
    meaning = _REPORT_CODES.get(code, "MESH gives a code that we do not know")
    if code in _OF_THE_MOMENT:
        return NotDeliveredYet(f"{what} was not delivered: {meaning} (code {code}). It is sent again.")
    return NotDelivered(f"{what} was not delivered: {meaning} (code {code}). Mend that with the recipient first.")


def checksum_of(path: Path, algorithm: str) -> str:
    """As we write it in Mex-Content-Checksum, whose alphabet allows a colon: `sha256:<hex>`."""
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def check_checksum(path: Path, stated: str, algorithm: str) -> None:
    """MESH passes checksums on and does not look at them. Raises MessageRefused where one is missing, ChecksumDiffers."""
    written = stated.strip().lower().replace("-", "").replace("/", ":").replace(" ", ":").rpartition(":")[2]
    if not re.fullmatch(r"[0-9a-f]{32,128}", written):
        raise MessageRefused(
            f"A message came without the {algorithm} checksum that was agreed. Ask its sender for Mex-Content-Checksum."
        )
    if f"{algorithm}:{written}" != checksum_of(path, algorithm):
        raise ChecksumDiffers("A message's content is not what its checksum says. It is brought again.")
