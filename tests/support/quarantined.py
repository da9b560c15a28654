"""A night some of whose rows are kept out."""

from datetime import date

from support.parcels import a_night

AHEAD = date(2099, 1, 1)
SAID = date(2026, 1, 5)
RELEASABLE, NOT_RELEASABLE = (0, 10, 20), (1,)  # rows of the first patient, and one of the second


def a_night_with_plans(*, both=(), seed=3):
    """Three rows lie in the future, one has a code that no terminology could hold, and those in `both` are both."""
    days = [AHEAD if row in (*RELEASABLE, *both) else SAID for row in range(100)]
    codes = ["12345" if row in (*NOT_RELEASABLE, *both) else "44054006" for row in range(100)]
    return a_night(observation_count=100, effective_date=days, snomed_concept_id=codes, seed=seed)
