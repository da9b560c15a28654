"""The answer sheet of histories: for each registration of a practice, may leave on a night or why not, and whose it is.

It names people, so it lies beside the deliveries and goes nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulator import record
from simulator.draws import Numbers
from simulator.histories import rule
from simulator.histories.company import Company, company
from simulator.histories.people import has_number
from simulator.histories.written import NAMES, histories, stories_of
from simulator.practice import Practice
from simulator.roster import person_of
from simulator.texts import joined

WHOM_NOBODY_CAN_TELL = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """What a format makes of a history."""

    local_id: Callable[[pa.Array], pa.Array]  # given GUIDs as EMIS spells them; TPP's rows are numbered by table
    partial_dates: bool = True


SPELLINGS = {
    "emis_csv": Spelling(local_id=lambda guids: guids),
    "medicus_csv": Spelling(local_id=record.plain),
    "tpp_csv": Spelling(local_id=lambda guids: joined("SRPatient/", record.numbered(guids)), partial_dates=False),
}


class NoHistories(ValueError):
    """The format cannot say what generated histories hold."""


def spelling(format: str) -> Spelling:
    if format not in SPELLINGS:
        raise NoHistories(f"Generated histories are not written in {format}; choose one of {', '.join(SPELLINGS)}.")
    return SPELLINGS[format]


def opted_out(source: Practice, format: str, night: int, present: Numbers) -> Numbers:
    """For each patient whether a dissent holds them back, here, on a night. `present`: of whom the format tells anything."""
    entries = histories(source)
    seen = entries.where(present[entries.patient])
    partial = spelling(format).partial_dates
    out = rule.opted_out(seen, night, patients=len(source.roster), partial_dates=partial)
    return rule.of_the_same_people(out, np.where(present, persons(source), WHOM_NOBODY_CAN_TELL))


def persons(source: Practice) -> Numbers:
    """Who it is, wherever registered; WHOM_NOBODY_CAN_TELL without a valid NHS number."""
    who, size = np.arange(len(source.roster)), source.size
    known = person_of(size.seed, source.number, size.patients, who)
    return np.where(has_number(size.seed, source.number, who), known, WHOM_NOBODY_CAN_TELL)


def sheet(
    source: Practice, format: str, night: int, present: Numbers, *, decision: pa.Array, leaving: Numbers
) -> pa.Table:
    """One line a patient known by a night. `leaving`: the rows of the night's delivery that leave if their patient may.

    `opted_out` says whether a dissent holds them back, also where another reason comes first in `decision`.
    """
    who = np.flatnonzero(present)
    size = source.size
    which = company(size.seed, source.number, size.patients, np.arange(len(present)))
    return pa.table(
        {
            "practice_code": pa.repeat(pa.scalar(source.code), len(who)),
            "local_id": spelling(format).local_id(source.guids("patient", who)),
            "person": persons(source)[who],
            "story": _words([str(name) for name in NAMES], stories_of(source)[who]),
            "company": _words([each.name.lower() for each in Company], which[who]),
            "decision": decision.take(pa.array(who)),
            "opted_out": opted_out(source, format, night, present)[who],
            "rows": leaving[who].astype(np.int32),
        }
    )


def _words(words: list[str], places: Numbers) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(places))
