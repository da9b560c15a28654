"""A notice for each practice: the people whom the service did not return as opted out. Whoever is not on it counts as opted out.

A notice is sealed as a draft, its place in the sequence is written down beside the last one, and the draft leaves by one
rename. Whenever a run is killed, the next ends that notice first, and no place is ever given to other people.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from crossing.canonical import NATIONAL_ALLOW_LIST
from crossing.parcel import sync_folder, write_durably
from source_zone.leave import check_place_is_free, note_place
from source_zone.national_opt_outs.may_be_asked import may_leave
from source_zone.national_opt_outs.number_file import Numbers
from source_zone.release import Release
from source_zone.seal_notice import Notice, draft_notice, notice_id, publish_notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A practice's last allow list."""

    check: int = 0  # of which it was made
    sequence: int = 0
    people: int = 0
    parcel_id: str = ""
    manifest_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class AllowLists:
    """Of one collection's practices, made of one check. `folder` is the collection's."""

    folder: Path
    check: int  # its number
    asked_at: datetime
    not_after: datetime

    def publish(self, release: Release, allowed: Numbers) -> str | None:
        """The id of the notice that left now; None where this check's has left. Raises MemoryUnreadable, MemoryIsOld."""
        self._end_what_was_begun(release)
        last = self._read(self._last(release))
        if last.check == self.check:
            return None
        notice = Notice(
            kind=NATIONAL_ALLOW_LIST,
            sequence=last.sequence + 1,
            rows=may_leave(release).tokens_of(allowed),
            taken_at=self.asked_at,
            not_after=self.not_after,
            previous_manifest_sha256=last.manifest_sha256,
        )
        check_place_is_free(release, notice.sequence, notice_id(release, notice), NATIONAL_ALLOW_LIST)
        manifest = draft_notice(release, notice)
        sync_folder(release.settings.outbox)
        listed = Listed(
            check=self.check,
            sequence=notice.sequence,
            people=notice.rows.num_rows,
            parcel_id=manifest.parcel_id,
            manifest_sha256=manifest.sha256(),
        )
        self._begin(release, listed)
        self._end_what_was_begun(release)
        return manifest.parcel_id

    def _begin(self, release: Release, listed: Listed) -> None:
        draft = self.folder / f".{self._next(release).name}.part"
        write_durably(draft, json.dumps(asdict(listed), sort_keys=True).encode())
        draft.replace(self._next(release))
        sync_folder(self.folder)

    def _end_what_was_begun(self, release: Release) -> None:
        """A draft that is gone has left, whether or not a carrier took it since."""
        if not self._next(release).exists():
            return
        begun = self._read(self._next(release))
        publish_notice(release, begun.parcel_id)
        note_place(release, begun.sequence, begun.parcel_id, NATIONAL_ALLOW_LIST)
        self._next(release).replace(self._last(release))
        sync_folder(self.folder)

    def _last(self, release: Release) -> Path:
        return self.folder / f"list-{release.practice.practice_code}.json"

    def _next(self, release: Release) -> Path:
        return self.folder / f"list-{release.practice.practice_code}.next.json"

    def _read(self, path: Path) -> Listed:
        return Listed(**json.loads(path.read_text())) if path.exists() else Listed()


def last_lists(folder: Path) -> dict[str, Listed]:
    """Of each practice that has had one."""
    found = (path for path in sorted(folder.glob("list-*.json")) if not path.name.endswith(".next.json"))
    return {path.stem.removeprefix("list-"): Listed(**json.loads(path.read_text())) for path in found}
