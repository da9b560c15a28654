"""What the hash of an audit entry covers: all that it says, and the hash of the one before."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crossing.manifest import canonical_json

NOTHING_BEFORE = "0" * 64
Position = tuple[int, str]  # the number of an entry, and its hash
START: Position = (0, NOTHING_BEFORE)


@dataclass(slots=True)
class AuditEntry:
    """One entry, in the order of COLUMNS."""

    seq: int
    at: datetime
    actor: str
    event: dict[str, Any]
    previous_hash: str
    written_by: str | None
    hash: str = ""

    def hash_at(self, seq: int) -> str:
        """What its hash would be as entry number `seq`."""
        covered: dict[str, Any] = {
            "seq": seq,
            "actor": self.actor,
            "event": self.event,
            "previous_hash": self.previous_hash,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
        }
        if self.written_by is not None:  # entries from before the database named who wrote them
            covered["written_by"] = self.written_by
        return hashlib.sha256(canonical_json(covered)).hexdigest()


COLUMNS = ("seq", "at", "actor", "event", "previous_hash", "written_by", "hash")
