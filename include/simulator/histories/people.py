"""The people of a practice whose patients have generated histories: who they are, and what else may keep them back."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from simulator.calendar import FIRST_EXTRACT_DAY, START_DAY
from simulator.draws import Draws, Numbers
from simulator.histories.company import Company, company
from simulator.roster import NEVER, Roster

_YOUNGEST = 6_000  # days: old enough that no entry of theirs is from before their birth
_NO_NUMBER, _WRONG_NUMBER = 30, 20  # of a thousand
_DAYS_SINCE_START = FIRST_EXTRACT_DAY - START_DAY


def lived(plain: Roster, seed: int, practice: int, patients: int) -> Roster:
    """The roster with more that may be said of people. Of the reasons to be held back, each has some."""
    draws, who = Draws.of("practice", seed, practice), np.arange(len(plain))
    which = company(seed, practice, patients, who)
    drawn = draws.below(1_000, "other reasons", who)
    birth = plain.birth - np.where(plain.birth > FIRST_EXTRACT_DAY - _YOUNGEST, _YOUNGEST, 0)
    left = np.where((drawn >= 40) & (drawn < 60), START_DAY - 200, plain.left)
    moved = np.isin(which, (Company.MOVED_AWAY, Company.FIRST_OF_TWO))
    left = np.where(moved, START_DAY + 300 + draws.below(900, "moved", who), left)
    died = np.where((drawn >= 60) & (drawn < 80), START_DAY - 300, plain.died)
    died = np.where((drawn >= 80) & (drawn < 90), START_DAY + 500, died)
    changed = replace(
        plain,
        nhs_number=_numbers(plain, draws, who),
        birth=birth,
        left=left,
        died=died,
        type=np.where((drawn >= 90) & (drawn < 115), 1 + who % 4, plain.type),
        dummy=drawn < 15,
        confidential_from=np.where((drawn >= 15) & (drawn < 30), 1, NEVER),
        spine_sensitive=(drawn >= 30) & (drawn < 40),
    )
    came = np.isin(which, (Company.MOVED_HERE, Company.SECOND_OF_TWO))
    span = np.maximum(changed.last_day - birth, 1)
    changed.registered[:] = np.where(came, START_DAY + _DAYS_SINCE_START - 400, birth + draws.below(span, "since", who))
    return changed


def has_number(seed: int, practice: int, who: Numbers) -> Numbers:
    """Whether the number a registration has is one."""
    return np.asarray(_number_drawn(Draws.of("practice", seed, practice), who) >= _NO_NUMBER + _WRONG_NUMBER)


def _number_drawn(draws: Draws, who: Numbers) -> Numbers:
    return draws.below(1_000, "no number", who)


def _numbers(plain: Roster, draws: Draws, who: Numbers) -> pa.Array:
    """Some have none, and some one whose last digit is another."""
    drawn = _number_drawn(draws, who)
    texts = np.array(plain.nhs_number.to_pylist(), dtype=object)
    texts[drawn < _NO_NUMBER] = ""
    wrong = np.flatnonzero((drawn >= _NO_NUMBER) & (drawn < _NO_NUMBER + _WRONG_NUMBER))
    texts[wrong] = [text[:-1] + str((int(text[-1]) + 1) % 10) for text in texts[wrong]]
    return pa.array(texts, pa.string())
