"""The histories that have a name: what is written on which night, as one line a version of an entry."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum, auto

from simulator.calendar import FIRST_EXTRACT_DAY, extract_day
from simulator.codes import Role
from simulator.consents import UNREADABLE
from simulator.facts import Precision
from simulator.texts import UNDATED, day_number

NO, YES, TYPE_TWO, ELSE = Role.DISSENT, Role.WITHDRAWAL, Role.TYPE_TWO, Role.OBSERVATION
MORNING, NOON, EVENING = 32_400, 43_200, 61_200
UNTIMED = -1
THEN, LATER, LATEST = (FIRST_EXTRACT_DAY - ago for ago in (1_500, 900, 350))
_SOON, _NEXT_YEAR = FIRST_EXTRACT_DAY - 5, FIRST_EXTRACT_DAY + 200
_TODAY, _TOMORROW, _AFTER_TOMORROW = (extract_day(night) for night in (1, 2, 3))
_IN_MAY = day_number(date(2024, 5, 1))
_MID_MAY, _MID_JUNE, _LAST_YEAR = (day_number(day) for day in (date(2024, 5, 17), date(2024, 6, 17), date(2023, 7, 9)))
_IN_2024, _IN_2025 = day_number(date(2024, 1, 1)), day_number(date(2025, 1, 1))


class Story(StrEnum):
    """What happens to somebody's opt-out."""

    NOTHING = auto()
    ANYTHING = auto()  # drawn entry by entry, see histories.written
    DISSENTS = auto()
    ONLY_WITHDRAWS = auto()
    WITHDREW = auto()
    WITHDREW_AND_DISSENTED_AGAIN = auto()
    WITHDREW_TWICE = auto()
    TIE_WITHOUT_TIMES = auto()
    TIE_DISSENT_LATER = auto()
    TIE_WITHDRAWAL_LATER = auto()
    TIE_AT_ONE_TIME = auto()
    TIE_ONLY_DISSENT_TIMED = auto()
    TIE_ONLY_WITHDRAWAL_TIMED = auto()
    TIE_SECOND_DISSENT_UNTIMED = auto()
    TIE_SECOND_WITHDRAWAL_UNTIMED = auto()
    TIE_WITHDRAWAL_TYPED_DAYS_LATER = auto()
    UNDATED_DISSENT = auto()
    UNDATED_WITHDRAWAL = auto()
    BOTH_UNDATED = auto()
    FUTURE_DISSENT = auto()
    FUTURE_WITHDRAWAL = auto()
    BOTH_FUTURE = auto()
    WITHDREW_TODAY = auto()
    WITHDRAWAL_COMES_TO_PASS = auto()
    BOTH_COME_TO_PASS = auto()
    DISSENT_IN_A_YEAR = auto()
    WITHDRAWAL_IN_A_YEAR = auto()
    DISSENT_IN_A_MONTH = auto()
    WITHDRAWAL_IN_A_MONTH = auto()
    WITHDRAWAL_A_MONTH_LATER = auto()
    WITHDRAWAL_A_YEAR_LATER = auto()
    DISSENT_THIS_YEAR = auto()
    UNREADABLE_DISSENT = auto()
    UNREADABLE_WITHDRAWAL = auto()
    TYPE_TWO_ONLY = auto()
    TYPE_TWO_AFTER_WITHDRAWAL = auto()
    DISSENT_DELETED = auto()
    WITHDRAWAL_DELETED = auto()
    DISSENT_DELETED_IN_FULL = auto()
    WITHDRAWAL_DELETED_IN_FULL = auto()
    DELETED_AND_BACK = auto()
    DISSENT_REWRITTEN_AND_BACK = auto()
    WITHDRAWAL_REWRITTEN_AND_BACK = auto()
    DISSENT_BECOMES_WITHDRAWAL = auto()
    WITHDRAWAL_BECOMES_DISSENT = auto()
    DISSENT_BECOMES_TYPE_TWO = auto()
    SOMETHING_BECOMES_DISSENT = auto()
    DISSENT_DATED_BACK = auto()
    WITHDRAWAL_DATED_ON = auto()
    WITHDRAWAL_BECOMES_UNREADABLE = auto()
    DISSENT_BECOMES_UNREADABLE = auto()
    DISSENT_BECOMES_UNREADABLE_WITHDRAWAL = auto()
    OLD_DISSENT_TYPED_LATE = auto()
    OLD_WITHDRAWAL_TYPED_LATE = auto()
    WITHDRAWS_NEXT_NIGHT = auto()
    WITHDRAWS_AND_DISSENTS_AGAIN = auto()
    DISSENTS_ON_NIGHT_TWO = auto()
    DISSENTS_ON_NIGHT_THREE = auto()
    DISSENTS_FOR_A_NIGHT = auto()
    DISSENTS_FOR_A_NIGHT_LATER = auto()
    DISSENTS_BY_MISTAKE = auto()
    DISSENTS_FOR_A_NIGHT_AND_AGAIN = auto()
    TYPE_TWO_ON_NIGHT_TWO = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One version of one entry. `night` counts from the patient's first."""

    role: Role
    day: int
    second: int = MORNING
    entry: int = 0
    night: int = 1
    precision: Precision = Precision.DAY
    deleted: bool = False
    in_full: bool = False
    typed_after: int = 0  # days after the day itself


def _no(day: int, second: int = MORNING, **more: int) -> Line:
    return Line(role=NO, day=day, second=second, **more)  # type: ignore[arg-type]  # precision and flags are numbers too


def _yes(day: int, second: int = MORNING, *, entry: int = 1, **more: int) -> Line:
    return Line(role=YES, day=day, second=second, entry=entry, **more)  # type: ignore[arg-type]


def _other(role: Role, day: int, **more: int) -> Line:
    return Line(role=role, day=day, **more)  # type: ignore[arg-type]


def _gone(role: Role, night: int, entry: int = 0, day: int = UNDATED) -> Line:
    in_full = day != UNDATED
    second = MORNING if in_full else UNTIMED
    return Line(role=role, day=day, second=second, entry=entry, night=night, deleted=True, in_full=in_full)


def _last_week(night: int) -> int:
    return extract_day(night) - 2


_YEAR, _MONTH = Precision.YEAR, Precision.MONTH
STORIES: dict[Story, tuple[Line, ...]] = {
    Story.NOTHING: (),
    Story.ANYTHING: (),
    Story.DISSENTS: (_no(THEN),),
    Story.ONLY_WITHDRAWS: (_yes(THEN),),
    Story.WITHDREW: (_no(THEN), _yes(LATER)),
    Story.WITHDREW_AND_DISSENTED_AGAIN: (_no(THEN), _yes(LATER), _no(LATEST, entry=2)),
    Story.WITHDREW_TWICE: (_no(THEN), _yes(LATER), _no(LATEST, entry=2), _yes(_SOON, entry=3)),
    Story.TIE_WITHOUT_TIMES: (_no(LATER, UNTIMED), _yes(LATER, UNTIMED)),
    Story.TIE_DISSENT_LATER: (_yes(LATER), _no(LATER, EVENING)),
    Story.TIE_WITHDRAWAL_LATER: (_no(LATER), _yes(LATER, EVENING)),
    Story.TIE_AT_ONE_TIME: (_no(LATER), _yes(LATER)),
    Story.TIE_ONLY_DISSENT_TIMED: (_no(LATER), _yes(LATER, UNTIMED)),
    Story.TIE_ONLY_WITHDRAWAL_TIMED: (_no(LATER, UNTIMED), _yes(LATER, EVENING)),
    Story.TIE_SECOND_DISSENT_UNTIMED: (_no(LATER), _yes(LATER, EVENING), _no(LATER, UNTIMED, entry=2)),
    Story.TIE_SECOND_WITHDRAWAL_UNTIMED: (_no(LATER), _yes(LATER, EVENING), _yes(LATER, UNTIMED, entry=2)),
    Story.TIE_WITHDRAWAL_TYPED_DAYS_LATER: (_no(LATER, EVENING), _yes(LATER, MORNING, typed_after=6)),
    Story.UNDATED_DISSENT: (_no(UNDATED), _yes(LATER)),
    Story.UNDATED_WITHDRAWAL: (_no(THEN), _yes(UNDATED)),
    Story.BOTH_UNDATED: (_no(UNDATED), _yes(UNDATED, EVENING)),
    Story.FUTURE_DISSENT: (_yes(THEN), _no(_NEXT_YEAR)),
    Story.FUTURE_WITHDRAWAL: (_no(THEN), _yes(_NEXT_YEAR)),
    Story.BOTH_FUTURE: (_no(_NEXT_YEAR), _yes(_NEXT_YEAR + 5)),
    Story.WITHDREW_TODAY: (_no(LATEST), _yes(_TODAY)),
    Story.WITHDRAWAL_COMES_TO_PASS: (_no(LATEST), _yes(_TOMORROW)),
    Story.BOTH_COME_TO_PASS: (_yes(LATER, entry=2), _no(_TOMORROW), _yes(_AFTER_TOMORROW)),
    Story.DISSENT_IN_A_YEAR: (_no(_IN_2024, precision=_YEAR), _yes(_MID_JUNE)),
    Story.WITHDRAWAL_IN_A_YEAR: (_no(_MID_MAY), _yes(_IN_2024, precision=_YEAR)),
    Story.DISSENT_IN_A_MONTH: (_no(_IN_MAY, precision=_MONTH), _yes(_MID_MAY, EVENING)),
    Story.WITHDRAWAL_IN_A_MONTH: (_no(_MID_MAY), _yes(_IN_MAY, precision=_MONTH)),
    Story.WITHDRAWAL_A_MONTH_LATER: (_no(_LAST_YEAR), _yes(_IN_MAY, precision=_MONTH)),
    Story.WITHDRAWAL_A_YEAR_LATER: (_no(_IN_2024, precision=_YEAR), _yes(_IN_2025, precision=_YEAR)),
    Story.DISSENT_THIS_YEAR: (_no(day_number(date(2026, 1, 1)), precision=_YEAR), _yes(_SOON)),
    Story.UNREADABLE_DISSENT: (_no(UNREADABLE), _yes(LATER)),
    Story.UNREADABLE_WITHDRAWAL: (_no(THEN), _yes(UNREADABLE)),
    Story.TYPE_TWO_ONLY: (_other(TYPE_TWO, THEN),),
    Story.TYPE_TWO_AFTER_WITHDRAWAL: (_no(THEN), _yes(LATER), _other(TYPE_TWO, LATEST, entry=2)),
    Story.DISSENT_DELETED: (_no(LATEST), _gone(NO, 3)),
    Story.WITHDRAWAL_DELETED: (_no(THEN), _yes(LATER), _gone(YES, 2, entry=1)),
    Story.DISSENT_DELETED_IN_FULL: (_no(LATEST), _gone(NO, 3, day=LATEST)),
    Story.WITHDRAWAL_DELETED_IN_FULL: (_no(THEN), _yes(LATER), _gone(YES, 2, entry=1, day=LATER)),
    Story.DELETED_AND_BACK: (_no(LATEST), _gone(NO, 2), _no(LATEST, night=3)),
    Story.DISSENT_REWRITTEN_AND_BACK: (_no(LATEST), _other(ELSE, LATEST, night=3), _no(LATEST, night=4)),
    Story.WITHDRAWAL_REWRITTEN_AND_BACK: (
        _no(THEN),
        _yes(LATER),
        _other(ELSE, LATER, entry=1, night=2),
        _yes(LATER, night=3),
    ),
    Story.DISSENT_BECOMES_WITHDRAWAL: (_no(LATEST), _yes(LATEST, entry=0, night=2)),
    Story.WITHDRAWAL_BECOMES_DISSENT: (_no(THEN), _yes(LATER), _no(LATER, entry=1, night=3)),
    Story.DISSENT_BECOMES_TYPE_TWO: (_no(LATEST), _other(TYPE_TWO, LATEST, night=4)),
    Story.SOMETHING_BECOMES_DISSENT: (_other(ELSE, LATEST), _no(LATEST, night=2)),
    Story.DISSENT_DATED_BACK: (_no(LATEST), _yes(LATER), _no(THEN, night=4)),
    Story.WITHDRAWAL_DATED_ON: (_no(LATER), _yes(THEN), _yes(LATEST, night=4)),
    Story.WITHDRAWAL_BECOMES_UNREADABLE: (_no(THEN), _yes(LATER), _yes(UNREADABLE, night=2)),
    Story.DISSENT_BECOMES_UNREADABLE: (_no(LATEST), _other(ELSE, UNREADABLE, night=2)),
    Story.DISSENT_BECOMES_UNREADABLE_WITHDRAWAL: (_no(LATEST), _yes(UNREADABLE, entry=0, night=2)),
    Story.OLD_DISSENT_TYPED_LATE: (_yes(LATER), _no(THEN, entry=0, night=2)),
    Story.OLD_WITHDRAWAL_TYPED_LATE: (_no(LATER), _yes(THEN, night=2)),
    Story.WITHDRAWS_NEXT_NIGHT: (_no(LATEST), _yes(_last_week(2), night=2)),
    Story.WITHDRAWS_AND_DISSENTS_AGAIN: (
        _no(LATEST),
        _yes(_last_week(2), night=2),
        _no(_last_week(3), entry=2, night=3),
    ),
    Story.DISSENTS_ON_NIGHT_TWO: (_no(_last_week(2), night=2),),
    Story.DISSENTS_ON_NIGHT_THREE: (_no(_last_week(3), night=3),),
    Story.DISSENTS_FOR_A_NIGHT: (_no(_last_week(2), night=2), _yes(_last_week(3), night=3)),
    Story.DISSENTS_FOR_A_NIGHT_LATER: (_no(_last_week(3), night=3), _yes(_last_week(4), night=4)),
    Story.DISSENTS_BY_MISTAKE: (_no(_last_week(2), night=2), _gone(NO, 3)),
    Story.DISSENTS_FOR_A_NIGHT_AND_AGAIN: (
        _no(_last_week(2), night=2),
        _yes(_last_week(3), night=3),
        _no(_last_week(4), entry=2, night=4),
    ),
    Story.TYPE_TWO_ON_NIGHT_TWO: (_other(TYPE_TWO, _last_week(2), night=2),),
}
