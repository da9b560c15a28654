"""After the pull, before anything is decided: does what came look like a night, like everything again, or like a mass delete?"""

from collections.abc import Iterable
from typing import Any

from source_zone.approvals import APPROVED_DELETIONS, approvals
from source_zone.deletions import Deletions, check_deletions, count_deletions, known_after
from source_zone.identified import schema
from source_zone.memory import Memory
from source_zone.pull import table_in_spool
from source_zone.release import Release
from source_zone.roster import people, taken_on
from source_zone.spool import Spool

_DELTA = "delta"


def check_volume(release: Release, run_spool: Spool, memory: Memory, extract_ids: Iterable[str]) -> None:
    """Raises TooManyDeletions for the first extract that deletes more than policy lets pass unasked."""
    practice, largest = release.practice.practice_code, release.rules.collection.largest_deleted_share
    approved = approvals(release.policy, APPROVED_DELETIONS, release.clock().date())
    known = people(memory.tables.get("patients", schema("patient").empty_table()))
    for extract_id in extract_ids:
        patients = run_spool.read_table(table_in_spool(extract_id, "patient"))
        note = run_spool.read_note(f"read-{extract_id}")
        found = count_deletions(
            note["deleted"], sum(note["rows"].values()), known, patients, taken_on=taken_on(run_spool, extract_id)
        )
        if (practice, extract_id) not in approved:
            check_deletions(practice, extract_id, found, largest)
        run_spool.write_note(f"volume-{extract_id}", _in_words(found, note["kind"]))
        if found.is_sent_again and note["kind"] == _DELTA:
            release.progress(
                f"pull {extract_id}: {found.again:,} of {found.known_patients:,} known patients come again"
            )
        known = known_after(known, patients)


def volume(run_spool: Spool, extract_ids: Iterable[str]) -> dict[str, Any]:
    """What the outcome says of deletions and of extracts in which everything came again."""
    notes = {each: run_spool.read_note(f"volume-{each}") for each in extract_ids}
    deleted: dict[str, int] = {}
    for note in notes.values():
        for table, count in note["deleted"].items():
            deleted[table] = deleted.get(table, 0) + count
    return {
        "deleted": dict(sorted(deleted.items())),
        "rolling_deletions": sum(note["rolling_deletions"] for note in notes.values()),
        "sent_again": [each for each, note in notes.items() if note["sent_again"]],
    }


def _in_words(found: Deletions, kind: str) -> dict[str, Any]:
    return {
        "deleted": dict(found.by_table),
        "rolling_deletions": found.rolling,
        "sent_again": found.is_sent_again and kind == _DELTA,
    }
