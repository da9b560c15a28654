"""What is written in each patient's record on which night: their story's lines, or anything at all."""

import functools
from collections.abc import Iterator

import numpy as np

from simulator import codes
from simulator.calendar import FIRST_EXTRACT_DAY
from simulator.codes import Role
from simulator.consents import UNREADABLE
from simulator.draws import Draws, Numbers
from simulator.facts import Precision
from simulator.histories.company import A_BLOCK, Company, company
from simulator.histories.entries import Entries, joined
from simulator.histories.stories import (
    ELSE,
    EVENING,
    LATER,
    LATEST,
    MORNING,
    NO,
    NOON,
    STORIES,
    TYPE_TWO,
    UNTIMED,
    YES,
    Line,
    Story,
)
from simulator.practice import Practice, extract_days
from simulator.texts import UNDATED, day_number, day_of

NAMES = tuple(Story)
_NOTHING, _ANYTHING = NAMES.index(Story.NOTHING), NAMES.index(Story.ANYTHING)
# Enough of those who object stay so that what ends on a night does not look like a lost list of objections.
_SHARES = {Story.NOTHING: 25, Story.ANYTHING: 25, Story.DISSENTS: 15}
_WHICH = np.repeat(np.arange(len(NAMES)), [_SHARES.get(name, 1) for name in NAMES])
_SWAY = 200  # days by which a patient's history is older than another's

# The first four ways it may go with somebody who is registered twice; the other half have stories of their own.
_ONE, _TWO, _NEITHER = Story.DISSENTS, Story.DISSENTS_ON_NIGHT_TWO, Story.NOTHING
_WAYS = 8
_TOGETHER: dict[tuple[Company, int], tuple[Story, ...]] = {
    (Company.AT_TWO_PRACTICES, 0): (_ONE, _NEITHER, _ONE, _NEITHER),
    (Company.AT_TWO_PRACTICES, 1): (_NEITHER, _TWO, _ONE, _NEITHER),
    (Company.MOVED_AWAY, 0): (_NEITHER, _NEITHER, _NEITHER, _NEITHER),
    (Company.MOVED_HERE, 0): (_TWO, Story.DISSENTS_ON_NIGHT_THREE, Story.DISSENTS_FOR_A_NIGHT, _NEITHER),
    (Company.FIRST_OF_TWO, 0): (_ONE, _NEITHER, _ONE, _NEITHER),
    (Company.SECOND_OF_TWO, 0): (_NEITHER, _TWO, Story.ONLY_WITHDRAWS, _NEITHER),
}

_POOLS = {
    role: np.concatenate([codes.of_role(role), codes.of_role(otherwise)])
    for role, otherwise in ((NO, Role.DISSENT_SPELT_OTHERWISE), (YES, Role.WITHDRAWAL_SPELT_OTHERWISE))
}
_ROLES = np.array([NO, NO, NO, NO, YES, YES, YES, YES, YES, ELSE, TYPE_TWO])
_SECONDS = np.array([UNTIMED, MORNING, NOON, EVENING, EVENING])
_PRECISIONS = np.array([Precision.DAY] * 4 + [Precision.MONTH, Precision.YEAR])
_DAYS = np.array([LATER] * 4 + [LATER + 1] * 2 + [LATER + 17] * 2 + [LATEST] * 3 + [LATEST + 30] * 2 + [UNDATED])
_ODD_DAYS = np.array([FIRST_EXTRACT_DAY, FIRST_EXTRACT_DAY + 1, FIRST_EXTRACT_DAY + 90, UNREADABLE])
_MOST_ENTRIES, _MOST_VERSIONS = 4, 3
_LATER_BY = np.array([0, 0, 1])  # nights


@functools.lru_cache(maxsize=2)  # a practice's are asked for again and again while its deliveries are made
def histories(source: Practice) -> Entries:
    """Every version of every entry of every night, the older first."""
    story = stories_of(source)
    parts = list(_at_random(source, np.flatnonzero(story == _ANYTHING)))
    for number, name in enumerate(NAMES):
        told = np.flatnonzero(story == number)
        parts += [_written(source, told, line, version) for version, line in enumerate(STORIES[name])]
    return joined(parts)


def stories_of(source: Practice) -> Numbers:
    """For each patient the place of their story in NAMES."""
    who = np.arange(len(source.roster))
    story = _WHICH[source.draws.below(len(_WHICH), "story", who)]
    which = company(source.size.seed, source.number, source.size.patients, who)
    way = _way(source, which, who)
    half = (source.number - 1) % 2
    for (company_, of), together in _TOGETHER.items():
        if of == half or (company_, 1) not in _TOGETHER:
            chosen = (which == company_) & (way < len(together))
            story[chosen] = np.array([NAMES.index(each) for each in together])[way[chosen]]
    return story


def _way(source: Practice, which: Numbers, who: Numbers) -> Numbers:
    block = Draws.of("block", source.size.seed, (source.number - 1) // A_BLOCK)
    beside = np.isin(which, (Company.FIRST_OF_TWO, Company.SECOND_OF_TWO))
    return np.where(beside, source.draws.below(_WAYS, "way", who // 2), block.below(_WAYS, "way", who))


def _written(source: Practice, patient: Numbers, line: Line, version: int) -> Entries:
    """One line of a story, for everybody whose story it is."""
    sways = line.precision == Precision.DAY and UNDATED < line.day <= LATEST and line.day not in _KEPT
    sway = source.draws.below(_SWAY, "sway", patient) if sways else np.zeros(len(patient), np.int64)
    day = line.day - sway
    night = source.roster.joined_on[patient] + line.night - 1
    return _entries(
        source,
        patient,
        np.full(len(patient), line.entry),
        night=night,
        role=np.full(len(patient), line.role),
        day=day,
        precision=np.full(len(patient), line.precision if line.day > UNDATED else Precision.NOTHING),
        entered_day=_typed(day, line.typed_after, night if line.night > 1 else np.ones_like(night)),
        second=np.full(len(patient), line.second),
        deleted=np.full(len(patient), line.deleted),
        in_full=np.full(len(patient), line.in_full),
        version=version,
    )


# Days that stories with partial dates count on stay where they are.
_KEPT = frozenset(
    line.day
    for lines in STORIES.values()
    if any(line.precision != Precision.DAY for line in lines)
    for line in lines
    if line.day not in (LATER, LATEST)
)


def _at_random(source: Practice, who: Numbers) -> Iterator[Entries]:
    """Up to four entries, each said again up to twice."""
    how_many = 1 + source.draws.below(_MOST_ENTRIES, "how many", who)
    for entry in range(_MOST_ENTRIES):
        patient = who[how_many > entry]
        later = _LATER_BY[source.draws.below(len(_LATER_BY), "night", patient, entry)]
        night = source.roster.joined_on[patient] + later
        for version in range(_MOST_VERSIONS):
            yield _any(source, patient, entry, night, version)
            again = source.draws.below(6, "again", patient, entry, version) == 0
            patient, night = patient[again], night[again] + 1


def _any(source: Practice, patient: Numbers, entry: int, night: Numbers, version: int) -> Entries:
    draws, keys = source.draws, (patient, entry, version)
    day = _DAYS[draws.below(len(_DAYS), "any day", *keys)]
    odd = draws.below(12 * (1 + 2 * version), "odd day", *keys) == 0  # fewer later: those nights are small
    day = np.where(odd, _ODD_DAYS[draws.below(len(_ODD_DAYS), "which odd day", *keys)], day)
    plain = (day > UNDATED) & ~odd
    precision = np.where(plain, _PRECISIONS[draws.below(len(_PRECISIONS), "any precision", *keys)], Precision.DAY)
    precision = np.where(day <= UNDATED, Precision.NOTHING, precision)
    deleted = _is_deleted(draws, patient, entry, version)
    return _entries(
        source,
        patient,
        np.full(len(patient), entry),
        night=night,
        role=_ROLES[draws.below(len(_ROLES), "any role", *keys)],
        day=np.where(deleted, UNDATED, _started(day, precision)),
        precision=precision,
        entered_day=_typed(day, 0, night),
        second=_SECONDS[draws.below(len(_SECONDS), "any second", *keys)],
        deleted=deleted,
        in_full=np.zeros(len(patient), bool),
        version=version,
    )


def _is_deleted(draws: Draws, patient: Numbers, entry: int, version: int) -> Numbers:
    """What is deleted may be written again, and is not deleted twice."""
    if version == 0:
        return np.zeros(len(patient), bool)
    ends = draws.below(2, "any end", patient, entry, version) == 0
    return np.asarray(ends & ~_is_deleted(draws, patient, entry, version - 1))


def _entries(
    source: Practice, patient: Numbers, entry: Numbers, *, role: Numbers, second: Numbers, version: int, **more: Numbers
) -> Entries:
    code = np.zeros(len(patient), np.int64)
    for each in np.unique(role).tolist():
        pool, of_it = _POOLS.get(each, codes.of_role(Role(each))), role == each
        drawn = source.draws.below(len(pool), "consent code", patient[of_it], entry[of_it], version)
        code[of_it] = pool[drawn]
    return Entries(patient=patient, entry=entry, role=role, code=code, entered_second=second, **more)


def _typed(day: Numbers, after: int, night: Numbers) -> Numbers:
    """On the day itself or some days after; on a later night the day before its extract."""
    at_first = np.where(day <= UNDATED, FIRST_EXTRACT_DAY - 100, np.minimum(day + after, FIRST_EXTRACT_DAY - 1))
    return np.asarray(np.where(night > 1, extract_days(night) - 1, at_first))


def _started(day: Numbers, precision: Numbers) -> Numbers:
    """The first day that is meant."""
    firsts = {each: each for each in np.unique(day).tolist()}
    months, years = dict(firsts), dict(firsts)
    for each in firsts:
        if each > UNDATED:
            months[each] = day_number(day_of(each).replace(day=1))
            years[each] = day_number(day_of(each).replace(month=1, day=1))
    found = day.copy()
    for kind, starts in ((Precision.MONTH, months), (Precision.YEAR, years)):
        for each, start in starts.items():
            found[(precision == kind) & (day == each)] = start
    return found
