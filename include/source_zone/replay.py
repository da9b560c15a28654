"""Replay: who would have been held back for a type 1 opt-out on one day, as it was known on another?

Answers a complaint or an audit, from the versions of facts that the memory keeps. What it takes:
 - facts stated by the end of the day `known`, and the rule in force on that day;
 - "the future" is what lies after both days: a dissent there counts, a withdrawal does not;
 - what was certainly said after `effective`, though by `known`, came later and does not count for that day. Of a date of
   which only part is known, a dissent counts if it may have been made by `effective`, a withdrawal only if it must have been.
With both days on a night, this is what that night decided. What it cannot tell: consent codes were read by the code list
of their own night; and of an entry without an id, only the first time it was stated is kept.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time

import polars as pl
import pyarrow as pa

from crossing.errors import PersonMustAct
from source_zone.canonical_forms import spelt_once
from source_zone.consent_codes import DISSENT, WITHDRAWAL
from source_zone.memory import Memory
from source_zone.objections import CONSENTS
from source_zone.opt_outs import possible_days
from source_zone.roster import objecting, objections_known, people
from source_zone.rules import ReleaseRules
from source_zone.versions import known_by


class NothingKnownThen(PersonMustAct):
    """No delivery of the practice had been taken by the day asked about, so nothing can be said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Counts only: who it was does not leave the memory."""

    effective: str
    known: str
    rule_version: int
    registrations_known: int
    held_back: int


def replay(rules: ReleaseRules, memory: Memory, *, effective: date, known: date) -> Replayed:
    """Raises NothingKnownThen, PolicyRefused where no rule was in force."""
    patients = memory.tables.get("patients")
    at = datetime.combine(known, time.max, UTC)
    if patients is None or known_by(patients, at).num_rows == 0:
        raise NothingKnownThen(
            f"Nothing had been taken of this practice by {known}, so whom it would have held back is not known. Ask for a later day."
        )
    then = people(patients, at)
    held = held_back_on(rules, then, memory.tables.get("consents", CONSENTS.empty_table()), effective, known)
    return Replayed(
        effective=effective.isoformat(),
        known=known.isoformat(),
        rule_version=rules.type_one.in_force_on(known).number,
        registrations_known=then.num_rows,
        held_back=len(held),
    )


def held_back_on(
    rules: ReleaseRules, then: pa.Table, consents: pa.Table, effective: date, known: date
) -> frozenset[str]:
    """The registrations of `then` (people as known) held back. `consents` are versions with their instants."""
    by_then = objections_known(consents, datetime.combine(known, time.max, UTC))
    counting = _without_what_came_later(by_then, effective, known)
    # The rule is asked as of the later day, since what lies before it is no future; which version, `known` decides.
    objecting_then = objecting(rules, then, counting, as_of=max(effective, known), rule_of=known)
    return frozenset(each for each in then["registration_id"].to_pylist() if spelt_once(each) in objecting_then)


def _without_what_came_later(consents: pa.Table, effective: date, known: date) -> pa.Table:
    if known <= effective:
        return consents
    frame = pl.DataFrame(pl.from_arrow(consents))
    days = [possible_days(*row) for row in frame.select("effective_date", "effective_date_precision").iter_rows()]
    first, last = (pl.Series([each[end] if each else None for each in days], dtype=pl.Date) for end in (0, 1))
    said_later = (pl.col("meaning") == DISSENT) & (first > effective) & (first <= known)
    taken_back_later = (pl.col("meaning") == WITHDRAWAL) & (last > effective)
    return frame.filter(~(said_later | taken_back_later).fill_null(False)).to_arrow().cast(CONSENTS)


def in_words(practice_code: str, said: Replayed) -> dict[str, object]:
    return {"practice_code": practice_code, **asdict(said)}
