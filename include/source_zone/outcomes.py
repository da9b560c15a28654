"""How each practice's last release ended, for `status` and the summary of a night: states, counts and our own error lines."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crossing.errors import GPCollectError
from crossing.faultpoint import faultpoint

_DRAFT = ".outcome.tmp"
_NIGHTS_KEPT = 30


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One small JSON file a practice, beside its memory; written whole or not at all."""

    folder: Path

    def record(self, practice_code: str, outcome: dict[str, Any]) -> dict[str, Any]:
        folder = self.folder / practice_code
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = {"practice_code": practice_code, **outcome, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        (folder / _DRAFT).write_text(json.dumps(content, sort_keys=True))
        faultpoint("outcome.draft_written")
        self.finish(practice_code)
        return content

    def finish(self, practice_code: str) -> None:
        """Puts in place what a run wrote that was killed before it could. Half of one says nothing, and goes."""
        draft = self.folder / practice_code / _DRAFT
        with suppress(FileNotFoundError):  # another run has just put it in place
            if _is_whole(draft):
                draft.replace(draft.with_name("outcome.json"))
            else:
                draft.unlink()

    def record_failure(self, practice_code: str, step: str, error: GPCollectError) -> None:
        """As well as can be: a failure that cannot be written down is still told by whoever runs the step.

        `nights` are the days on which it failed since it last succeeded.
        """
        with suppress(OSError):
            said = {"state": "failed", "step": step, "error": f"{type(error).__name__}: {error}"}
            self.record(practice_code, said | {"nights": self._nights_failed(practice_code)})

    def _nights_failed(self, practice_code: str) -> list[str]:
        today = datetime.now(UTC).date().isoformat()
        with suppress(ValueError):  # half of an outcome says nothing
            before = self.read(practice_code)
            nights = [*before.get("nights", ())] if before["state"] == "failed" else []
            return (nights if today in nights else [*nights, today])[-_NIGHTS_KEPT:]
        return [today]

    def read(self, practice_code: str) -> dict[str, Any]:
        path = self.folder / practice_code / "outcome.json"
        if not path.exists():
            return {"practice_code": practice_code, "state": "never collected"}
        return dict(json.loads(path.read_text()))

    def already(self, practice_code: str, parcels: Sequence[str] = ()) -> dict[str, Any]:
        """`parcels` are what an earlier try of the same run sealed."""
        return {"practice_code": practice_code, "state": "already", "parcels": list(parcels)}


def _is_whole(draft: Path) -> bool:
    try:
        json.loads(draft.read_text())
    except ValueError:
        return False
    return True
