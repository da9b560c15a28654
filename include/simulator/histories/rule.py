"""Who is opted out, as the simulator understands it: whole columns at a time, in its own code and words.

A dissent stands unless a withdrawal certainly came after it. A partial date is read against leaving.
"""

import numpy as np

from simulator.calendar import extract_day
from simulator.consents import UNREADABLE
from simulator.draws import Numbers
from simulator.facts import Precision
from simulator.histories.entries import Entries
from simulator.histories.stories import NO, YES
from simulator.texts import UNDATED

_ALWAYS = 10_000_000  # later than any day: nothing can be shown to have come after it
_NEVER = -10_000_000
_A_DAY = 86_400
_UNIT = {Precision.MONTH: "M", Precision.YEAR: "Y"}


def opted_out(entries: Entries, night: int, *, patients: int, partial_dates: bool = True) -> Numbers:
    """For each patient whether their own record says no, as known on a night. `partial_dates`: whether the format has them."""
    known = entries.where(entries.night <= night)
    no, yes = _standing(known)
    last_yes, last_moment = _last_withdrawal(yes, extract_day(night), patients)
    day = _latest(no, partial_dates=partial_dates)
    day[(no.day <= UNDATED) | (day > extract_day(night))] = _ALWAYS
    moment = _moments(no)
    taken_back = day < last_yes[no.patient]
    told_apart = (moment != _NEVER) & (last_moment[no.patient] > moment)
    taken_back |= (day == last_yes[no.patient]) & told_apart
    out = np.zeros(patients, bool)
    out[no.patient[~taken_back]] = True
    return out


def of_the_same_people(out: Numbers, person: Numbers) -> Numbers:
    """Whoever says no says so for every registration they have here. `person` is negative for whom nobody can tell."""
    objecting = np.unique(person[out & (person >= 0)])
    return np.asarray(out | ((person >= 0) & np.isin(person, objecting)))


def _standing(known: Entries) -> tuple[Entries, Entries]:
    """The dissents and the withdrawals that stand. What cannot be read neither withdraws nor ends a dissent."""
    unreadable = known.day == UNREADABLE
    last = known.where(_last_of_each(known))
    yes = last.where((last.role == YES) & ~last.deleted & (last.day != UNREADABLE))
    told = known.where(~unreadable | (known.role == NO) | known.deleted)
    spoken = told.where(_last_of_each(told))
    return spoken.where((spoken.role == NO) & ~spoken.deleted), yes


def _last_of_each(versions: Entries) -> Numbers:
    """The place of the newest version of each entry; nights come in order."""
    which = versions.patient * 100 + versions.entry
    _, from_the_end = np.unique(which[::-1], return_index=True)
    return np.asarray(len(which) - 1 - from_the_end)


def _last_withdrawal(yes: Entries, today: int, patients: int) -> tuple[Numbers, Numbers]:
    """Of each patient the last day that counts, and the last moment of entry on that day."""
    dated = yes.where((yes.day > UNDATED) & (yes.day <= today))
    day, moment = np.full(patients, _NEVER), np.full(patients, _NEVER)
    np.maximum.at(day, dated.patient, dated.day)
    on_it = dated.where(dated.day == day[dated.patient])
    np.maximum.at(moment, on_it.patient, _moments(on_it))
    return day, moment


def _moments(entries: Entries) -> Numbers:
    timed = entries.entered_second >= 0
    return np.asarray(np.where(timed, entries.entered_day * _A_DAY + entries.entered_second, _NEVER))


def _latest(entries: Entries, *, partial_dates: bool) -> Numbers:
    """The last day that may be meant."""
    day = entries.day.copy()
    for precision, unit in _UNIT.items() if partial_dates else ():
        partial = entries.precision == precision
        after = day[partial].astype("datetime64[D]").astype(f"datetime64[{unit}]") + 1
        day[partial] = after.astype("datetime64[D]").astype(np.int64) - 1
    return day
