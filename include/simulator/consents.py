"""Opt-outs and their withdrawals: the entries planted, and who they leave opted out on a night."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from simulator import codes
from simulator.calendar import FIRST_EXTRACT_DAY, extract_day
from simulator.codes import Role
from simulator.draws import Numbers
from simulator.practice import A_NIGHTS_PLACES, CONSENTS, Practice
from simulator.roles import SHARED_WHO_DISSENTS, Part
from simulator.texts import UNDATED

UNREADABLE = UNDATED - 1  # a day stands in the file, but no calendar has it
_THEN, _LATER, _LATEST = (FIRST_EXTRACT_DAY - ago for ago in (1_500, 900, 300))
_NEXT_YEAR = FIRST_EXTRACT_DAY + 200
_MORNING, _EVENING = 32_400, 61_200
_DISSENT, _WITHDRAWAL = Role.DISSENT, Role.WITHDRAWAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One version of one entry of a patient's record."""

    patient: int
    place: int
    night: int
    role: Role
    code: int
    day: int
    entered_second: int | None  # entered on the day itself; None where neither date nor time of entry is known
    deleted: bool = False


# What each part wrote before the first night: (what, day, second of entry). A part may be played by several patients.
_STORIES: dict[Part, list[tuple[Role, int, int | None]]] = {
    Part.DISSENTS_IN_SNOMED: [(_DISSENT, _THEN, _MORNING)],
    Part.DISSENTS_IN_READ: [(_DISSENT, _THEN, _MORNING)],
    Part.DISSENTS_IN_CTV3: [(_DISSENT, _THEN, _MORNING)],
    Part.DISSENTS_IN_OLD_READ: [(_DISSENT, _THEN, _MORNING)],
    Part.WITHDREW: [(_DISSENT, _THEN, _MORNING), (_WITHDRAWAL, _LATER, _MORNING)],
    Part.WITHDREW_AND_DISSENTED_AGAIN: [
        (_DISSENT, _THEN, _MORNING),
        (_WITHDRAWAL, _LATER, _MORNING),
        (_DISSENT, _LATEST, _MORNING),
    ],
    Part.ONLY_WITHDREW: [(_WITHDRAWAL, _THEN, _MORNING)],
    Part.SAME_DAY_WITHOUT_TIMES: [(_DISSENT, _LATER, None), (_WITHDRAWAL, _LATER, None)],
    Part.SAME_DAY_DISSENT_LATER: [(_WITHDRAWAL, _LATER, _MORNING), (_DISSENT, _LATER, _EVENING)],
    Part.SAME_DAY_WITHDRAWAL_LATER: [(_DISSENT, _LATER, _MORNING), (_WITHDRAWAL, _LATER, _EVENING)],
    Part.SAME_DAY_SAME_TIME: [(_DISSENT, _LATER, _MORNING), (_WITHDRAWAL, _LATER, _MORNING)],
    Part.SAME_DAY_ONE_TIME: [(_DISSENT, _LATER, None), (_WITHDRAWAL, _LATER, _EVENING)],
    Part.UNDATED_DISSENT: [(_DISSENT, UNDATED, _MORNING), (_WITHDRAWAL, _LATER, _MORNING)],
    Part.UNDATED_WITHDRAWAL: [(_DISSENT, _THEN, _MORNING), (_WITHDRAWAL, UNDATED, _MORNING)],
    Part.FUTURE_DISSENT: [(_WITHDRAWAL, _THEN, _MORNING), (_DISSENT, _NEXT_YEAR, _MORNING)],
    Part.FUTURE_WITHDRAWAL: [(_DISSENT, _THEN, _MORNING), (_WITHDRAWAL, _NEXT_YEAR, _MORNING)],
    Part.UNREADABLE_DISSENT: [(_DISSENT, UNREADABLE, _MORNING)],
    Part.UNREADABLE_WITHDRAWAL: [(_DISSENT, _THEN, _MORNING), (_WITHDRAWAL, UNREADABLE, _MORNING)],
    Part.TYPE_TWO_ONLY: [(Role.TYPE_TWO, _THEN, _MORNING)],
    Part.DISSENT_DELETED_NEXT_NIGHT: [(_DISSENT, _LATEST, _MORNING)],
    Part.WITHDRAWS_NEXT_NIGHT: [(_DISSENT, _LATEST, _MORNING)],
}
_PLAIN = 9  # the place of a plain dissent among a patient's opt-outs; those of planted trouble stand before it
_SYSTEM = {Part.DISSENTS_IN_SNOMED: 0, Part.DISSENTS_IN_READ: 1, Part.DISSENTS_IN_CTV3: 2, Part.DISSENTS_IN_OLD_READ: 3}


def consents(source: Practice, nights: int) -> list[Consent]:
    """Every version of every entry of the nights, oldest night first."""
    found = [*_plain_dissents(source)]
    return found + _troublesome(source, nights) if source.size.trouble else found


def _troublesome(source: Practice, nights: int) -> list[Consent]:
    found = [*_history(source)]
    playing = source.roster.cast.playing
    mistaken, fickle = playing[Part.DISSENT_DELETED_NEXT_NIGHT], playing[Part.WITHDRAWS_NEXT_NIGHT]
    for night in range(2, nights + 1):
        found += [_deletion(entry, night) for entry in found if entry.patient in mistaken and not entry.deleted]
        found += [_entry(source, patient, 3, night, _WITHDRAWAL, extract_day(night) - 1) for patient in fickle]
        changes = source.roster.cast.changes(night)
        mistaken, fickle = [], []
        if changes is not None:
            mistaken, fickle = [changes.dissents_by_mistake], [changes.dissents_for_a_day]
            found += [
                _entry(source, patient, 0, night, _DISSENT, extract_day(night) - 2)
                for patient in (changes.dissents, *mistaken, *fickle)
            ]
    return found


def opted_out(entries: Iterable[Consent], night: int) -> set[int]:
    """The patients whose latest word, as known on a night, is no."""
    latest = {(entry.patient, entry.place): entry for entry in entries if entry.night <= night}
    in_force = sorted((entry for entry in latest.values() if not entry.deleted), key=_patient)
    return {patient for patient, own in groupby(in_force, key=_patient) if _dissents(list(own), extract_day(night))}


def _dissents(entries: list[Consent], today: int) -> bool:
    """Undated and future dissents hold; undated and future withdrawals do not; of the rest the latest day counts."""
    if any(entry.role == _DISSENT and (entry.day <= UNDATED or entry.day > today) for entry in entries):
        return True
    dated = [entry for entry in entries if UNDATED < entry.day <= today and entry.role in (_DISSENT, _WITHDRAWAL)]
    last = [entry for entry in dated if entry.day == max(other.day for other in dated)]
    no = [entry.entered_second for entry in last if entry.role == _DISSENT]
    yes = [entry.entered_second for entry in last if entry.role == _WITHDRAWAL]
    if not no or not yes:
        return bool(no)
    said_no, said_yes = ([second for second in said if second is not None] for said in (no, yes))
    all_timed = len(said_no) == len(no) and len(said_yes) == len(yes)
    return not (all_timed and max(said_yes) > max(said_no))


def _plain_dissents(source: Practice) -> Iterator[Consent]:
    """A share of those who play no part, as in life: one dissent, entered years ago and never taken back."""
    chance = source.draws.share("dissents", np.arange(source.size.patients))
    for patient in source.roster.cast.ordinary:
        if chance[patient] < source.size.opted_out:
            born = int(source.roster.birth[patient])
            yield _entry(source, patient, _PLAIN, 1, _DISSENT, max(_LATER, born), system=0)


def _history(source: Practice) -> Iterator[Consent]:
    for part, story in _STORIES.items():
        for patient in source.roster.cast.playing[part]:
            for step, (role, day, second) in enumerate(story):
                system = _SYSTEM.get(part, source.number + step + patient)
                yield _entry(source, patient, step, 1, role, day, system=system, second=second)
    if source.number % 2 == 1:
        born = int(source.roster.birth[SHARED_WHO_DISSENTS])
        yield _entry(source, SHARED_WHO_DISSENTS, 0, 1, _DISSENT, max(_LATEST, born), system=0)


def _entry(
    source: Practice,
    patient: int,
    step: int,
    night: int,
    role: Role,
    day: int,
    *,
    system: int | None = None,
    second: int | None = _MORNING,
) -> Consent:
    pool: Numbers = codes.of_role(role)
    code = int(pool[(source.number + night + patient if system is None else system) % len(pool)])
    place = CONSENTS * A_NIGHTS_PLACES + step
    return Consent(patient=patient, place=place, night=night, role=role, code=code, day=day, entered_second=second)


def _deletion(entry: Consent, night: int) -> Consent:
    return Consent(
        patient=entry.patient,
        place=entry.place,
        night=night,
        role=entry.role,
        code=entry.code,
        day=UNDATED,
        entered_second=None,
        deleted=True,
    )


def _patient(entry: Consent) -> int:
    return entry.patient
