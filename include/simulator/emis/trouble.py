"""Planted trouble: rows that must be held back, quarantined or counted once. Some of each kind at every practice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.calendar import extract_day
from simulator.codes import Role
from simulator.draws import Numbers
from simulator.emis import administration, events, observations
from simulator.emis.tombstones import tombstones
from simulator.facts import NO_PATIENT, STRANGER, TABLE, Precision, Rows, look_back_day
from simulator.practice import A_NIGHTS_PLACES, PLANTED, Practice
from simulator.texts import UNDATED, constant, days

Builder = Callable[..., Rows]
_UNREADABLE_DATES = ["2019-02-30", "31/12/2018", "2018-13-01"]
_UNREADABLE_NUMBERS = ["12.3.4", "about 5", "n/k"]
_PRECISION_WORDS = {Precision.DAY: "YMD", Precision.MONTH: "YM", Precision.YEAR: "Y"}
_A_KIND = 1_000  # places kept for each kind of trouble


class Kind(IntEnum):
    """Each kind of trouble has places of its own. The first four are what problems and referrals are withheld with."""

    RESTRICTED = 0
    CONFIDENTIAL = 1
    IDENTIFIER = 2
    UNKNOWN_CODE = 3
    BAD_DATE = auto()
    BAD_ENTRY_DATE = auto()
    BAD_NUMBER = auto()
    BEFORE_BIRTH = auto()
    MONTH_BEFORE_BIRTH = auto()
    YEAR_OF_BIRTH = auto()
    FUTURE = auto()
    TODAY = auto()
    TWICE = auto()
    TWICE_CHANGED = auto()
    THEN_DELETED = auto()
    STRANGER = auto()
    NOBODY = auto()
    OLD = auto()
    JUST_RECENT = auto()
    UNDATED = auto()


WITHHOLDING = (Kind.RESTRICTED, Kind.CONFIDENTIAL, Kind.IDENTIFIER, Kind.UNKNOWN_CODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """Where on which night trouble is planted."""

    source: Practice
    night: int

    def copies(self, kind: Kind) -> int:
        """More on the first night; and of restricted codes, one of each."""
        if kind == Kind.RESTRICTED:
            return len(codes.of_role(Role.RESTRICTED))
        if kind == Kind.FUTURE:  # few: the central zone stops a parcel in which too much is in the future
            return 1 + self.source.size.patients // 250
        return 2 + self.source.size.patients // 250 if self.night == 1 else 1

    def spots(self, kind: Kind) -> tuple[Numbers, Numbers]:
        """Patients and places. The first is an ordinary patient; the others are anybody, opted out or not."""
        serial = np.arange(self.copies(kind))
        pool = np.flatnonzero(self.source.roster.deleted_on[: self.source.size.patients] > self.night)
        anybody = pool[self.source.draws.below(len(pool), f"planted {kind.name}", serial, self.night)]
        ordinary = [who for who in self.source.roster.cast.ordinary if self.source.roster.deleted_on[who] > self.night]
        if ordinary:
            anybody[0] = ordinary[(int(kind) + 3 * self.night) % len(ordinary)]
        return anybody, (PLANTED + self.night) * A_NIGHTS_PLACES + int(kind) * _A_KIND + serial

    def rows(self, builder: Builder, kind: Kind, *, revision: int = 0) -> Rows:
        return builder(self.source, *self.spots(kind), revision=revision)

    @property
    def today(self) -> int:
        return extract_day(self.night)


def planted(source: Practice, night: int, file: str) -> Iterator[Rows]:
    """The trouble planted in one file of one night."""
    plant = _PLANTS.get(file)
    if plant is not None and source.size.trouble:
        yield from plant(Planting(source=source, night=night))


def _in_observations(here: Planting) -> Iterator[Rows]:
    build = observations.observations
    for kind in WITHHOLDING:
        yield withheld(here, kind)
    number = here.rows(build, Kind.BAD_NUMBER).with_facts(unreadable_number=True)
    yield number.with_columns(Value=_some(_UNREADABLE_NUMBERS, number))
    yield from _about_birth(here, build)
    yield from _in_any_event(here, build)
    for kind in (Kind.OLD, Kind.JUST_RECENT, Kind.UNDATED):  # what the planted referrals are about
        yield here.rows(build, kind)
    if here.night > 1:
        gone = _as_observation(here.rows(build, Kind.THEN_DELETED))
        yield gone.with_facts(duplicate=True)
        yield tombstones(gone)


def withheld(here: Planting, kind: Kind, *, revision: int = 0) -> Rows:
    """Observations that may not leave, whoever they are about."""
    rows = _as_observation(here.rows(observations.observations, kind, revision=revision))
    if kind == Kind.CONFIDENTIAL:
        return rows.with_columns(IsConfidential="true").with_facts(confidential=True)
    pool = {
        Kind.RESTRICTED: codes.of_role(Role.RESTRICTED),
        Kind.IDENTIFIER: np.array(codes.IDENTIFIER_CODES),
        Kind.UNKNOWN_CODE: np.array([codes.UNKNOWN_CODE]),
    }[kind]
    return _coded(rows, np.resize(np.roll(pool, -here.source.number - here.night), len(rows)))


def _in_consultations(here: Planting) -> Iterator[Rows]:
    yield from _in_any_event(here, events.consultations)
    yield (
        here.rows(events.consultations, Kind.CONFIDENTIAL)
        .with_columns(IsConfidential="true")
        .with_facts(confidential=True)
    )


def _in_diary(here: Planting) -> Iterator[Rows]:
    build = events.diary_entries
    yield from _in_any_event(here, build)
    yield here.rows(build, Kind.CONFIDENTIAL).with_columns(IsConfidential="true").with_facts(confidential=True)
    restricted = here.rows(build, Kind.RESTRICTED)
    yield _coded(restricted, np.resize(codes.of_role(Role.RESTRICTED), len(restricted)))
    yield _coded(here.rows(build, Kind.UNKNOWN_CODE), np.array([codes.UNKNOWN_CODE]))
    yield from _about_birth(here, build)


def _in_drug_records(here: Planting) -> Iterator[Rows]:
    yield from _in_prescriptions(here, events.drug_records, "Quantity")


def _in_issue_records(here: Planting) -> Iterator[Rows]:
    yield from _in_prescriptions(here, events.issue_records, "CourseDurationInDays")


def _in_prescriptions(here: Planting, build: Builder, number: str) -> Iterator[Rows]:
    yield from _in_any_event(here, build)
    yield here.rows(build, Kind.CONFIDENTIAL).with_columns(IsConfidential="true").with_facts(confidential=True)
    unknown = here.rows(build, Kind.UNKNOWN_CODE).with_facts(code=codes.UNKNOWN_CODE)
    yield unknown.with_columns(CodeId=codes.DRUG_IDS[codes.UNKNOWN_DRUG].as_py())
    bad = here.rows(build, Kind.BAD_NUMBER).with_facts(unreadable_number=True)
    yield bad.with_columns(**{number: _some(_UNREADABLE_NUMBERS, bad)})
    yield from _about_ten_years_old(here, build, "EffectiveDate")


def _in_slots(here: Planting) -> Iterator[Rows]:
    build = events.slots
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)
    yield from _about_ten_years_old(here, build, "AppointmentDate")
    if here.night == 1:
        yield _at(here.rows(build, Kind.FUTURE), here.today + 14, "AppointmentDate")
    bad = here.rows(build, Kind.BAD_DATE).with_facts(unreadable_date=True)
    yield bad.with_columns(AppointmentDate=_some(_UNREADABLE_DATES, bad))
    number = here.rows(build, Kind.BAD_NUMBER).with_facts(unreadable_number=True)
    yield number.with_columns(PlannedDurationInMinutes="ten")


def _in_problems(here: Planting) -> Iterator[Rows]:
    build = observations.problems
    for kind in WITHHOLDING:
        yield here.rows(build, kind).with_facts(withheld=True)
    if here.night > 1:  # reviewed the night after its observation was held back
        before = Planting(source=here.source, night=here.night - 1)
        yield build(before.source, *before.spots(Kind.RESTRICTED), revision=here.night).with_facts(withheld=True)
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)


def _in_referrals(here: Planting) -> Iterator[Rows]:
    build = observations.referrals
    for kind in WITHHOLDING:
        yield here.rows(build, kind).with_facts(withheld=True)
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)
    yield from _about_ten_years_old(here, build, "ReferralReceivedDate")
    undated = here.rows(build, Kind.UNDATED).with_columns(ReferralReceivedDate="", ReferralReceivedTime="")
    yield undated.with_facts(effective=UNDATED, look_back_day=UNDATED)
    bad = here.rows(build, Kind.BAD_DATE).with_facts(unreadable_date=True)
    yield bad.with_columns(ReferralReceivedDate=_some(_UNREADABLE_DATES, bad))


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
    bad = here.rows(build, Kind.BAD_DATE).with_facts(unreadable_date=True)
    yield bad.with_columns(EffectiveDate=_some(_UNREADABLE_DATES, bad))
    entered = here.rows(build, Kind.BAD_ENTRY_DATE).with_facts(unreadable_date=True)
    yield entered.with_columns(EnteredDate=_some(_UNREADABLE_DATES, entered))
    if here.night == 1 or build is observations.observations:
        yield _at(here.rows(build, Kind.FUTURE), here.today + 30, "EffectiveDate")
    yield _at(here.rows(build, Kind.TODAY), here.today, "EffectiveDate")
    yield from _of_nobody_known(here, build)
    yield from _twice(here, build)
    first = here.rows(build, Kind.TWICE_CHANGED).with_columns(IsConfidential="true")
    yield first.with_facts(duplicate=True, confidential=True)
    yield here.rows(build, Kind.TWICE_CHANGED, revision=here.night)


def _about_birth(here: Planting, build: Builder) -> Iterator[Rows]:
    """Before birth by a day, by a month, and not before it as far as a year tells."""
    kinds = {
        Kind.BEFORE_BIRTH: (_born(here, Kind.BEFORE_BIRTH) - 1, Precision.DAY),
        Kind.MONTH_BEFORE_BIRTH: (_start_of(_born(here, Kind.MONTH_BEFORE_BIRTH), "M", -1), Precision.MONTH),
        Kind.YEAR_OF_BIRTH: (_start_of(_born(here, Kind.YEAR_OF_BIRTH), "Y", 0), Precision.YEAR),
    }
    for kind, (day, precision) in kinds.items():
        yield _at(here.rows(build, kind), day, "EffectiveDate", precision)


def _of_nobody_known(here: Planting, build: Builder) -> Iterator[Rows]:
    patient, k = here.spots(Kind.STRANGER)
    strangers = here.source.guids("stranger", patient, k)
    yield here.rows(build, Kind.STRANGER).with_columns(PatientGuid=strangers).with_facts(patient=STRANGER)
    yield here.rows(build, Kind.NOBODY).with_columns(PatientGuid="").with_facts(patient=NO_PATIENT)


def _twice(here: Planting, build: Builder) -> Iterator[Rows]:
    rows = here.rows(build, Kind.TWICE)
    yield rows.with_facts(duplicate=True)
    yield rows


def _about_ten_years_old(here: Planting, build: Builder, column: str) -> Iterator[Rows]:
    limit = look_back_day(here.today)
    yield _at(here.rows(build, Kind.JUST_RECENT), limit, column)
    yield _at(here.rows(build, Kind.OLD), limit - 1, column)


def _at(rows: Rows, day: Numbers | int, column: str, precision: Precision = Precision.DAY) -> Rows:
    """The rows moved to a day of their own, or one for all."""
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    every = np.resize(np.asarray(day), len(rows))
    columns = {column: days(every)}
    if "EffectiveDatePrecision" in rows.columns:
        columns["EffectiveDatePrecision"] = constant(_PRECISION_WORDS[precision], len(rows))
    limited = (rows.facts.look_back_day != UNDATED).any()
    moved = rows.with_columns(**columns).with_facts(effective=every, precision=precision)
    return moved.with_facts(look_back_day=every) if limited else moved


def _born(here: Planting, kind: Kind) -> Numbers:
    """The days of birth of the patients at the spots of a kind."""
    return here.source.roster.birth[here.spots(kind)[0]]


def _start_of(day: Numbers, unit: str, step: int) -> Numbers:
    whole = day.astype("datetime64[D]").astype(f"datetime64[{unit}]") + step
    return np.asarray(whole.astype("datetime64[D]").astype(np.int64))


def _coded(rows: Rows, code: Numbers) -> Rows:
    every = np.resize(code, len(rows))
    return rows.with_columns(CodeId=codes.CODE_IDS.take(pa.array(every))).with_facts(code=every)


def _as_observation(rows: Rows) -> Rows:
    plain = rows.with_columns(
        ObservationType="Observation", Value="", NumericUnit="", NumericRangeLow="", NumericRangeHigh=""
    )
    return plain.with_facts(table=TABLE["observation"])


def _some(words: list[str], rows: Rows) -> list[str]:
    return [words[place % len(words)] for place in range(len(rows))]
