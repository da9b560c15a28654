"""Where trouble is planted, and how a sound row is made unsound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.calendar import extract_day
from simulator.codes import Role
from simulator.draws import Numbers
from simulator.facts import TABLE, Precision, Rows
from simulator.practice import A_NIGHTS_PLACES, PLANTED, Practice
from simulator.texts import UNDATED, constant, days

Builder = Callable[..., Rows]
_UNREADABLE_DATES = ("2019-02-30", "31/12/2018", "2018-13-01")
_UNREADABLE_NUMBERS = ("12.3.4", "about 5", "n/k")
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
    """Where on which night trouble is planted. Rows of all kinds are made together, once for each builder."""

    source: Practice
    night: int
    spots: dict[Kind, slice]
    patient: Numbers = field(repr=False)
    place: Numbers = field(repr=False)
    made: dict[tuple[Builder, int], Rows] = field(default_factory=dict, repr=False)

    def rows(self, builder: Builder, kind: Kind, *, revision: int = 0) -> Rows:
        """Sound rows at the spots of a kind."""
        if (builder, revision) not in self.made:
            self.made[builder, revision] = builder(self.source, self.patient, self.place, revision=revision)
        return self.made[builder, revision].part(self.spots[kind])

    def born(self, kind: Kind) -> Numbers:
        """The days of birth of the patients at the spots of a kind."""
        return np.asarray(self.source.roster.birth[self.patient[self.spots[kind]]])

    @property
    def today(self) -> int:
        return extract_day(self.night)


def planting(source: Practice, night: int) -> Planting:
    """For each kind the first patient is an ordinary one; the others are anybody, opted out or not."""
    copies = [_copies(source, night, kind) for kind in Kind]
    ends = np.cumsum(copies)
    starts = ends - copies
    kind, serial = np.repeat(np.arange(len(Kind)), copies), np.arange(ends[-1]) - np.repeat(starts, copies)
    still_here = source.roster.deleted_on > night
    pool = np.flatnonzero(still_here[: source.size.patients])
    patient = pool[source.draws.below(len(pool), "planted", kind, serial, night)]
    ordinary = [who for who in source.roster.cast.ordinary if still_here[who]]
    if ordinary:
        patient[starts] = [ordinary[(number + 3 * night) % len(ordinary)] for number in range(len(Kind))]
    return Planting(
        source=source,
        night=night,
        spots={kind: slice(start, end) for kind, start, end in zip(Kind, starts.tolist(), ends.tolist(), strict=True)},
        patient=patient,
        place=(PLANTED + night) * A_NIGHTS_PLACES + kind * _A_KIND + serial,
    )


def _copies(source: Practice, night: int, kind: Kind) -> int:
    """More on the first night; and of restricted codes, one of each."""
    if kind == Kind.RESTRICTED:
        return len(codes.of_role(Role.RESTRICTED))
    if kind == Kind.FUTURE:  # few: the central zone stops a parcel in which too much is in the future
        return 1 + source.size.patients // 250
    return 2 + source.size.patients // 250 if night == 1 else 1


def on_day(rows: Rows, day: Numbers | int, column: str, precision: Precision = Precision.DAY) -> Rows:
    """The rows moved to a day of their own, or to one for all."""
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    every = np.resize(np.asarray(day), len(rows))
    columns = {column: days(every)}
    if "EffectiveDatePrecision" in rows.columns:
        columns["EffectiveDatePrecision"] = constant(_PRECISION_WORDS[precision], len(rows))
    limited = (rows.facts.look_back_day != UNDATED).any()
    moved = rows.with_columns(**columns).with_facts(effective=every, precision=precision)
    return moved.with_facts(look_back_day=every) if limited else moved


def start_of(day: Numbers, unit: str, step: int = 0) -> Numbers:
    """The first day of the month ("M") or year ("Y") of a day, or of one some steps on."""
    whole = day.astype("datetime64[D]").astype(f"datetime64[{unit}]") + step
    return np.asarray(whole.astype("datetime64[D]").astype(np.int64))


def coded(rows: Rows, code: Numbers | int) -> Rows:
    """The rows with other clinical codes, repeated as often as it takes."""
    every = np.resize(np.asarray(code), len(rows))
    return rows.with_columns(CodeId=codes.CODE_IDS.take(pa.array(every))).with_facts(code=every)


def as_observation(rows: Rows) -> Rows:
    """Whatever type of observation the rows were, they are plain ones now."""
    values = dict.fromkeys(("Value", "NumericUnit", "NumericRangeLow", "NumericRangeHigh"), "")
    return rows.with_columns(ObservationType="Observation", **values).with_facts(table=TABLE["observation"])


def with_bad_date(rows: Rows, column: str) -> Rows:
    return rows.with_columns(**{column: _some(_UNREADABLE_DATES, rows)}).with_facts(unreadable_date=True)


def with_bad_number(rows: Rows, column: str) -> Rows:
    return rows.with_columns(**{column: _some(_UNREADABLE_NUMBERS, rows)}).with_facts(unreadable_number=True)


def marked_confidential(rows: Rows) -> Rows:
    return rows.with_columns(IsConfidential="true").with_facts(confidential=True)


def _some(words: Sequence[str], rows: Rows) -> list[str]:
    return [words[place % len(words)] for place in range(len(rows))]
