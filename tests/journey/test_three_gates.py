"""Ten thousand people's histories of opt-outs, over four nights: every gate lets through whom it must, and nobody else.

Three readings that share no code are held against each other for every registration and night: the zones', the simulator's,
and a slow one of the suppliers' files. The gates are the roster and the parcels, the store, and a release.
"""

import polars as pl
import pytest

from simulator.histories.stories import Story
from support.books import WHO, keys
from support.gates import AT_THE_SOURCE, IN_THE_STORE, SLOWLY, Gate, differences, may_leave, not_whole, other_reasons
from support.histories_lived import HistoriesLived
from support.releases_lived import NIGHTS, PATIENTS, ReleasesLived, differing, objects_nationally

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow]

GATES = (*AT_THE_SOURCE, *IN_THE_STORE)
_COMES_FIRST = ("test_patient", "confidential_patient")


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_each_gate_lets_through_whom_it_must_and_nobody_else(lived: HistoriesLived, gate: Gate, night: int) -> None:
    expected = gate.expected(lived, night)
    assert differences(lived, night, expected, gate.found(lived, night)) == {}
    assert len(expected) > (4_000 if night == 1 or gate.name == "the roster" else 10)


@pytest.mark.parametrize("night", NIGHTS)
def test_everybody_is_decided_upon_and_for_the_reason_on_the_answer_sheet(lived: HistoriesLived, night: int) -> None:
    assert len(lived.expected[night]) == len(lived.decided[night]) >= 4 * PATIENTS - 400
    assert other_reasons(lived, night) == {}


@pytest.mark.parametrize("night", NIGHTS)
def test_a_slow_reading_of_the_suppliers_files_finds_the_same_opted_out(lived: HistoriesLived, night: int) -> None:
    assert differences(lived, night, SLOWLY.expected(lived, night), SLOWLY.found(lived, night)) == {}
    decided = lived.decided[night].filter(~pl.col("decision").is_in(_COMES_FIRST))
    held = decided.filter(decision="type_one_opt_out").select(WHO)
    slowly = SLOWLY.found(lived, night).join(decided, on=WHO, how="semi")
    assert differences(lived, night, slowly, held) == {}


def test_every_story_is_lived_and_whoever_changes_their_mind_changes_what_is_decided(lived: HistoriesLived) -> None:
    assert set(lived.expected[1]["story"].unique()) == {str(story) for story in Story}
    changes = [_changes(lived, night) for night in NIGHTS[:-1]]
    assert all(len(opting_out) > 10 and len(opting_in) > 10 for opting_out, opting_in in changes)
    companies = pl.concat([opting_out for opting_out, _ in changes])["company"].value_counts()
    assert dict(companies.iter_rows()).keys() == set(lived.expected[1]["company"].unique())


def test_people_are_met_at_several_practices_and_some_have_objected_at_one_only(lived: HistoriesLived) -> None:
    people = lived.expected[4].filter(pl.col("person") >= 0).group_by("person")
    met = people.agg(pl.col("practice_code").n_unique().alias("practices"), pl.col("opted_out").mean().alias("out"))
    twice = met.filter(pl.col("practices") > 1)["out"]
    assert min((twice == 0).sum(), (twice == 1).sum(), twice.is_between(0, 1, closed="none").sum()) > 20


@pytest.mark.parametrize("night", NIGHTS)
def test_whoever_is_in_the_store_is_there_whole(lived: HistoriesLived, night: int) -> None:
    assert not_whole(lived, night) == {}


@pytest.mark.parametrize("night", NIGHTS)
def test_a_release_holds_whoever_is_in_the_store_and_objects_neither_nationally(
    releases: ReleasesLived, night: int
) -> None:
    expected = releases.expected(night)
    assert differing(expected, releases.found[night]) == {}
    assert len(expected) > 3_000
    assert releases.objecting(night)


@pytest.mark.parametrize("night", NIGHTS[1:])
def test_whoever_opts_out_is_gone_from_the_release_of_the_night_before(releases: ReleasesLived, night: int) -> None:
    expected = releases.left_over(night)
    assert differing(expected, releases.after_erasing[night]) == {}
    assert 10 < len(expected) < len(releases.found[night - 1])


def test_whoever_opts_out_nationally_later_is_in_no_later_release(releases: ReleasesLived) -> None:
    before = releases.expected(2).keys()
    since = {each for each in releases.lived.tokens()["person"] if objects_nationally(each, 3)}
    since -= {each for each in since if objects_nationally(each, 2)}
    tokens = releases.lived.tokens().filter(pl.col("person").is_in(since))["person_project"]
    assert len(before & set(tokens)) > 10
    assert releases.found[3].keys().isdisjoint(tokens)


def test_a_list_that_expired_lets_nobody_through(releases: ReleasesLived) -> None:
    releases.live_on()
    expected = releases.expected(NIGHTS[-1], later=True)
    assert differing(expected, releases.later) == {}
    assert 1_000 < len(expected) < len(releases.found[NIGHTS[-1]])


def test_whoever_opts_out_later_is_erased_and_comes_back_when_they_opt_in_again(lived: HistoriesLived) -> None:
    """Of the books that the store is held against."""
    alone = lived.expected[1].filter(company="alone")  # newcomers are a night behind
    story = dict(zip(keys(alone), alone["story"], strict=True))
    kept = lived.books
    erased = [{story[each] for each in kept.erased[night] if each in story} for night in NIGHTS]
    back = [{story[each] for each in kept.back[night] if each in story} for night in NIGHTS]
    once, again = "dissents_for_a_night", "dissents_for_a_night_and_again"
    assert [once in each for each in erased] == [False, True, False, False]
    assert [once in each for each in back] == [False, False, True, False]
    assert [again in each for each in erased] == [False, True, False, True]


def test_one_wrong_decision_among_ten_thousand_is_noticed_and_told_without_a_name(lived: HistoriesLived) -> None:
    expected = may_leave(lived, 1)
    stays = lived.expected[1].filter(decision="type_one_opt_out", story="tie_at_one_time").head(1)
    found = pl.concat([expected, stays.select(WHO)])
    assert differences(lived, 1, expected, found) == {f"let through: tie_at_one_time, {stays['company'][0]}": 1}
    assert differences(lived, 1, found, expected) == {f"held back: tie_at_one_time, {stays['company'][0]}": 1}


def _changes(lived: HistoriesLived, night: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Who opts out between a night and the next, having been free to leave; and who opts in."""
    both = lived.expected[night].join(lived.expected[night + 1], on=WHO, suffix="_next")
    opting_out = both.filter(pl.col("free"), decision_next="type_one_opt_out")
    return opting_out, both.filter(decision="type_one_opt_out", decision_next="awaits_whole_record")
