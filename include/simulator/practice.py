"""One synthetic practice: its people, its staff, how much is written about whom, and when things happened.

A row is known by its patient and its place `k` among the patient's rows of a kind. The first places hold the history
of the first night; later nights and planted trouble have ranges of their own, so no row ever changes its place.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simulator import sizes
from simulator.calendar import FIRST_EXTRACT_DAY, extract_day
from simulator.draws import Draws, Numbers
from simulator.histories.people import lived
from simulator.roster import Roster, newcomers_a_night, roster
from simulator.sizes import OPENING_OBSERVATIONS
from simulator.texts import days, picked, times

A_NIGHTS_PLACES = 1_000_000  # place n * this and on: rows written on night n
PLANTED = 500  # nights from here on are not nights: planted trouble, then opt-outs
CONSENTS = 900

# How strongly the days of a kind crowd towards the present.
_RECENCY = {"observation": 2, "consultation": 2, "diary": 4, "drug": 3, "issue": 3, "slot": 4}
DEFAULT_ENTRIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What was asked for."""

    patients: int
    entries_per_patient: int
    seed: int
    trouble: bool
    opted_out: float = 0  # the share of patients who plainly dissent, beside whoever plays a part in planted trouble
    histories: bool = False  # every patient has a generated history of opt-outs

    def __post_init__(self) -> None:
        if not 0 <= self.opted_out <= 1:
            raise ValueError("More than all patients, or fewer than none, cannot be opted out.")
        if self.histories and (self.trouble or self.opted_out):
            raise ValueError("Generated histories stand in place of planted trouble and of plain dissents.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """When rows happened and were written down: days, and seconds of the day."""

    day: Numbers
    entered_day: Numbers
    entered_second: Numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Practice:
    """Everything rows are made from. Two of them are never equal, so that one can be a key."""

    number: int
    size: Size
    draws: Draws = field(repr=False)
    roster: Roster = field(repr=False)
    counts: dict[str, Numbers] = field(repr=False)
    last_day: Numbers = field(repr=False)
    organisation: str
    staff: pa.Array

    @property
    def code(self) -> str:
        return code_of(self.number)

    def guids(self, kind: str, patient: Numbers, k: Numbers | int = 0, *, where: Numbers | None = None) -> pa.Array:
        return self.draws.guids(kind, patient, k, where=where)

    def guid(self, kind: str, serial: int = 0) -> str:
        return str(self.draws.guids(kind, np.array([serial]))[0].as_py())

    def day(self, kind: str, patient: Numbers, k: Numbers) -> Numbers:
        """The day something happened: in the patient's life before the first extract, or just before a later one."""
        born = self.roster.birth[patient]
        span = self.last_day[patient] - born
        back = np.floor(span * self.draws.share(f"{kind} day", patient, k) ** _RECENCY[kind]).astype(np.int64)
        night = night_of(k)
        recent = extract_days(night) - 1 - self.draws.below(3, f"{kind} recent day", patient, k)
        return np.asarray(np.where(night > 1, np.maximum(recent, born), self.last_day[patient] - back))

    def written_down(self, kind: str, patient: Numbers, k: Numbers, day: Numbers, revision: int) -> Happening:
        """Mostly on the day itself; a revision the day before its extract."""
        late = self.draws.below(30, f"{kind} late", patient, k) * (
            self.draws.below(10, f"{kind} is late", patient, k) == 0
        )
        entered = np.minimum(day + late, extract_days(night_of(k)) - 1)
        if revision:
            entered = np.full(len(patient), extract_day(revision) - 1)
        second = 28_800 + self.draws.below(37_000, f"{kind} second", patient, k, revision)
        return Happening(day=day, entered_day=np.maximum(entered, day), entered_second=second)

    def staff_picked(self, kind: str, patient: Numbers, k: Numbers) -> pa.Array:
        return picked(self.staff, self.draws.below(len(self.staff), f"{kind} staff", patient, k))

    def link(self, kind: str, to: str, patient: Numbers, k: Numbers) -> tuple[Numbers, Numbers]:
        """For each row, the place of another of the patient's rows, and whether there is one."""
        available = self.counts[to][patient]
        return self.draws.below(available, f"{kind} to {to}", patient, k), (available > 0) & (k < A_NIGHTS_PLACES)

    def first_free_observation(self, patient: Numbers) -> Numbers:
        """Observations before this place are what problems and referrals are about, then ethnicity and orientation."""
        return self.counts["problem"][patient] + self.counts["referral"][patient] + OPENING_OBSERVATIONS


def practice(number: int, size: Size, *, nights: int) -> Practice:
    """The practice of a number as far as the given night. What it holds does not depend on other practices."""
    draws = Draws.of("practice", size.seed, number)
    people = roster(size.seed, number, size.patients, nights, trouble=size.trouble, histories=size.histories)
    if size.histories:
        people = lived(people, size.seed, number, size.patients)
    newcomers = newcomers_a_night(size.patients) * (nights - 1)
    staff = np.arange(6 + size.patients // 250)
    return Practice(
        number=number,
        size=size,
        draws=draws,
        roster=people,
        counts=sizes.entries(draws, size.patients, newcomers, size.entries_per_patient),
        last_day=people.last_day,
        organisation=str(draws.guids("organisation", 0)[0].as_py()),
        staff=draws.guids("staff", staff),
    )


def code_of(number: int) -> str:
    """An ODS code of the right shape that no practice has."""
    return f"Y{99_000 + number}" if number < 1_000 else f"Z{number:05d}"


def night_of(k: Numbers) -> Numbers:
    """The night a place belongs to; planted trouble counts as history."""
    night = k // A_NIGHTS_PLACES
    return np.where((night == 0) | (night >= PLANTED), 1, night)


def extract_days(night: Numbers) -> Numbers:
    """The day of the extract of each night."""
    return FIRST_EXTRACT_DAY - 1 + night


def event_columns(source: Practice, kind: str, patient: Numbers, k: Numbers, when: Happening) -> dict[str, pa.Array]:
    """The columns that observations, consultations, recalls and prescriptions share."""
    length = len(patient)
    return {
        "PatientGuid": source.guids("patient", patient),
        "OrganisationGuid": pa.repeat(pa.scalar(source.organisation), length),
        "EffectiveDate": days(when.day),
        "EffectiveDatePrecision": pa.repeat(pa.scalar("YMD"), length),
        "EnteredDate": days(when.entered_day),
        "EnteredTime": times(when.entered_second),
        "ClinicianUserInRoleGuid": source.staff_picked(kind, patient, k),
        "EnteredByUserInRoleGuid": source.staff_picked(f"{kind} typed", patient, k),
        "Deleted": pa.repeat(pa.scalar("false"), length),
        "IsConfidential": pa.repeat(pa.scalar("false"), length),
    }
