"""Generated histories: what each story comes to night by night, spelt out by hand, and who the people are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simulator.check_digits import nhs_number_is_valid
from simulator.histories.company import Company, company
from simulator.histories.rule import opted_out
from simulator.histories.sheet import NoHistories
from simulator.histories.stories import Story
from simulator.histories.written import NAMES, histories, stories_of
from simulator.practice import Practice, Size, practice
from simulator.simulate import simulate

NIGHTS = (1, 2, 3, 4)
PATIENTS = 4_000

# One figure a night: 1 where a dissent holds the patient back.
COMES_TO = {
    Story.NOTHING: "0000",
    Story.DISSENTS: "1111",
    Story.ONLY_WITHDRAWS: "0000",
    Story.WITHDREW: "0000",
    Story.WITHDREW_AND_DISSENTED_AGAIN: "1111",
    Story.WITHDREW_TWICE: "0000",
    Story.TIE_WITHOUT_TIMES: "1111",
    Story.TIE_DISSENT_LATER: "1111",
    Story.TIE_WITHDRAWAL_LATER: "0000",
    Story.TIE_AT_ONE_TIME: "1111",
    Story.TIE_ONLY_DISSENT_TIMED: "1111",
    Story.TIE_ONLY_WITHDRAWAL_TIMED: "1111",
    Story.TIE_SECOND_DISSENT_UNTIMED: "1111",
    Story.TIE_SECOND_WITHDRAWAL_UNTIMED: "0000",
    Story.TIE_WITHDRAWAL_TYPED_DAYS_LATER: "0000",
    Story.UNDATED_DISSENT: "1111",
    Story.UNDATED_WITHDRAWAL: "1111",
    Story.BOTH_UNDATED: "1111",
    Story.FUTURE_DISSENT: "1111",
    Story.FUTURE_WITHDRAWAL: "1111",
    Story.BOTH_FUTURE: "1111",
    Story.WITHDREW_TODAY: "0000",
    Story.WITHDRAWAL_COMES_TO_PASS: "1000",
    Story.BOTH_COME_TO_PASS: "1100",
    Story.DISSENT_IN_A_YEAR: "1111",
    Story.WITHDRAWAL_IN_A_YEAR: "1111",
    Story.DISSENT_IN_A_MONTH: "1111",
    Story.WITHDRAWAL_IN_A_MONTH: "1111",
    Story.WITHDRAWAL_A_MONTH_LATER: "0000",
    Story.WITHDRAWAL_A_YEAR_LATER: "0000",
    Story.DISSENT_THIS_YEAR: "1111",
    Story.UNREADABLE_DISSENT: "1111",
    Story.UNREADABLE_WITHDRAWAL: "1111",
    Story.TYPE_TWO_ONLY: "0000",
    Story.TYPE_TWO_AFTER_WITHDRAWAL: "0000",
    Story.DISSENT_DELETED: "1100",
    Story.WITHDRAWAL_DELETED: "0111",
    Story.DISSENT_DELETED_IN_FULL: "1100",
    Story.WITHDRAWAL_DELETED_IN_FULL: "0111",
    Story.DELETED_AND_BACK: "1011",
    Story.DISSENT_REWRITTEN_AND_BACK: "1101",
    Story.WITHDRAWAL_REWRITTEN_AND_BACK: "0100",
    Story.DISSENT_BECOMES_WITHDRAWAL: "1000",
    Story.WITHDRAWAL_BECOMES_DISSENT: "0011",
    Story.DISSENT_BECOMES_TYPE_TWO: "1110",
    Story.SOMETHING_BECOMES_DISSENT: "0111",
    Story.DISSENT_DATED_BACK: "1110",
    Story.WITHDRAWAL_DATED_ON: "1110",
    Story.WITHDRAWAL_BECOMES_UNREADABLE: "0111",
    Story.DISSENT_BECOMES_UNREADABLE: "1111",
    Story.DISSENT_BECOMES_UNREADABLE_WITHDRAWAL: "1111",
    Story.OLD_DISSENT_TYPED_LATE: "0000",
    Story.OLD_WITHDRAWAL_TYPED_LATE: "1111",
    Story.WITHDRAWS_NEXT_NIGHT: "1000",
    Story.WITHDRAWS_AND_DISSENTS_AGAIN: "1011",
    Story.DISSENTS_ON_NIGHT_TWO: "0111",
    Story.DISSENTS_ON_NIGHT_THREE: "0011",
    Story.DISSENTS_FOR_A_NIGHT: "0100",
    Story.DISSENTS_FOR_A_NIGHT_LATER: "0010",
    Story.DISSENTS_BY_MISTAKE: "0100",
    Story.DISSENTS_FOR_A_NIGHT_AND_AGAIN: "0101",
    Story.TYPE_TWO_ON_NIGHT_TWO: "0000",
}


def size(**more: Any) -> Size:
    return Size(
        **{"patients": PATIENTS, "entries_per_patient": 0, "seed": 5, "trouble": False, "histories": True, **more}
    )


@pytest.fixture(scope="module")
def block() -> list[Practice]:
    return [practice(number, size(), nights=4) for number in (1, 2, 3, 4)]


def by_night(source: Practice, *, partial_dates: bool = True) -> list[str]:
    """For each patient one figure a night, by the patient's own record alone."""
    people, entries = len(source.roster), histories(source)
    nights = [opted_out(entries, night, patients=people, partial_dates=partial_dates) for night in NIGHTS]
    return ["".join(str(int(out[who])) for out in nights) for who in range(people)]


@pytest.fixture(scope="module")
def told(block: list[Practice]) -> dict[str, set[str]]:
    """Story -> what it came to, for patients of the first night."""
    found: dict[str, set[str]] = {}
    for who, figures in enumerate(by_night(block[0])[:PATIENTS]):
        found.setdefault(NAMES[stories_of(block[0])[who]], set()).add(figures)
    return found


@pytest.mark.parametrize("story", COMES_TO)
def test_what_a_story_comes_to(told: dict[str, set[str]], story: Story) -> None:
    assert told[story] == {COMES_TO[story]}


def test_every_story_is_spelt_out_but_the_one_that_may_be_anything(told: dict[str, set[str]]) -> None:
    assert {*COMES_TO, Story.ANYTHING} == set(Story) == {*told}
    assert len(told[Story.ANYTHING]) > 8


def test_a_format_without_partial_dates_understands_the_first_day(block: list[Practice]) -> None:
    stories, figures = stories_of(block[0]), by_night(block[0], partial_dates=False)
    for story, expected in ((Story.DISSENT_IN_A_YEAR, "0000"), (Story.DISSENT_THIS_YEAR, "0000")):
        who = np.flatnonzero(stories[:PATIENTS] == NAMES.index(story))
        assert {figures[each] for each in who} == {expected}


def test_people_at_two_practices_are_the_same_people(block: list[Practice]) -> None:
    numbers = [np.array(source.roster.nhs_number.to_pylist()) for source in block]
    for one, other, kind in ((0, 1, Company.AT_TWO_PRACTICES), (0, 2, Company.MOVED_AWAY), (1, 3, Company.MOVED_AWAY)):
        who = np.flatnonzero(company(5, one + 1, PATIENTS, np.arange(PATIENTS)) == kind)
        valid = [nhs_number_is_valid(numbers[each][place].replace(" ", "")) for each in (one, other) for place in who]
        same = [numbers[one][each].replace(" ", "") == numbers[other][each].replace(" ", "") for each in who]
        assert len(who) > PATIENTS // 50
        assert np.mean(same) > 0.85
        assert np.mean(valid) > 0.9
        assert (block[one].roster.birth[who] == block[other].roster.birth[who]).all()


def test_who_moved_or_came_back_has_an_ended_registration_and_a_later_one(block: list[Practice]) -> None:
    for source, other, kinds in (
        (0, 2, (Company.MOVED_AWAY, Company.MOVED_HERE)),
        (1, 1, (Company.FIRST_OF_TWO, Company.SECOND_OF_TWO)),
    ):
        first, second = (
            np.flatnonzero(company(5, at + 1, PATIENTS, np.arange(PATIENTS)) == kind)
            for at, kind in zip((source, other), kinds, strict=True)
        )
        assert len(first) == len(second) > 50
        assert (block[source].roster.left[first] < block[other].roster.registered[second]).all()
        assert (block[source].roster.birth[first] == block[other].roster.birth[second]).all()


def test_nobody_else_shares_a_number(block: list[Practice]) -> None:
    who = np.arange(PATIENTS)
    alone = [np.flatnonzero(company(5, source.number, PATIENTS, who) == Company.ALONE) for source in block]
    texts = [
        source.roster.nhs_number[int(each)].as_py().replace(" ", "")
        for source, own in zip(block, alone, strict=True)
        for each in own
    ]
    valid = [text for text in texts if nhs_number_is_valid(text)]
    assert len(valid) == len(set(valid)) > 0.9 * len(texts)
    assert texts.count("") > 100


def test_a_practice_beyond_the_last_number_begins_again_with_the_same_people() -> None:
    far = practice(300, size(), nights=1)
    assert len(far.roster) == PATIENTS


def test_histories_stand_in_place_of_planted_trouble() -> None:
    with pytest.raises(ValueError, match="in place of planted trouble"):
        size(trouble=True)
    with pytest.raises(ValueError, match="in place of planted trouble"):
        size(opted_out=0.1)


def test_a_format_that_cannot_say_it_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoHistories, match="medicus_csv"):
        simulate(tmp_path, format="fhir_r4", practices=1, patients=10, histories=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["emis_csv", "medicus_csv", "tpp_csv"])
def test_the_sheet_has_everybody_once_and_comes_to_the_counts_of_the_answer_sheet(tmp_path: Path, format: str) -> None:
    for night in (1, 2):
        simulate(tmp_path, format=format, practices=2, patients=300, entries_per_patient=0, night=night, histories=True)
        sheet = pl.read_parquet(tmp_path / f"histories-{night}.parquet")
        assert sheet.select("practice_code", "local_id").is_duplicated().sum() == 0
        truth = json.loads((tmp_path / "truth.json").read_text())["practices"]
        for code, said in truth.items():
            decided = dict(sheet.filter(practice_code=code)["decision"].value_counts().iter_rows())
            expected = said["nights"][str(night)]
            assert decided.pop("may_leave") == expected["patients_may_leave"]
            assert decided == expected["patients_held_back"]


def test_the_same_arguments_give_the_same_histories(block: list[Practice]) -> None:
    again = histories(practice(1, size(), nights=4))
    assert all(
        (getattr(again, name) == getattr(histories(block[0]), name)).all() for name in ("patient", "day", "code")
    )
    other = histories(practice(1, size(seed=6), nights=4))
    assert len(other) != len(again)
