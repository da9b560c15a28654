"""One practice over time: its parcels in order, what became of each, what they wait for, and what reconciling found.

Rows are records and are told exactly; rows of `patient` are people, and so are registrations: fewer than 10 are not told.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from central_zone.gaps import Gap, gaps
from central_zone.ledger import COMPARED, HELD, LOADED, REFUSED
from central_zone.night.coverage import Coverage, coverage_of, people_told_of
from central_zone.night.expected import Rhythm, calendars_of
from central_zone.quality.small_numbers import FEW, OF_PEOPLE, SMALLEST_SHOWN
from central_zone.store.connection import transaction
from central_zone.store.report_tables import practice_report
from central_zone.store.tables import notice, parcel, skipped_place
from central_zone.zone import Zone
from crossing.policy import Practice
from crossing.practice_lists import PracticeList, practice_lists

A_PAGE = 60
_SETTLED = (LOADED, COMPARED, REFUSED)
_COLUMNS = tuple(column for column in parcel.c if column.name not in ("manifest", "validation"))
# A number that stands before what the sentences of reconciling count.
_SMALL_COUNT = re.compile(r"(?<![\d,-])\b\d(?= (?:rows|registrations|are|were|the|only|in)\b)")
_ABOUT_PEOPLE = re.compile(r"\bpatient:|\bregistrations\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelSeen:
    """One parcel, without its manifest."""

    parcel_id: str
    sequence: int
    kind: str
    state: str
    reason: str | None
    taken_at: datetime
    received_at: datetime
    loaded_at: datetime | None
    decided_by: str | None
    rows: Mapping[str, str]  # table -> rows loaded, in words
    rows_loaded: int  # of records, without people
    kept_out: Mapping[str, int]  # rule -> rows of records
    kept_out_of_people: tuple[str, ...]  # rules that kept out rows of people: how many is told in words alone
    seconds: Mapping[str, float]
    receipt: str | None  # the audit entry it was signed over; None: none was given yet

    @property
    def rows_kept_out(self) -> int:
        return sum(self.kept_out.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSeen:
    """A notice of erasure, or an allow list: that it came, and whether it was carried out."""

    kind: str
    sequence: int
    received_at: datetime
    applied_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeSeen:
    """Everything the page of a practice shows."""

    practice_code: str
    practice: Practice | None
    of_list: PracticeList | None
    coverage: Coverage | None
    expected_by: datetime | None
    is_late: bool
    parcels: tuple[ParcelSeen, ...]  # newest first
    more: bool
    gap: Gap | None
    skipped: tuple[int, ...]
    notices: tuple[NoticeSeen, ...]
    reported_at: datetime | None
    differences: tuple[str, ...]

    @property
    def held(self) -> tuple[int, ...]:
        """Places of those of its parcels shown here that a steward has to look at: no gap, where nothing waits behind them yet."""
        return tuple(each.sequence for each in self.parcels if each.state == HELD)

    @property
    def is_known(self) -> bool:
        return self.practice is not None or bool(self.parcels) or bool(self.notices)


def look_at(zone: Zone, collection: str, code: str, *, before: int | None = None) -> PracticeSeen:
    """One practice; parcels before a place of its sequence, or the last. Raises StoreDown, StoreRefused, PolicyRefused."""
    practice = next((each for each in zone.policy.practices() if each.practice_code == code), None)
    of_list = practice_lists(zone.policy).get(code)
    with transaction(zone.store, "look at a practice") as connection:
        calendar = calendars_of(connection, collection, [code]).get(code)
        people = people_told_of(connection, collection, [code]).get(code)
        rows = _parcels(connection, collection, code, before)
        report = _report(connection, collection, code)
        return PracticeSeen(
            practice_code=code,
            practice=practice,
            of_list=of_list,
            coverage=None if people is None else coverage_of(people, of_list.registered_patients if of_list else None),
            expected_by=calendar.expected_by() if calendar else None,
            is_late=Rhythm(practice, calendar).is_late_now(zone.now()),
            parcels=tuple(_parcel(row) for row in rows[:A_PAGE]),
            more=len(rows) > A_PAGE,
            gap=next((each for each in gaps(connection, collection) if each.practice_code == code), None),
            skipped=_skipped(connection, collection, code),
            notices=_notices(connection, collection, code),
            reported_at=report.at if report else None,
            differences=tuple(without_small_counts(each) for each in report.differences) if report else (),
        )


def without_small_counts(sentence: str) -> str:
    """A sentence of reconciling; where it counts people, small numbers are not told."""
    if not _ABOUT_PEOPLE.search(sentence):
        return sentence
    return _SMALL_COUNT.sub(FEW, sentence)


def _parcels(connection: Connection, collection: str, code: str, before: int | None) -> Sequence[Any]:
    whose = (parcel.c.collection == collection, parcel.c.practice_code == code)
    statement = select(*_COLUMNS).where(*whose).order_by(parcel.c.sequence.desc(), parcel.c.received_at.desc())
    if before is not None:
        statement = statement.where(parcel.c.sequence < before)
    return connection.execute(statement.limit(A_PAGE + 1)).all()


def _parcel(row: Any) -> ParcelSeen:
    kept_out: dict[str, int] = {}
    for table, rules in row.rows_quarantined.items():
        for rule, rows in rules.items() if table != OF_PEOPLE else ():
            kept_out[rule] = kept_out.get(rule, 0) + rows
    return ParcelSeen(
        parcel_id=str(row.parcel_id),
        sequence=row.sequence,
        kind=row.extract_kind,
        state=row.state,
        reason=row.state_reason,
        taken_at=row.extract_taken_at,
        received_at=row.received_at,
        loaded_at=row.loaded_at,
        decided_by=row.decided_by,
        rows={table: rows_in_words(table, rows) for table, rows in sorted(row.rows_loaded.items())},
        rows_loaded=sum(rows for table, rows in row.rows_loaded.items() if table != OF_PEOPLE),
        kept_out=dict(sorted(kept_out.items())),
        kept_out_of_people=tuple(sorted(row.rows_quarantined.get(OF_PEOPLE, {}))),
        seconds=row.seconds,
        receipt=row.audit_hash if row.state in _SETTLED else None,
    )


def rows_in_words(table: str, rows: int) -> str:
    """Exact, but where they are few people. Of none is said the same: that nobody came says something of somebody too."""
    return FEW if table == OF_PEOPLE and rows < SMALLEST_SHOWN else f"{rows:,}"


def _skipped(connection: Connection, collection: str, code: str) -> tuple[int, ...]:
    whose = (skipped_place.c.collection == collection, skipped_place.c.practice_code == code)
    return tuple(connection.execute(select(skipped_place.c.sequence).where(*whose).order_by("sequence")).scalars())


def _notices(connection: Connection, collection: str, code: str) -> tuple[NoticeSeen, ...]:
    columns = (notice.c.kind, notice.c.sequence, notice.c.received_at, notice.c.applied_at)
    whose = (notice.c.collection == collection, notice.c.practice_code == code)
    rows = connection.execute(select(*columns).where(*whose).order_by(notice.c.received_at.desc()).limit(20))
    return tuple(NoticeSeen(**row) for row in rows.mappings())


def _report(connection: Connection, collection: str, code: str) -> Any:
    whose = (practice_report.c.collection == collection, practice_report.c.practice_code == code)
    last = select(practice_report).where(*whose).order_by(practice_report.c.at.desc()).limit(1)
    return connection.execute(last).first()
