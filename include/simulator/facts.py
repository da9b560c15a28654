"""What the simulator knows of the rows it writes, and what must become of each: the rules, in our own code."""

from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
import pyarrow as pa

from simulator.codes import HOLDS_IDENTIFIER, IS_RESTRICTED, UNKNOWN_CODE
from simulator.draws import Numbers
from simulator.texts import UNDATED, day_number, day_of

TABLES = (
    *("patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral"),
    *("problem", "appointment", "staff_role", "organisation"),
)
TABLE = {name: number for number, name in enumerate(TABLES)}

_PLANNED = (TABLE["recall"], TABLE["appointment"])  # due, or booked, on a day to come: the future is no fault in them

NO_PATIENT = -1  # the row names nobody
STRANGER = -2  # the row names somebody no extract ever held
NOT_ABOUT_A_PATIENT = -3

NO_CODE = -1
LOOK_BACK_YEARS = 10


class Precision(IntEnum):
    """How much of a date is meant."""

    DAY = 0
    MONTH = 1
    YEAR = 2
    NOTHING = 3


class Fate(IntEnum):
    """What becomes of a row if its patient may leave. The names are the reasons of the counts, in lower case."""

    SENT = 0
    DUPLICATE = 1
    CONFIDENTIAL_RECORD = 2
    LEGALLY_RESTRICTED_CODE = 3
    IDENTIFIER_IN_CODE = 4
    UNKNOWN_CODE = 5
    WITHHELD_WITH_ITS_OBSERVATION = 6
    OUTSIDE_LOOK_BACK = 7
    DATED_BEFORE_BIRTH = 8
    DATED_IN_FUTURE = 9  # sent, then quarantined by the central zone
    # From here on the patient does not matter.
    UNREADABLE_DATE = 10
    UNREADABLE_NUMBER = 11
    NO_PATIENT = 12
    UNKNOWN_PATIENT = 13


WHOEVER_IT_IS = Fate.UNREADABLE_DATE
QUARANTINED = (
    *(Fate.IDENTIFIER_IN_CODE, Fate.UNKNOWN_CODE, Fate.DATED_BEFORE_BIRTH),
    *(Fate.UNREADABLE_DATE, Fate.UNREADABLE_NUMBER),
)


def _none(length: int) -> Numbers:
    return np.zeros(length, bool)


@dataclass(slots=True, kw_only=True)
class Facts:
    """One element a row. Days are days since 1970-01-01, or UNDATED."""

    table: Numbers
    patient: Numbers
    effective: Numbers
    precision: Numbers
    code: Numbers
    look_back_day: Numbers  # the day the ten years are counted from; UNDATED where they do not apply
    deleted: Numbers
    confidential: Numbers
    duplicate: Numbers  # a later row of the same extract is the same record
    withheld: Numbers  # the row describes an observation that may not leave
    unreadable_date: Numbers
    unreadable_number: Numbers

    @classmethod
    def of(cls, table: str, patient: Numbers, *, effective: Numbers | None = None) -> "Facts":
        """Rows with nothing wrong with them."""
        length = len(patient)
        undated = np.full(length, UNDATED)
        return cls(
            table=np.full(length, TABLE[table]),
            patient=patient,
            effective=undated if effective is None else effective,
            precision=np.full(length, Precision.DAY),
            code=np.full(length, NO_CODE),
            look_back_day=undated,
            deleted=_none(length),
            confidential=_none(length),
            duplicate=_none(length),
            withheld=_none(length),
            unreadable_date=_none(length),
            unreadable_number=_none(length),
        )

    def __len__(self) -> int:
        return len(self.patient)

    def picked(self, rows: Numbers | slice) -> "Facts":
        return Facts(**{name: getattr(self, name)[rows] for name in Facts.__slots__})


@dataclass(slots=True, kw_only=True)
class Rows:
    """Rows of one file, as text, with what is known of them. Rows without facts are reference rows."""

    file: str
    columns: dict[str, pa.Array] = field(repr=False)
    facts: Facts | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def with_columns(self, **columns: str | list[str] | pa.Array) -> "Rows":
        """The same rows with some columns replaced; a word stands in every row."""
        texts = {
            name: pa.array([text] * len(self) if isinstance(text, str) else text, pa.string())
            for name, text in columns.items()
        }
        unknown = texts.keys() - self.columns.keys()
        if unknown:
            raise KeyError(f"{self.file} has no column {sorted(unknown)}.")
        return replace(self, columns={**self.columns, **texts})

    def where(self, flags: Numbers) -> "Rows":
        """Only the rows whose flag is true."""
        chosen = pa.array(flags)
        facts = None if self.facts is None else self.facts.picked(flags)
        return Rows(
            file=self.file, columns={name: text.filter(chosen) for name, text in self.columns.items()}, facts=facts
        )

    def part(self, rows: slice) -> "Rows":
        """Only the rows from one place to another."""
        facts = None if self.facts is None else self.facts.picked(rows)
        return Rows(file=self.file, columns={name: text[rows] for name, text in self.columns.items()}, facts=facts)

    def with_facts(self, **facts: object) -> "Rows":
        """The same rows with some facts replaced; a single fact holds for every row."""
        if self.facts is None:
            raise ValueError(f"{self.file} holds reference rows.")
        length = len(self)
        return replace(
            self,
            facts=replace(self.facts, **{name: np.resize(np.asarray(fact), length) for name, fact in facts.items()}),
        )


def fates(facts: Facts, births: Numbers, extract_day: int) -> Numbers:
    """The fate of each row, the first rule that matches winning. `births` has one element a patient."""
    about = facts.patient >= 0
    birth = np.where(about, births[np.where(about, facts.patient, 0)], UNDATED)
    rules = [
        (facts.unreadable_date & ~facts.deleted, Fate.UNREADABLE_DATE),
        (facts.unreadable_number & ~facts.deleted, Fate.UNREADABLE_NUMBER),
        (facts.patient == NO_PATIENT, Fate.NO_PATIENT),
        (facts.patient == STRANGER, Fate.UNKNOWN_PATIENT),
        (facts.deleted, Fate.SENT),
        (facts.duplicate, Fate.DUPLICATE),
        (facts.confidential, Fate.CONFIDENTIAL_RECORD),
        (IS_RESTRICTED[facts.code] & (facts.code != NO_CODE), Fate.LEGALLY_RESTRICTED_CODE),
        (HOLDS_IDENTIFIER[facts.code] & (facts.code != NO_CODE), Fate.IDENTIFIER_IN_CODE),
        (facts.code == UNKNOWN_CODE, Fate.UNKNOWN_CODE),
        (facts.withheld, Fate.WITHHELD_WITH_ITS_OBSERVATION),
        ((facts.look_back_day != UNDATED) & (facts.look_back_day < look_back_day(extract_day)), Fate.OUTSIDE_LOOK_BACK),
        (about & _before_birth(facts, birth), Fate.DATED_BEFORE_BIRTH),
        ((facts.effective > extract_day) & ~np.isin(facts.table, _PLANNED), Fate.DATED_IN_FUTURE),
    ]
    return np.asarray(np.select([rule for rule, _ in rules], [np.int8(fate) for _, fate in rules], np.int8(Fate.SENT)))


def look_back_day(extract_day: int) -> int:
    """The oldest day of a medication, referral or appointment that still leaves."""
    day = day_of(extract_day)
    return day_number(day.replace(year=day.year - LOOK_BACK_YEARS))


def _before_birth(facts: Facts, birth: Numbers) -> Numbers:
    """Only as much of the date as its precision says is compared."""
    dated = facts.effective != UNDATED
    early = dated & (facts.precision == Precision.DAY) & (facts.effective < birth)
    for precision, unit in ((Precision.MONTH, "M"), (Precision.YEAR, "Y")):
        partial = np.flatnonzero(dated & (facts.precision == precision))
        early[partial] = _in_units(facts.effective[partial], unit) < _in_units(birth[partial], unit)
    return np.asarray(early)


def _in_units(days: Numbers, unit: str) -> Numbers:
    return np.asarray(days.astype("datetime64[D]").astype(f"datetime64[{unit}]"))
