"""Whose opt-out is in force: the answers of the answer sheet, spelt out by hand."""

from dataclasses import replace

import pytest

from simulator.calendar import extract_day
from simulator.codes import Role
from simulator.consents import UNREADABLE, Consent, consents, opted_out
from simulator.practice import Size, practice
from simulator.roles import Part
from simulator.texts import UNDATED

TODAY = extract_day(1)
NO, YES = Role.DISSENT, Role.WITHDRAWAL

OPTED_OUT_ON_NIGHT_ONE = {
    Part.DISSENTS_IN_SNOMED: True,
    Part.DISSENTS_IN_READ: True,
    Part.DISSENTS_IN_CTV3: True,
    Part.DISSENTS_IN_OLD_READ: True,
    Part.WITHDREW: False,
    Part.WITHDREW_AND_DISSENTED_AGAIN: True,
    Part.ONLY_WITHDREW: False,
    Part.SAME_DAY_WITHOUT_TIMES: True,
    Part.SAME_DAY_DISSENT_LATER: True,
    Part.SAME_DAY_WITHDRAWAL_LATER: False,
    Part.SAME_DAY_SAME_TIME: True,
    Part.SAME_DAY_ONE_TIME: True,
    Part.UNDATED_DISSENT: True,
    Part.UNDATED_WITHDRAWAL: True,
    Part.FUTURE_DISSENT: True,
    Part.FUTURE_WITHDRAWAL: True,
    Part.UNREADABLE_DISSENT: True,
    Part.UNREADABLE_WITHDRAWAL: True,
    Part.TYPE_TWO_ONLY: False,
    Part.DISSENT_DELETED_NEXT_NIGHT: True,
    Part.WITHDRAWS_NEXT_NIGHT: True,
}


@pytest.mark.parametrize(("part", "expected"), OPTED_OUT_ON_NIGHT_ONE.items())
def test_who_is_opted_out_on_the_first_night(part: Part, expected: bool) -> None:
    source = practice(1, Size(patients=400, entries_per_patient=1, seed=1, trouble=True), nights=1)
    out = opted_out(consents(source, 1), 1)
    (patient,) = source.roster.cast.playing[part]
    assert (patient in out) == expected


def test_a_deleted_dissent_and_a_withdrawal_end_an_opt_out_and_a_new_dissent_starts_one() -> None:
    source = practice(2, Size(patients=400, entries_per_patient=1, seed=1, trouble=True), nights=3)
    entries = consents(source, 3)
    before, after, later = (opted_out(entries, night) for night in (1, 2, 3))
    playing, changes = source.roster.cast.playing, source.roster.cast.changes(2)
    assert changes is not None
    ended = {*playing[Part.DISSENT_DELETED_NEXT_NIGHT], *playing[Part.WITHDRAWS_NEXT_NIGHT]}
    started = {changes.dissents, changes.dissents_by_mistake, changes.dissents_for_a_day}
    assert ended <= before
    assert not ended & after
    assert started <= after
    assert not started & before
    assert started & later == {changes.dissents}


@pytest.mark.parametrize("share", [0, 0.05, 1])
def test_as_many_plainly_dissent_as_was_asked_for(share: float) -> None:
    source = practice(1, Size(patients=2000, entries_per_patient=1, seed=1, trouble=False, opted_out=share), nights=2)
    for night in (1, 2):
        assert len(opted_out(consents(source, night), night)) == pytest.approx(2000 * share, rel=0.2)


def test_no_more_than_everybody_can_opt_out() -> None:
    with pytest.raises(ValueError, match="More than all"):
        Size(patients=1, entries_per_patient=1, seed=1, trouble=False, opted_out=5)


def test_plain_dissents_leave_planted_parts_alone() -> None:
    size = Size(patients=400, entries_per_patient=1, seed=1, trouble=True)
    source, dissenting = practice(1, size, nights=1), practice(1, replace(size, opted_out=1), nights=1)
    played = {patient for patients in source.roster.cast.playing.values() for patient in patients}
    before, after = opted_out(consents(source, 1), 1), opted_out(consents(dissenting, 1), 1)
    assert played & before == played & after
    assert {*source.roster.cast.ordinary} <= after


def said(*words: tuple[Role, int, int | None]) -> set[int]:
    entries = [
        Consent(patient=5, place=place, night=1, role=role, code=0, day=day, entered_second=second)
        for place, (role, day, second) in enumerate(words)
    ]
    return opted_out(entries, 1)


def test_nobody_is_opted_out_without_a_word() -> None:
    assert said() == set()


@pytest.mark.parametrize("day", [UNDATED, UNREADABLE, TODAY + 1])
def test_a_dissent_without_a_past_day_holds_whatever_was_withdrawn(day: int) -> None:
    assert said((NO, day, 1), (YES, TODAY, 2)) == {5}
    assert said((NO, TODAY - 5, 1), (YES, day, 2)) == {5}


def test_an_entry_dated_on_the_day_of_the_extract_counts() -> None:
    assert said((NO, TODAY - 1, 1), (YES, TODAY, 1)) == set()
