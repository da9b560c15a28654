"""Before anybody is let go: do the practice's opt-outs, as a whole, look like those of a living practice?

Each objection is judged on its own elsewhere. Here a source that is absent, empty, stale, unreadable or suddenly smaller
stops the practice: no news of objections is not the same as no objections.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crossing.errors import PersonMustAct
from crossing.manifest_fields import DELTA
from crossing.policy import OptOutSource
from source_zone.approvals import APPROVED_OPT_OUTS, EVERY, approvals
from source_zone.consent_codes import DISSENT, WITHDRAWAL
from source_zone.memory import Memory
from source_zone.objections import CONSENTS
from source_zone.release import Release
from source_zone.roster import dissenting, objections_known, taken_at, taken_on
from source_zone.spool import Spool

MORE_WITHDRAWALS = "more_withdrawals_than_dissents"


class OptOutsAbsent(PersonMustAct):
    """A whole extract without the table in which objections are written."""


class NoOptOutsAtAll(PersonMustAct):
    """A practice of some size in which nobody ever objected."""


class OptOutsStale(PersonMustAct):
    """What is known of a practice's objections is too old to let anybody go by it."""


class OptOutsUnreadable(PersonMustAct):
    """Of the entries that say or take back an objection, too many cannot be read."""


class OptOutsShrunk(PersonMustAct):
    """Too many objections ended in one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A practice's opt-outs in counts: all that the checks look at."""

    practice_code: str
    extract_id: str  # the newest of the run
    patients: int  # registrations ever heard of
    bare_extract_patients: int  # patient rows of a whole extract that has no coded entry, or none
    spoken: int  # consent entries ever heard of
    pulled: int  # consent entries of this run
    pulled_unreadable: int
    in_force_before: int  # registrations with an objection in force, after the last run
    ended: int  # of these, without one now
    newest: datetime  # when the newest extract known was taken


def check_opt_outs(release: Release, run_spool: Spool, memory: Memory, patients: pa.Table, consents: pa.Table) -> None:
    """Raises OptOutsAbsent, OptOutsStale, NoOptOutsAtAll, OptOutsUnreadable, OptOutsShrunk. All facts up to now are given."""
    source, now = release.rules.collection.opt_out_source, release.clock()
    seen = _look(release, run_spool, memory, patients, consents)
    check_there(seen, source)
    check_fresh(seen, source, now)
    approved = approvals(release.policy, APPROVED_OPT_OUTS, now.date())
    if (seen.practice_code, EVERY) not in approved and (seen.practice_code, seen.extract_id) not in approved:
        check_not_empty(seen, source)
    if (seen.practice_code, seen.extract_id) not in approved:
        check_readable(seen, source)
        check_not_shrunk(seen, source)


def _look(release: Release, run_spool: Spool, memory: Memory, patients: pa.Table, consents: pa.Table) -> Seen:
    extract_ids = run_spool.read_note("extracts")["ids"]
    notes = [run_spool.read_note(f"read-{each}") for each in extract_ids]
    first_ever = not memory.taken_extracts
    whole = [note for place, note in enumerate(notes) if note["kind"] != DELTA or (first_ever and place == 0)]
    newest = max(filter(None, (*(taken_at(run_spool, each) for each in extract_ids), memory.taken_until_instant())))
    before = _in_force(release, memory.tables.get("consents", CONSENTS.empty_table()), _day(memory, newest))
    after = _in_force(release, consents, max(newest.date(), taken_on(run_spool, extract_ids[-1])))
    return Seen(
        practice_code=release.practice.practice_code,
        extract_id=extract_ids[-1],
        patients=pc.count_distinct(patients["registration_id"]).as_py(),
        bare_extract_patients=max((_patients_of_a_bare_extract(note) for note in whole), default=0),
        spoken=_spoken(consents),
        pulled=sum(note["consents"] for note in notes),
        pulled_unreadable=sum(note["consents_unreadable"] for note in notes),
        in_force_before=len(before),
        ended=len(before - after),
        newest=newest,
    )


def _day(memory: Memory, newest: datetime) -> date:
    return (memory.taken_until_instant() or newest).date()


def _in_force(release: Release, consents: pa.Table, as_of: date) -> frozenset[str]:
    return dissenting(release.rules, objections_known(consents), as_of=as_of) if consents.num_rows else frozenset()


def _patients_of_a_bare_extract(note: dict[str, Any]) -> int:
    rows = note["rows"]
    return int(rows["patient"]) if rows["observation"] == 0 else 0


def _spoken(consents: pa.Table) -> int:
    return int(pc.sum(pc.is_in(consents["meaning"], pa.array([DISSENT, WITHDRAWAL]))).as_py() or 0)


def check_there(seen: Seen, source: OptOutSource) -> None:
    if seen.bare_extract_patients < source.entries_expected_from_patients:
        return
    raise OptOutsAbsent(
        f"{seen.practice_code}, extract {seen.extract_id}: {seen.bare_extract_patients:,} patients and not one coded entry, so "
        "objections cannot have been read. Rule: opt_out_source.entries_expected_from_patients in the collection's file, "
        f"{source.entries_expected_from_patients:,}. Have the supplier deliver the extract whole; nothing leaves meanwhile."
    )


def check_fresh(seen: Seen, source: OptOutSource, now: datetime) -> None:
    age = now - seen.newest
    if age <= timedelta(days=source.stale_after_days):
        return
    raise OptOutsStale(
        f"{seen.practice_code}: the newest extract known is {age.days:,} days old, so later objections are not known. Rule: "
        f"opt_out_source.stale_after_days in the collection's file, {source.stale_after_days:,}. Have the supplier deliver a "
        "newer extract, and run the practice again."
    )


def check_not_empty(seen: Seen, source: OptOutSource) -> None:
    if seen.spoken or seen.patients < source.objections_expected_from_patients:
        return
    raise NoOptOutsAtAll(
        f"{seen.practice_code}, extract {seen.extract_id}: {seen.patients:,} patients are known, and nobody ever objected or took "
        "it back. Rule: opt_out_source.objections_expected_from_patients in the collection's file, "
        f"{source.objections_expected_from_patients:,}. Ask the practice. If that is so, have it approved by a line in "
        f"policy/{APPROVED_OPT_OUTS} (extract `{EVERY}`); else have the supplier deliver again."
    )


def check_readable(seen: Seen, source: OptOutSource) -> None:
    many = seen.pulled_unreadable >= source.unreadable_at_least
    if not (many and seen.pulled_unreadable > source.largest_unreadable_share * seen.pulled):
        return
    raise OptOutsUnreadable(
        f"{seen.practice_code}, extract {seen.extract_id}: a date or a flag cannot be read in {seen.pulled_unreadable:,} of "
        f"{seen.pulled:,} entries about objections. Rule: opt_out_source.largest_unreadable_share in the collection's file, "
        f"{source.largest_unreadable_share:.0%}. Have the supplier deliver again, or, where the practice says that its record is "
        f"like that, have it approved by a line in policy/{APPROVED_OPT_OUTS}: these patients then stay, the others leave."
    )


def check_not_shrunk(seen: Seen, source: OptOutSource) -> None:
    if seen.ended < source.fall_at_least or seen.ended <= source.largest_fall * seen.in_force_before:
        return
    raise OptOutsShrunk(
        f"{seen.practice_code}, extract {seen.extract_id}: of {seen.in_force_before:,} registrations with an objection in force, "
        f"{seen.ended:,} have none any more. Rule: opt_out_source.largest_fall in the collection's file, {source.largest_fall:.0%}. "
        "Ask the practice and the supplier whether it is meant; then either have it approved by a line in "
        f"policy/{APPROVED_OPT_OUTS}, or have the supplier deliver again. Nothing leaves meanwhile."
    )


def warnings_about(consents: pa.Table) -> list[str]:
    """What is odd and stops nobody: codes of taking back that outnumber those of objecting may be mixed up."""
    standing = [row["meaning"] for row in objections_known(consents).to_pylist() if not row["is_deleted"]]
    return [MORE_WITHDRAWALS] if standing.count(WITHDRAWAL) > standing.count(DISSENT) else []
