"""A notice for each practice: the people whom the service did not return as opted out. Whoever is not on it counts as opted out.

A notice's place in its sequence and its content are written down in one file before it is sealed, and that file goes when
it has left: whenever a run is killed, the next seals the same content in the same place, never other content.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from crossing.canonical import TOKEN_BYTES
from crossing.manifest import Manifest
from crossing.parcel import sync_folder, write_durably
from source_zone.national_opt_outs.kept_checks import KeptChecks
from source_zone.national_opt_outs.may_be_asked import may_leave
from source_zone.national_opt_outs.number_file import Numbers
from source_zone.release import Release

KIND = "national_allow_list"
_ROWS = pa.schema([pa.field("patient_token", pa.binary(TOKEN_BYTES), nullable=False)])


class SealNotice(Protocol):
    """Seals a notice and publishes it into the outbox by one rename; the same place and content again changes nothing."""

    def __call__(
        self, release: Release, kind: str, sequence: int, rows: pa.Table, taken_at: datetime, not_after: datetime
    ) -> Manifest: ...


@dataclass(frozen=True, slots=True)
class AllowLists:
    """Of one collection's practices, made of one check."""

    kept: KeptChecks
    check: int  # its number
    asked_at: datetime
    not_after: datetime
    seal_notice: SealNotice

    def publish(self, release: Release, allowed: Numbers) -> bool:
        """Whether a notice left now; not where this check's has left before. Raises MemoryUnreadable."""
        self._end_what_was_begun(release)
        place = _read(self._place(release))
        if place["check"] == self.check:
            return False
        tokens = may_leave(release, self.asked_at.date()).tokens_of(allowed)["patient_token"].to_pylist()
        begun: dict[str, str | int] = {
            "check": self.check,
            "sequence": place["sequence"] + 1,
            "taken_at": self.asked_at.isoformat(),
            "not_after": self.not_after.isoformat(),
            "tokens": base64.b64encode(b"".join(tokens)).decode(),
        }
        self.kept.seal(_draft_name(release), json.dumps(begun).encode())
        self._leave(release, begun)
        return True

    def _end_what_was_begun(self, release: Release) -> None:
        """Also of an earlier check: its place in the sequence may be taken at the centre."""
        if self._draft(release).exists():
            begun = json.loads(self.kept.unseal(_draft_name(release)))
            if begun["sequence"] > _read(self._place(release))["sequence"]:
                self._leave(release, begun)
            self._draft(release).unlink(missing_ok=True)

    def _leave(self, release: Release, begun: dict[str, str | int]) -> None:
        content = base64.b64decode(str(begun["tokens"]))
        tokens = [content[start : start + TOKEN_BYTES] for start in range(0, len(content), TOKEN_BYTES)]
        self.seal_notice(
            release,
            KIND,
            int(begun["sequence"]),
            pa.table([pa.array(tokens, pa.binary(TOKEN_BYTES))], schema=_ROWS),
            datetime.fromisoformat(str(begun["taken_at"])),
            datetime.fromisoformat(str(begun["not_after"])),
        )
        place = {"check": begun["check"], "sequence": begun["sequence"], "people": len(tokens)}
        _write(self._place(release), place)
        self._draft(release).unlink()
        sync_folder(self.kept.folder)

    def _place(self, release: Release) -> Path:
        return self.kept.folder / f"list-{release.practice.practice_code}.json"

    def _draft(self, release: Release) -> Path:
        return self.kept.folder / f"{_draft_name(release)}.sealed"


def _draft_name(release: Release) -> str:
    return f"{release.practice.practice_code}.list"


def _read(place: Path) -> dict[str, int]:
    return dict(json.loads(place.read_text())) if place.exists() else {"check": 0, "sequence": 0, "people": 0}


def _write(place: Path, content: dict[str, str | int]) -> None:
    draft = place.with_name(f".{place.name}.part")
    write_durably(draft, json.dumps(content, sort_keys=True).encode())
    draft.replace(place)
    sync_folder(place.parent)
