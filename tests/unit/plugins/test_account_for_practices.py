"""A run is green only when every practice that was due is collected."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from account_for_practices import announce_parcels, every_practice_collected

DUE = [["Y99001", "Y99002"], ["Y99003"]]
SENT = {"carrier": "directory"}


def collected(code: str, *parcels: str, state: str = "released") -> dict[str, Any]:
    return {"practice_code": code, "state": state, "parcels": list(parcels)}


def test_a_practice_without_a_result_is_named() -> None:
    with pytest.raises(AirflowFailException, match=r"1 of 3 practices were not collected: Y99003\."):
        every_practice_collected(DUE, [[collected("Y99001", "a"), collected("Y99002", "b")]], SENT)


def test_a_practice_whose_result_says_failed_is_named() -> None:
    results = [[collected("Y99001", "a"), collected("Y99002", state="failed")], [collected("Y99003", "c")]]
    with pytest.raises(AirflowFailException, match=r"1 of 3 practices were not collected: Y99002\."):
        every_practice_collected(DUE, results, SENT)


def test_the_result_of_a_single_shard_comes_bare_and_is_understood() -> None:
    bare = [collected("Y99001", "a")]
    assert announce_parcels(bare) == ["a"]
    assert every_practice_collected([["Y99001"]], bare, SENT) == 1


def test_where_no_shard_came_through_all_are_named() -> None:
    with pytest.raises(AirflowFailException, match="Y99001 Y99002 Y99003"):
        every_practice_collected(DUE, None, SENT)


def test_a_run_that_never_knew_what_was_due_is_red() -> None:
    with pytest.raises(AirflowFailException, match="NeverKnown: It never became known"):
        every_practice_collected(None, None, SENT)


def test_all_collected_is_green() -> None:
    results = [[collected("Y99001", "a"), collected("Y99002", state="already")], [collected("Y99003", "b", "c")]]
    assert every_practice_collected(DUE, results, SENT) == 3
    assert announce_parcels(results) == ["a", "b", "c"]


def test_a_run_whose_parcels_were_not_sent_is_red() -> None:
    with pytest.raises(AirflowFailException, match="`send_parcels` failed"):
        every_practice_collected([["Y99001"]], [collected("Y99001", "a")], None)


def test_a_night_on_which_nothing_was_due_is_green() -> None:
    assert every_practice_collected([], [], SENT) == 0


@pytest.mark.parametrize("results", [None, [], [[collected("Y99001", state="already")]]])
def test_nobody_is_woken_where_no_parcel_was_sealed(results: list[list[dict[str, Any]]] | None) -> None:
    with pytest.raises(AirflowSkipException):
        announce_parcels(results)


class Run:
    """What Airflow says of a run's members, some of which handed something on in an earlier try."""

    dag_id, run_id = "collect__gpdpr", "night-1"

    def __init__(self, states: list[str], handed_on: list[Any]) -> None:
        self.states, self.handed_on = states, handed_on

    def get_task_states(self, *, dag_id: str, run_ids: list[str], task_ids: list[str]) -> dict[str, dict[str, str]]:
        states = {f"{task_ids[0]}_{number}": state for number, state in enumerate(self.states)}
        return {run: states for run in run_ids if dag_id == self.dag_id}

    def xcom_pull(self, *, task_ids: str, map_indexes: list[int]) -> list[Any]:
        return [self.handed_on[number] for number in map_indexes if task_ids == "each_shard.pseudonymise"]


def test_what_a_shard_said_before_the_run_was_cleared_does_not_count_where_it_never_began_again() -> None:
    before = [[collected("Y99001", "a")], [collected("Y99002", "b")]]
    assert every_practice_collected([["Y99001"], ["Y99002"]], None, SENT, ti=Run(["success", "success"], before)) == 2
    with pytest.raises(AirflowFailException, match=r"1 of 2 practices were not collected: Y99002\."):
        every_practice_collected([["Y99001"], ["Y99002"]], before, SENT, ti=Run(["success", "upstream_failed"], before))


def test_a_shard_that_is_no_more_says_nothing_of_a_practice_that_moved_to_another() -> None:
    before = [[collected("Y99002", state="failed")], [collected("Y99002", "b")]]
    with pytest.raises(AirflowFailException, match=r"1 of 1 practices were not collected: Y99002\."):
        every_practice_collected([["Y99002"]], before, SENT, ti=Run(["success", "removed"], before))
