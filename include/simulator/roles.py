"""Which patients play which troublesome part. A practice too small for all parts plays some; the next one plays others."""

from dataclasses import dataclass
from enum import StrEnum, auto

import numpy as np

from simulator.draws import Draws

PATIENTS_A_COPY = 400  # each part is played once for so many patients, begun or whole
CHANGES_A_NIGHT = 8


class Part(StrEnum):
    """A reason why a patient is out of the ordinary."""

    DISSENTS_IN_SNOMED = auto()
    DISSENTS_IN_READ = auto()
    DISSENTS_IN_CTV3 = auto()
    DISSENTS_IN_OLD_READ = auto()
    WITHDREW = auto()
    WITHDREW_AND_DISSENTED_AGAIN = auto()
    ONLY_WITHDREW = auto()
    SAME_DAY_WITHOUT_TIMES = auto()
    SAME_DAY_DISSENT_LATER = auto()
    SAME_DAY_WITHDRAWAL_LATER = auto()
    SAME_DAY_SAME_TIME = auto()
    SAME_DAY_ONE_TIME = auto()
    UNDATED_DISSENT = auto()
    UNDATED_WITHDRAWAL = auto()
    FUTURE_DISSENT = auto()
    FUTURE_WITHDRAWAL = auto()
    UNREADABLE_DISSENT = auto()
    UNREADABLE_WITHDRAWAL = auto()
    TYPE_TWO_ONLY = auto()
    DISSENT_DELETED_NEXT_NIGHT = auto()
    WITHDRAWS_NEXT_NIGHT = auto()
    DUMMY = auto()
    CONFIDENTIAL = auto()
    SPINE_SENSITIVE = auto()
    LEFT_BEFORE_START = auto()
    LEFT_ON_START = auto()
    LEFT_AFTER_START = auto()
    DIED_BEFORE_START = auto()
    DIED_ON_START = auto()
    DIED_AFTER_START = auto()
    TEMPORARY = auto()
    PRIVATE = auto()
    EMERGENCY = auto()
    WALK_IN = auto()
    NO_NHS_NUMBER = auto()
    WRONG_NHS_NUMBER = auto()
    NO_POSTCODE = auto()
    NO_FIXED_ABODE = auto()
    UNLISTED_POSTCODE = auto()


# A practice of an odd number and the next one share the people in these two places of their lists.
SHARED = (0, 1)
SHARED_WHO_DISSENTS = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Who changes on one night after the first: one ordinary patient each, or nobody when the ordinary run out."""

    made_confidential: int
    deleted: int
    died: int
    left: int
    moved: int
    dissents: int
    dissents_by_mistake: int  # the entry is deleted the next night
    dissents_for_a_day: int  # and withdraws the next night


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays what. `ordinary` holds everybody else, in an order of chance."""

    playing: dict[Part, list[int]]
    ordinary: list[int]
    trouble: bool = True  # otherwise nobody ever changes

    def changes(self, night: int) -> Changes | None:
        """Nobody changes twice, so a small practice comes to rest after some nights."""
        first = (night - 2) * CHANGES_A_NIGHT
        chosen = self.ordinary[first : first + CHANGES_A_NIGHT]
        if not self.trouble or night < 2 or len(chosen) < CHANGES_A_NIGHT:
            return None
        return Changes(**dict(zip(Changes.__dataclass_fields__, chosen, strict=True)))


def cast_parts(draws: Draws, practice: int, patients: int, *, trouble: bool) -> Cast:
    """At least half of the patients stay ordinary."""
    ranks = draws.bits("part", np.arange(patients))
    order = [patient for patient in np.argsort(ranks, kind="stable").tolist() if patient not in SHARED]
    parts = list(Part) * (1 + (patients - 1) // PATIENTS_A_COPY) if trouble else []
    room = len(order) // 2
    start = practice * room % len(parts) if room < len(parts) else 0
    wanted = [*parts[start:], *parts[:start]][:room]
    playing: dict[Part, list[int]] = {part: [] for part in Part}
    for part, patient in zip(wanted, order, strict=False):
        playing[part].append(patient)
    return Cast(playing, order[len(wanted) :], trouble)
