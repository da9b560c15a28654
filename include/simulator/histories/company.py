"""Who is registered more than once. The practices come in blocks of four: 1 and 2 of one supplier, say, 3 and 4 of another.

Some people are registered at two practices of a supplier, some moved from 1 to 3 or from 2 to 4, and some are on one
practice's list twice. The same place of the list is the same person, so each practice can be made without the others.
"""

from enum import IntEnum

import numpy as np

from simulator.draws import Draws, Numbers

A_BLOCK = 4
_AT_TWO, _MOVED, _TWICE = 6, 4, 3  # of a hundred


class Company(IntEnum):
    """In whose company a registration is."""

    ALONE = 0
    AT_TWO_PRACTICES = 1
    MOVED_AWAY = 2
    MOVED_HERE = 3
    FIRST_OF_TWO = 4  # at the one practice: ended, and begun anew
    SECOND_OF_TWO = 5


def company(seed: int, practice: int, patients: int, who: Numbers) -> Numbers:
    """Newcomers of later nights are alone, and so is the last of an odd number."""
    block, place = divmod(practice - 1, A_BLOCK)
    drawn = Draws.of("block", seed, block).below(100, "in whose company", who)
    found = np.select(
        [who >= patients, drawn < _AT_TWO, drawn < _AT_TWO + _MOVED],
        [Company.ALONE, Company.AT_TWO_PRACTICES, Company.MOVED_AWAY if place < 2 else Company.MOVED_HERE],
        Company.ALONE,
    )
    twice = Draws.of("practice", seed, practice).below(100, "twice", who // 2) < _TWICE
    beside = Draws.of("block", seed, block).below(100, "in whose company", who ^ 1) >= _AT_TWO + _MOVED
    both = twice & (found == Company.ALONE) & beside & (who | 1 < patients)
    return np.where(both, np.where(who % 2 == 0, Company.FIRST_OF_TWO, Company.SECOND_OF_TWO), found)


def owner(practice: int, which: Numbers, who: Numbers) -> tuple[Numbers, Numbers]:
    """The practice and the place of its list that each person is known by."""
    place = (practice - 1) % A_BLOCK
    at = np.where(which == Company.AT_TWO_PRACTICES, practice - place % 2, practice)
    at = np.where(which == Company.MOVED_HERE, practice - 2, at)
    return at, np.where(which == Company.SECOND_OF_TWO, who - 1, who)
