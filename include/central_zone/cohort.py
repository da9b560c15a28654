"""Who may be in a release: of everybody in the store, those who can be told apart, were checked lately, and did not opt out.

Fail closed: whoever could not be checked stays out, and is counted. Works on sets inside the store; no token is read here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Select,
    Table,
    Text,
    Uuid,
    distinct,
    exists,
    func,
    insert,
    select,
)
from sqlalchemy.types import TypeEngine

from central_zone.current_records import analyse, current, temporary
from central_zone.national_allow_list import latest_checks
from central_zone.store.release_tables import national_allow_list
from central_zone.store.tables import parcel
from crossing.errors import SoftwareFault

_INSTANT = DateTime(timezone=True)
_REGISTRATION: dict[str, TypeEngine[Any]] = {
    "practice_code": Text(),
    "registration_token": Uuid(),
    "patient_token": Uuid(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The table of the registrations that may be released, and exact counts of who stayed out and why."""

    registrations: Table  # practice_code, registration_token, patient_token
    practices: int
    persons_released: int
    excluded_no_valid_number: int  # registrations: of how many people, nobody can say
    practices_without_check: tuple[str, ...] = ()
    oldest_check: datetime | None = None
    relies_until: datetime | None = None
    persons_checked: int = 0
    excluded_opted_out: int = 0
    excluded_no_current_check: int = 0


def everybody_known(connection: Connection, collection: str) -> Cohort:
    """For a use that is exempt: everybody who can be told apart. Whoever cannot is never released."""
    everybody = _everybody(connection, collection)
    chosen = select(everybody).where(everybody.c.patient_token.is_not(None))
    return Cohort(
        registrations=(registrations := _filled(connection, "cohort", chosen)),
        practices=_count(connection, everybody.c.practice_code),
        persons_released=_count(connection, registrations.c.patient_token),
        excluded_no_valid_number=_without_person(connection, everybody),
    )


def everybody_allowed(connection: Connection, collection: str, now: datetime) -> Cohort:
    """Where the national data opt-out applies: who was checked, and is on the list of every practice that was."""
    everybody, checks = _everybody(connection, collection), _current_checks(connection, collection, now)
    at_checked = everybody.join(checks, checks.c.practice_code == everybody.c.practice_code)
    known = everybody.c.patient_token.is_not(None)
    objecting = _filled(
        connection,
        "objecting",
        select(everybody.c.patient_token)
        .distinct()
        .select_from(at_checked)
        .where(known, ~_is_on_list(everybody, collection, now)),
        {"patient_token": Uuid()},
    )
    # Somebody may be registered at two practices. Absent from either's list is opted out, as far as we know.
    objects = exists().where(objecting.c.patient_token == everybody.c.patient_token)
    registrations = _filled(connection, "cohort", select(everybody).select_from(at_checked).where(known, ~objects))
    checked = _count(connection, everybody.c.patient_token, of=at_checked)
    cohort = Cohort(
        registrations=registrations,
        practices=_count(connection, everybody.c.practice_code),
        persons_released=_count(connection, registrations.c.patient_token),
        excluded_no_valid_number=_without_person(connection, everybody),
        **_who_was_asked_about(connection, everybody, checks),
        persons_checked=checked,
        excluded_opted_out=_count(connection, objecting.c.patient_token),
        excluded_no_current_check=_count(connection, everybody.c.patient_token) - checked,
    )
    if cohort.persons_released + cohort.excluded_opted_out != checked:
        raise SoftwareFault(
            "The counts of a release do not close: checked is not released and opted out. Nothing was released."
        )
    return cohort


def _everybody(connection: Connection, collection: str) -> Table:
    """Each registration of today's patients, and whose it is: NULL where the person has no valid NHS number."""
    patient = current("patient")
    registration = (patient.c.practice_code, patient.c.registration_token)
    # The token, so that of two records alike new it is each time the same one.
    newest = (patient.c.parcel_number.desc(), patient.c.record_token)
    rank = func.row_number().over(partition_by=registration, order_by=newest).label("rank")
    rows = (
        select(*registration, patient.c.patient_token, rank)
        .join(parcel, parcel.c.parcel_number == patient.c.parcel_number)
        .where(parcel.c.collection == collection)
        .subquery()
    )
    whole = select(rows.c.practice_code, rows.c.registration_token, rows.c.patient_token).where(rows.c.rank == 1)
    return _filled(connection, "everybody", whole)


def _current_checks(connection: Connection, collection: str, now: datetime) -> Table:
    """The practices whose latest list may still be relied on."""
    columns: dict[str, TypeEngine[Any]] = {"practice_code": Text(), "checked_at": _INSTANT, "expires_at": _INSTANT}
    checks = temporary(connection, "current_check", columns)
    rows = [
        {name: getattr(row, name) for name in columns}
        for row in latest_checks(connection, collection)
        if row.expires_at >= now
    ]
    if rows:
        connection.execute(insert(checks), rows)
    analyse(connection, checks)
    return checks


def _is_on_list(everybody: Table, collection: str, now: datetime) -> ColumnElement[bool]:
    return exists().where(
        national_allow_list.c.collection == collection,
        national_allow_list.c.practice_code == everybody.c.practice_code,
        national_allow_list.c.patient_token == everybody.c.patient_token,
        national_allow_list.c.expires_at >= now,
    )


def _who_was_asked_about(connection: Connection, everybody: Table, checks: Table) -> dict[str, Any]:
    """Which practices' people were not checked, and between when and when the others'."""
    ours = select(everybody.c.practice_code).distinct().subquery()
    rows = connection.execute(
        select(ours.c.practice_code, checks.c.checked_at, checks.c.expires_at)
        .select_from(ours.outerjoin(checks, checks.c.practice_code == ours.c.practice_code))
        .order_by(ours.c.practice_code)
    ).all()
    return {
        "practices_without_check": tuple(row.practice_code for row in rows if row.checked_at is None),
        "oldest_check": min((row.checked_at for row in rows if row.checked_at), default=None),
        "relies_until": min((row.expires_at for row in rows if row.expires_at), default=None),
    }


def _filled(
    connection: Connection, name: str, rows: Select[Any], columns: dict[str, TypeEngine[Any]] | None = None
) -> Table:
    columns = columns or _REGISTRATION
    made = temporary(connection, name, columns)
    connection.execute(insert(made).from_select(list(columns), rows))
    analyse(connection, made)
    return made


def _count(connection: Connection, column: ColumnElement[Any], *, of: FromClause | None = None) -> int:
    """How many different ones; NULL is none."""
    counted = select(func.count(distinct(column)))
    return connection.execute(counted if of is None else counted.select_from(of)).scalar_one()


def _without_person(connection: Connection, everybody: Table) -> int:
    return connection.execute(
        select(func.count()).select_from(everybody).where(everybody.c.patient_token.is_(None))
    ).scalar_one()
