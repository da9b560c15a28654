"""The source's book of cases: what was answered, what was refused and why. Counts and ids; each line covers the one before.

It is what makes a case answerable once, whatever the centre sends, and it is never shortened.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crossing.case_request import CaseRefused
from crossing.errors import PersonMustAct
from crossing.manifest import canonical_json
from crossing.parcel import sync_folder

BEGUN, ANSWERED, REFUSED = "begun", "answered", "refused"
_NOTHING_BEFORE = "0" * 64
_NAME = "cases.jsonl"
Line = dict[str, Any]


class CaseBookBroken(PersonMustAct):
    """The book was changed or cut short: which cases were answered is not known, so none is."""


@dataclass(frozen=True, slots=True)
class CaseBook:
    """One a source zone. Its folder is among what is backed up."""

    folder: Path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One case at a time; another run waits."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def check_is_new(self, case_id: str, practice_code: str, *, request_sha256: str, file_sha256: str) -> None:
        """A case that was begun and not answered, because its run was killed, goes on with the very same file alone.

        Raises CaseRefused or CaseBookBroken.
        """
        before = [line for line in self.lines() if line["what"] in (BEGUN, ANSWERED)]
        same = [
            line
            for line in before
            if line["practice_code"] == practice_code
            and (line["case"] == case_id or line["request_sha256"] == request_sha256)
        ]
        renamed = [line for line in before if line["case"] == case_id and line["request_sha256"] != request_sha256]
        if renamed or any(line["what"] == ANSWERED or line["file_sha256"] != file_sha256 for line in same):
            raise CaseRefused("already_carried_out", "it was answered before, or another was under its id. Ask anew.")

    def append(self, what: str, at: datetime, **said: Any) -> None:
        """Durable when this returns. The caller holds the lock."""
        lines = self._texts()
        previous = hashlib.sha256(lines[-1]).hexdigest() if lines else _NOTHING_BEFORE
        line = {"what": what, "at": at.isoformat(timespec="seconds"), "previous": previous, **said}
        descriptor = os.open(self.folder / _NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(canonical_json(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)

    def lines(self) -> list[Line]:
        """Raises CaseBookBroken where a line does not follow from the one before."""
        found: list[Line] = []
        previous = _NOTHING_BEFORE
        for number, text in enumerate(self._texts(), start=1):
            try:
                line = json.loads(text)
                follows = line["previous"] == previous
            except (ValueError, TypeError, KeyError):
                follows = False
            if not follows:
                raise CaseBookBroken(f"{_NAME}: line {number} is not the one that was written. Restore it from backup.")
            found.append(line)
            previous = hashlib.sha256(text).hexdigest()
        return found

    def _texts(self) -> list[bytes]:
        """A last line without an end is of a run that was killed while it wrote: nothing was answered on it."""
        path = self.folder / _NAME
        data = path.read_bytes() if path.exists() else b""
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            with path.open("r+b") as file:
                file.truncate(len(data) - len(torn))
        return whole.split(b"\n") if whole else []
