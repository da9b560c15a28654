"""The people of a practice, and who they are on any night."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simulator import places
from simulator.calendar import FIRST_EXTRACT_DAY, START_DAY, extract_day
from simulator.check_digits import nhs_numbers_for_tests
from simulator.draws import Draws, Numbers
from simulator.histories.company import company, owner
from simulator.names import FAMILY, GIVEN, STREETS
from simulator.roles import SHARED, Cast, Part, cast_parts
from simulator.texts import UNDATED, picked, whole

NEVER = 1_000_000  # a night that does not come
PATIENT_TYPES = ("Regular", "Temporary", "Private", "Emergency", "Walk-In Patient")
SEXES = ("M", "F", "U", "I")
_UNUSUAL_TYPE = {Part.TEMPORARY: 1, Part.PRIVATE: 2, Part.EMERGENCY: 3, Part.WALK_IN: 4}
_LEFT = {Part.LEFT_BEFORE_START: -200, Part.LEFT_ON_START: 0, Part.LEFT_AFTER_START: 400}
_DIED = {Part.DIED_BEFORE_START: -300, Part.DIED_ON_START: 0, Part.DIED_AFTER_START: 500}
_PLACED = {
    Part.NO_POSTCODE: places.NO_POSTCODE,
    Part.NO_FIXED_ABODE: places.LISTED + len(places.UNLISTED),
    Part.UNLISTED_POSTCODE: places.LISTED,
}
_A_MULTIPLIER = 7_368_787  # prime to the number of numbers, so that no two patients get the same one


class TooManyPatients(ValueError):
    """The test range holds some 909,000 NHS numbers, and each is given once."""


def newcomers_a_night(patients: int) -> int:
    return 1 + patients // 400


def capacity(patients: int) -> int:
    """How many NHS numbers are kept for a practice, its newcomers of later nights included."""
    return patients * 5 // 4 + 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """One element a patient; newcomers of later nights stand at the end."""

    cast: Cast
    joined_on: Numbers  # night
    nhs_number: pa.Array = field(repr=False)
    birth: Numbers = field(repr=False)
    sex: Numbers
    given: pa.Array = field(repr=False)
    family: pa.Array = field(repr=False)
    local_number: pa.Array = field(repr=False)
    street: pa.Array = field(repr=False)
    postcode: Numbers = field(repr=False)
    registered: Numbers
    left: Numbers
    died: Numbers
    type: Numbers
    dummy: Numbers
    confidential_from: Numbers  # night
    spine_sensitive: Numbers
    deleted_on: Numbers  # night
    moved_on: Numbers  # night

    def __len__(self) -> int:
        return len(self.birth)

    @property
    def last_day(self) -> Numbers:
        """The last day anything happened to each patient before the first extract."""
        end = np.full(len(self), FIRST_EXTRACT_DAY - 1)
        for days in (self.left, self.died):
            end = np.where((days != UNDATED) & (days < end), days, end)
        return end

    def known(self, night: int) -> Numbers:
        return self.joined_on <= night


def roster(seed: int, practice: int, patients: int, nights: int, *, trouble: bool, histories: bool = False) -> Roster:
    """Everybody who is on the practice's list by the last of the nights.

    With histories, one number stands for one human being however many practices there are; so the numbers never run out.
    """
    length = _length(patients, nights)
    who = np.arange(length)
    person = person_of(seed, practice, patients, who) if histories else _person(seed, practice, who, trouble=trouble)
    slots = person if histories else _slots(practice, patients, who, trouble=trouble)
    people, draws = Draws.of("people", seed), Draws.of("practice", seed, practice)
    cast = cast_parts(draws, practice, patients, trouble=trouble)
    born = FIRST_EXTRACT_DAY - 40 - people.below(33_500, "age", person)
    made = Roster(
        cast=cast,
        joined_on=np.where(who < patients, 1, 2 + (who - patients) // newcomers_a_night(patients)),
        nhs_number=_nhs_numbers(seed, practice, slots, who, cast),
        birth=born,
        sex=np.where(people.below(50, "unusual sex", person) == 0, 2 + person % 2, people.below(2, "sex", person)),
        given=picked(GIVEN, people.below(len(GIVEN), "given", person)),
        family=picked(FAMILY, people.below(len(FAMILY), "family", person)),
        local_number=whole(60_000_000 + draws.below(9_000, "local", who) * 1_000 + who % 1_000),
        street=picked(STREETS, draws.below(len(STREETS), "street", who)),
        postcode=draws.below(places.LISTED, "postcode", who),
        registered=born.copy(),
        left=np.full(length, UNDATED),
        died=np.full(length, UNDATED),
        type=np.zeros(length, np.int64),
        dummy=np.zeros(length, bool),
        confidential_from=np.full(length, NEVER),
        spine_sensitive=np.zeros(length, bool),
        deleted_on=np.full(length, NEVER),
        moved_on=np.full(length, NEVER),
    )
    _play_parts(made)
    for night in range(2, nights + 1) if trouble else ():
        _change(made, night)
    made.registered[:] += draws.below(np.maximum(made.last_day - made.birth, 1), "registered", who)
    return made


def _length(patients: int, nights: int) -> int:
    length = patients + newcomers_a_night(patients) * (nights - 1)
    if length > capacity(patients):
        raise TooManyPatients(
            f"{nights} nights bring more newcomers than a practice of {patients} has NHS numbers for."
        )
    return length


def _person(seed: int, practice: int, who: Numbers, *, trouble: bool) -> Numbers:
    """What stands for the human being: the same at two practices for those who are registered at both."""
    own = Draws.of("practice", seed, practice).below(2**52, "person", who)
    if practice % 2 == 0 and trouble:
        shared = np.array(SHARED[: len(who)])
        own[shared] = Draws.of("practice", seed, practice - 1).below(2**52, "person", shared)
    return own


def person_of(seed: int, practice: int, patients: int, who: Numbers) -> Numbers:
    """With histories: a number for the human being behind each registration, the same wherever they are registered."""
    at, place = owner(practice, company(seed, practice, patients, who), who)
    return np.asarray(((at - 1) * capacity(patients) + place) % len(nhs_numbers_for_tests()))


def _slots(practice: int, patients: int, who: Numbers, *, trouble: bool) -> Numbers:
    """Which of the NHS numbers each has."""
    most = len(nhs_numbers_for_tests())
    slots = (practice - 1) * capacity(patients) + who
    if slots[-1] >= most:
        raise TooManyPatients(
            f"Practice {practice} of {patients} patients is beyond the {most} NHS numbers of the test range."
        )
    if practice % 2 == 0 and trouble:
        slots[list(SHARED[: len(who)])] -= capacity(patients)
    return slots


def _nhs_numbers(seed: int, practice: int, slots: Numbers, who: Numbers, cast: Cast) -> pa.Array:
    numbers = nhs_numbers_for_tests()
    chosen = numbers[(slots * _A_MULTIPLIER + seed * 104_729) % len(numbers)]
    wrong = cast.playing[Part.WRONG_NHS_NUMBER]
    chosen[wrong] += np.where(chosen[wrong] % 10 == 9, -1, 1)
    texts = np.array(whole(chosen).to_pylist(), dtype=object)
    texts[cast.playing[Part.NO_NHS_NUMBER]] = ""
    spaced = Draws.of("practice", seed, practice).below(50, "spaced", who) == 0
    texts[spaced] = [f"{text[:3]} {text[3:6]} {text[6:]}".strip() for text in texts[spaced]]
    return pa.array(texts, pa.string())


def _play_parts(made: Roster) -> None:
    playing = made.cast.playing
    for played in playing.values():
        made.birth[played] = START_DAY - 15_000  # old enough to have said no at any of the times they did
    for part, offset in _LEFT.items():
        made.birth[playing[part]] = START_DAY - 20_000
        made.left[playing[part]] = START_DAY + offset
    for part, offset in _DIED.items():
        made.birth[playing[part]] = START_DAY - 28_000
        made.died[playing[part]] = START_DAY + offset
    for part, kind in _UNUSUAL_TYPE.items():
        made.type[playing[part]] = kind
    for part, place in _PLACED.items():
        made.postcode[playing[part]] = place
    made.dummy[playing[Part.DUMMY]] = True
    made.confidential_from[playing[Part.CONFIDENTIAL]] = 1
    made.spine_sensitive[playing[Part.SPINE_SENSITIVE]] = True
    made.registered[:] = made.birth


def _change(made: Roster, night: int) -> None:
    changes = made.cast.changes(night)
    if changes is None:
        return
    made.confidential_from[changes.made_confidential] = night
    made.deleted_on[changes.deleted] = night
    made.moved_on[changes.moved] = night


def died_by(made: Roster, night: int) -> Numbers:
    """The day each patient died, as known on a night."""
    return _by(made, made.died, night, "died")


def left_by(made: Roster, night: int) -> Numbers:
    """The day each patient left, as known on a night."""
    return _by(made, made.left, night, "left")


def _by(made: Roster, at_first: Numbers, night: int, change: str) -> Numbers:
    days = at_first.copy()
    for earlier in range(2, night + 1):
        changes = made.cast.changes(earlier)
        if changes is not None:
            days[getattr(changes, change)] = extract_day(earlier) - 1
    return days
