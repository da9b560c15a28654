"""The type 1 rule a second time, slowly and in plain words: read a practice's history as a clinician would, line by line.

It shares no code with the product, on purpose: not its codes, dates, nor NHS numbers. Where the two differ, one is wrong.
"""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

# Where in the record a line stands.
OWN_RECORD = "own record"  # what the patient has, said or had done
FAMILY_HISTORY = "family history"  # of somebody else, in the patient's record
ELSEWHERE = "elsewhere"  # a to-do list, a referral, a prescription: no entry of the record itself

Day = date
Moment = datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of one night's delivery: what it says of one coded entry. Later lines of an entry speak for it."""

    night: Moment  # when the delivery was taken
    registration: str | None  # whose entry it is
    entry: str | None  # the supplier's id of the entry
    codes: tuple[str, ...] = ()  # everything it is coded in: SNOMED CT, Read v2, CTV3
    dated: str = ""  # "2024-05-17", "2024-05", "2024", or "" where it has no date or none that can be read
    recorded: Moment | None = None
    deleted: bool = False  # the line is a tombstone
    readable: bool = True  # False: some cell could not be read, or the code is one that nobody knows
    place: str = OWN_RECORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What one night says of one registration. Tombstones of registrations say nothing: leave them out."""

    night: Moment
    registration: str
    nhs_number: str | None = None
    born: str = ""  # 2024-05-17; the rule does not ask


def opted_out(
    lines: Iterable[Line], registrations: Iterable[Registration], *, effective: Day, known: Day
) -> frozenset[str]:
    """The registrations a type 1 opt-out held back on the day `effective`, going by what had been delivered up to `known`.

    A night's own decision is both days on that night. Nights and the lines within one must be in their order.
    """
    standing: dict[str, list[Line]] = {}
    for history in _entry_by_entry(line for line in lines if line.night.date() <= known):
        for line in _standing(history):
            standing.setdefault(_name(line.registration), []).append(line)
    objecting = {whose for whose, entries in standing.items() if _objects(entries, effective, known)}
    people = {each.registration: each.nhs_number for each in registrations if each.night.date() <= known}
    numbers = {_digits(people[each]) for each in people if _name(each) in objecting}
    numbers |= {_digits(each) for each in objecting}  # an objection that came before its patient names but the number
    return frozenset(
        each for each in people if _name(each) in objecting or (_digits(people[each]) or "nobody") in numbers
    )


# What a line says


def _is_dissent(line: Line) -> bool:
    return any(
        code.strip() == "827241000000103" or (len(code.strip()) <= 7 and code.strip().startswith(("9Nu0", "XaZ89")))
        for code in line.codes
    )


def _names_withdrawal(line: Line) -> bool:
    spellings = ("827261000000102", "9Nu1", "9Nu1.", "9Nu1.00", "9Nu1.11", "XaZ8A", "XaZ8A00", "XaZ8A11")
    return any(code.strip() in spellings for code in line.codes)


def _is_withdrawal(line: Line) -> bool:
    """Beyond doubt: the patient's own entry, alive, readable, and it can be told which entry it is."""
    sound = line.readable and not line.deleted and line.entry is not None and line.place == OWN_RECORD
    return sound and _names_withdrawal(line) and not _is_dissent(line)


def _ends_a_dissent(line: Line) -> bool:
    """It says for certain that the entry is no dissent (any more): something else that can be read, or a tombstone."""
    if line.place == ELSEWHERE:
        return line.deleted and _is_dissent(line)
    if line.deleted or _is_withdrawal(line):
        return True
    return line.readable and not _is_dissent(line) and not _names_withdrawal(line)


# Which entries stand


def _entry_by_entry(lines: Iterable[Line]) -> list[list[Line]]:
    """The lines of each entry, in order. One without an id is told apart from every other, and stands alone."""
    histories: dict[object, list[Line]] = {}
    for number, line in enumerate(lines):
        histories.setdefault((line.entry or number, line.place == ELSEWHERE), []).append(line)
    return list(histories.values())


def _standing(history: list[Line]) -> list[Line]:
    """Of one entry's lines, the dissents that nothing has ended, and a withdrawal if it is the last word on the entry."""
    standing = []
    for number, line in enumerate(history):
        later = history[number + 1 :]
        if line.registration is None or line.deleted:
            continue
        if (_is_dissent(line) and not _is_over(line, later)) or (_is_withdrawal(line) and not later):
            standing.append(line)
    return standing


def _is_over(dissent: Line, later: list[Line]) -> bool:
    """Said again by the same registration: the later line speaks for it. Ended: there is nothing to speak for."""
    return any(
        each.registration == dissent.registration and (_ends_a_dissent(each) or _is_dissent(each)) for each in later
    )


# Whether the dissent is the last word


def _objects(standing: list[Line], effective: Day, known: Day) -> bool:
    dissents = [line for line in standing if _is_dissent(line) and not _happened_later(line, effective, known)]
    withdrawals = [line for line in standing if not _is_dissent(line) and _counts(line, effective, known)]
    if any(line.dated == "" for line in dissents):
        return True
    if not dissents:
        return False
    last_day = max(_latest(line.dated) for line in dissents)
    if any(_earliest(line.dated) > last_day for line in withdrawals):
        return False
    same_day = [line for line in withdrawals if _earliest(line.dated) == last_day]
    return not all(
        any(w.recorded and d.recorded and w.recorded > d.recorded for w in same_day)
        for d in dissents
        if _latest(d.dated) == last_day
    )


def _happened_later(dissent: Line, effective: Day, known: Day) -> bool:
    """Looking back from `known`: certainly made after the day asked about. What lies ahead even of `known` counts."""
    return dissent.dated != "" and effective < _earliest(dissent.dated) <= known


def _counts(withdrawal: Line, effective: Day, known: Day) -> bool:
    """Dated, not ahead of both days, and, looking back, certainly made by the day asked about."""
    if withdrawal.dated == "" or _earliest(withdrawal.dated) > max(effective, known):
        return False
    return known <= effective or _latest(withdrawal.dated) <= effective


def _earliest(dated: str) -> Day:
    year, month, day = (*dated.split("-"), "1", "1")[:3]
    return date(int(year), int(month), int(day))


def _latest(dated: str) -> Day:
    pieces = dated.split("-")
    year, month = int(pieces[0]), int(pieces[1]) if len(pieces) > 1 else 12
    return date(year, month, int(pieces[2]) if len(pieces) > 2 else calendar.monthrange(year, month)[1])


# Who it is


def _name(registration: str | None) -> str:
    return (registration or "").strip("{} ").upper()


def _digits(nhs_number: str | None) -> str | None:
    """Ten digits of which the last fits the nine before it, or nothing: a number that is none ties nobody to anybody."""
    digits = (nhs_number or "").replace(" ", "").replace("-", "")
    if len(digits) != 10 or not digits.isdecimal() or len(set(digits)) == 1:
        return None
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False))
    return digits if (11 - total % 11) % 11 == int(digits[9]) else None
