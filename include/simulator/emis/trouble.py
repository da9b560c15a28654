"""Planted trouble: rows that must be held back, quarantined or counted once. Some of each kind at every practice."""

from collections.abc import Callable, Iterator

import numpy as np

from simulator import codes
from simulator.codes import Role
from simulator.emis import administration, events, observations
from simulator.emis.planting import (
    WITHHOLDING,
    Builder,
    Kind,
    Planting,
    as_observation,
    coded,
    marked_confidential,
    on_day,
    planting,
    start_of,
    with_bad_date,
    with_bad_number,
)
from simulator.emis.tombstones import tombstones
from simulator.facts import NO_PATIENT, STRANGER, Precision, Rows, look_back_day
from simulator.practice import Practice
from simulator.texts import UNDATED


def planted(source: Practice, night: int, file: str) -> Iterator[Rows]:
    """The trouble planted in one file of one night."""
    plant = _PLANTS.get(file)
    if plant is not None and source.size.trouble:
        yield from plant(planting(source, night))


def _in_observations(here: Planting) -> Iterator[Rows]:
    build = observations.observations
    for kind in WITHHOLDING:
        yield _withheld(here, kind)
    yield with_bad_number(here.rows(build, Kind.BAD_NUMBER), "Value")
    yield from _about_birth(here, build)
    yield from _in_any_event(here, build)
    yield on_day(here.rows(build, Kind.FUTURE), here.today + 30, "EffectiveDate")
    for kind in (Kind.OLD, Kind.JUST_RECENT, Kind.UNDATED):  # what the planted referrals are about
        yield here.rows(build, kind)
    if here.night > 1:
        gone = as_observation(here.rows(build, Kind.THEN_DELETED))
        yield gone.with_facts(duplicate=True)
        yield tombstones(gone)


def _withheld(here: Planting, kind: Kind) -> Rows:
    """Observations that may not leave, whoever they are about."""
    rows = as_observation(here.rows(observations.observations, kind))
    if kind == Kind.CONFIDENTIAL:
        return marked_confidential(rows)
    pool = {
        Kind.RESTRICTED: codes.of_role(Role.RESTRICTED),
        Kind.IDENTIFIER: np.array(codes.IDENTIFIER_CODES),
        Kind.UNKNOWN_CODE: np.array([codes.UNKNOWN_CODE]),
    }[kind]
    return coded(rows, np.roll(pool, -here.source.number - here.night))


def _in_consultations(here: Planting) -> Iterator[Rows]:
    yield from _in_any_event(here, events.consultations)
    yield from _future_at_first(here, events.consultations, "EffectiveDate")
    yield marked_confidential(here.rows(events.consultations, Kind.CONFIDENTIAL))


def _in_diary(here: Planting) -> Iterator[Rows]:
    build = events.diary_entries
    yield from _in_any_event(here, build)
    yield from _future_at_first(here, build, "EffectiveDate")
    yield from _about_birth(here, build)
    yield marked_confidential(here.rows(build, Kind.CONFIDENTIAL))
    yield coded(here.rows(build, Kind.RESTRICTED), codes.of_role(Role.RESTRICTED))
    yield coded(here.rows(build, Kind.UNKNOWN_CODE), codes.UNKNOWN_CODE)


def _in_drug_records(here: Planting) -> Iterator[Rows]:
    yield from _in_prescriptions(here, events.drug_records, "Quantity")


def _in_issue_records(here: Planting) -> Iterator[Rows]:
    yield from _in_prescriptions(here, events.issue_records, "CourseDurationInDays")


def _in_prescriptions(here: Planting, build: Builder, number: str) -> Iterator[Rows]:
    yield from _in_any_event(here, build)
    yield from _future_at_first(here, build, "EffectiveDate")
    yield from _about_ten_years_old(here, build, "EffectiveDate")
    yield marked_confidential(here.rows(build, Kind.CONFIDENTIAL))
    yield with_bad_number(here.rows(build, Kind.BAD_NUMBER), number)
    unknown = here.rows(build, Kind.UNKNOWN_CODE).with_facts(code=codes.UNKNOWN_CODE)
    yield unknown.with_columns(CodeId=codes.DRUG_IDS[codes.UNKNOWN_DRUG].as_py())


def _in_slots(here: Planting) -> Iterator[Rows]:
    build, date = events.slots, "AppointmentDate"
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)
    yield from _about_ten_years_old(here, build, date)
    yield from _future_at_first(here, build, date)
    yield with_bad_date(here.rows(build, Kind.BAD_DATE), date)
    yield with_bad_number(here.rows(build, Kind.BAD_NUMBER), "PlannedDurationInMinutes")


def _in_problems(here: Planting) -> Iterator[Rows]:
    build = observations.problems
    for kind in WITHHOLDING:
        yield here.rows(build, kind).with_facts(withheld=True)
    if here.night > 1:  # reviewed the night after its observation was held back
        before = planting(here.source, here.night - 1)
        yield before.rows(build, Kind.RESTRICTED, revision=here.night).with_facts(withheld=True)
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)


def _in_referrals(here: Planting) -> Iterator[Rows]:
    build, date = observations.referrals, "ReferralReceivedDate"
    for kind in WITHHOLDING:
        yield here.rows(build, kind).with_facts(withheld=True)
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)
    yield from _about_ten_years_old(here, build, date)
    undated = here.rows(build, Kind.UNDATED).with_columns(ReferralReceivedDate="", ReferralReceivedTime="")
    yield undated.with_facts(effective=UNDATED, look_back_day=UNDATED)
    yield with_bad_date(here.rows(build, Kind.BAD_DATE), date)


def _in_patients(here: Planting) -> Iterator[Rows]:
    if here.night == 1:
        again = np.array(here.source.roster.cast.ordinary[:1], np.int64)
        yield administration.patients(here.source, again, here.night).with_facts(duplicate=True)


def _in_staff(here: Planting) -> Iterator[Rows]:
    yield administration.staff(here.source, np.array([0])).with_facts(duplicate=True)


_PLANTS: dict[str, Callable[[Planting], Iterator[Rows]]] = {
    "Admin_Patient": _in_patients,
    "Admin_UserInRole": _in_staff,
    "Appointment_Slot": _in_slots,
    "CareRecord_Consultation": _in_consultations,
    "CareRecord_Observation": _in_observations,
    "CareRecord_Problem": _in_problems,
    "CareRecord_ObservationReferral": _in_referrals,
    "CareRecord_Diary": _in_diary,
    "Prescribing_DrugRecord": _in_drug_records,
    "Prescribing_IssueRecord": _in_issue_records,
}


def _in_any_event(here: Planting, build: Builder) -> Iterator[Rows]:
    yield with_bad_date(here.rows(build, Kind.BAD_DATE), "EffectiveDate")
    yield with_bad_date(here.rows(build, Kind.BAD_ENTRY_DATE), "EnteredDate")
    yield on_day(here.rows(build, Kind.TODAY), here.today, "EffectiveDate")
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)
    yield marked_confidential(here.rows(build, Kind.TWICE_CHANGED)).with_facts(duplicate=True)
    yield here.rows(build, Kind.TWICE_CHANGED, revision=here.night)


def _future_at_first(here: Planting, build: Builder, column: str) -> Iterator[Rows]:
    """Not on later nights: they are small, and a parcel with too much in the future is stopped."""
    if here.night == 1:
        yield on_day(here.rows(build, Kind.FUTURE), here.today + 30, column)


def _about_birth(here: Planting, build: Builder) -> Iterator[Rows]:
    """Before birth by a day, by a month, and not before it as far as a year tells."""
    kinds = {
        Kind.BEFORE_BIRTH: (here.born(Kind.BEFORE_BIRTH) - 1, Precision.DAY),
        Kind.MONTH_BEFORE_BIRTH: (start_of(here.born(Kind.MONTH_BEFORE_BIRTH), "M", -1), Precision.MONTH),
        Kind.YEAR_OF_BIRTH: (start_of(here.born(Kind.YEAR_OF_BIRTH), "Y"), Precision.YEAR),
    }
    for kind, (day, precision) in kinds.items():
        yield on_day(here.rows(build, kind), day, "EffectiveDate", precision)


def _of_nobody_known(here: Planting, build: Builder) -> Iterator[Rows]:
    strangers = here.rows(build, Kind.STRANGER)
    guids = here.source.guids("stranger", here.place[here.spots[Kind.STRANGER]])
    yield strangers.with_columns(PatientGuid=guids).with_facts(patient=STRANGER)
    yield here.rows(build, Kind.NOBODY).with_columns(PatientGuid="").with_facts(patient=NO_PATIENT)


def _twice(here: Planting, build: Builder) -> Iterator[Rows]:
    rows = here.rows(build, Kind.TWICE)
    yield rows.with_facts(duplicate=True)
    yield rows


def _about_ten_years_old(here: Planting, build: Builder, column: str) -> Iterator[Rows]:
    """On the last day that still leaves, and on the day before it."""
    limit = look_back_day(here.today)
    yield on_day(here.rows(build, Kind.JUST_RECENT), limit, column)
    yield on_day(here.rows(build, Kind.OLD), limit - 1, column)
