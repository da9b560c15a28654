"""Reconcile: what should be here against what is, for each practice. Expected deliveries, counts, and recon extracts.

Reads the ledger and counts rows; changes no record. What differs is told by practice, and a row a practice is kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from central_zone.errors import PracticesDiffer
from central_zone.gaps import gaps
from central_zone.quality.keep_results import forget_old_results
from central_zone.quality.thresholds import read_thresholds
from central_zone.reconcile_calendar import Calendar
from central_zone.reconcile_counts import PARCELS_AT_ONCE, count_some, forget_counts
from central_zone.reconcile_findings import Findings, calendars, findings
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.report_tables import practice_report
from central_zone.store.role_names import STEWARD
from central_zone.zone import Zone, opened
from crossing.policy import Practice

_NAMED = 40  # practices in the line of an error; all of them are in the report


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeReport:
    """How one practice stands. Sentences, codes, counts and instants only."""

    practice_code: str
    agrees: bool
    differences: tuple[str, ...]
    facts: dict[str, Any]


def count_rows(collection: str, settings: Settings, *, again: bool = False) -> int:
    """Counts, in the store, the rows of every parcel not counted yet; `again`, of all. Answers how many parcels.

    Results of validation that policy keeps no longer go meanwhile.
    """
    with opened(settings, role=STEWARD) as zone:
        forget_old_results(zone, read_thresholds(zone.policy).keep_results_days)
        if again:
            with transaction(zone.store, "count again") as connection:
                forget_counts(connection, collection)
        counted = 0
        while True:
            with transaction(zone.store, "count rows") as connection:
                some = count_some(connection, collection, at=zone.now())
            counted += some
            if some < PARCELS_AT_ONCE:
                return counted


def report(collection: str, settings: Settings) -> list[PracticeReport]:
    """A report for each practice that takes part or has sent a parcel; kept in the ledger, and answered in order."""
    with opened(settings, role=STEWARD) as zone, transaction(zone.store, "reconcile") as connection:
        known = calendars(connection, collection)
        found = findings(connection, collection)
        for gap in gaps(connection, collection):
            found.setdefault(gap.practice_code, Findings()).differences.append(f"{gap.in_words()}.")
        taking_part = {each.practice_code: each for each in zone.policy.practices()}
        codes = sorted({*taking_part, *known})
        made = [_report(zone, taking_part.get(code), code, known.get(code), found.get(code)) for code in codes]
        reports = [each for each in made if each is not None]
        rows = [
            {
                "collection": collection,
                "practice_code": each.practice_code,
                "agrees": each.agrees,
                "differences": list(each.differences),
                "facts": each.facts,
            }
            for each in reports
        ]
        if rows:
            connection.execute(insert(practice_report), rows)
    return reports


def write_report(collection: str, settings: Settings) -> dict[str, list[str]]:
    """As `report`, for Airflow: what differs, by practice."""
    return {each.practice_code: list(each.differences) for each in report(collection, settings) if not each.agrees}


def check_agreement(collection: str, reports: list[PracticeReport]) -> None:
    """Raises PracticesDiffer, naming them."""
    check_none_differs(collection, {each.practice_code: list(each.differences) for each in reports if not each.agrees})


def check_none_differs(collection: str, differing: dict[str, list[str]]) -> None:
    """Raises PracticesDiffer, naming each practice with what differs."""
    if not differing:
        return
    told = [f"{code}: {' '.join(said)}" for code, said in sorted(differing.items())]
    more = f" | and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    raise PracticesDiffer(
        f"{collection}: {len(told)} practices differ. {' | '.join(told[:_NAMED])}{more}. "
        f"What to do with each: docs/runbook.md. All: gp-central reconcile --collection {collection}"
    )


def _report(
    zone: Zone, practice: Practice | None, code: str, calendar: Calendar | None, found: Findings | None
) -> PracticeReport | None:
    """None for a practice that takes no part today and has left nothing open."""
    now = zone.now()
    differences = list(found.differences) if found else []
    if practice is None:
        differences.append("It is not in policy/practices.csv, and sent parcels. Ask how that came about.")
    elif practice.takes_part_on(now.date()):
        differences += _overdue(practice, calendar, now)
    elif calendar and practice.participates_until and calendar.taken_last.date() > practice.participates_until:
        differences.append(f"It takes part until {practice.participates_until}, and sent an extract taken later.")
    if not differences and not (practice and practice.takes_part_on(now.date())):
        return None
    facts = {**(calendar.facts() if calendar else {}), **(found.facts if found else {})}
    return PracticeReport(practice_code=code, agrees=not differences, differences=tuple(differences), facts=facts)


def _overdue(practice: Practice, calendar: Calendar | None, now: datetime) -> list[str]:
    if calendar is not None:
        return calendar.overdue(now)
    if now.date() - practice.participates_from <= timedelta(days=1):
        return []
    return [f"Nothing has ever arrived; it takes part since {practice.participates_from}."]
