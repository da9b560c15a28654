"""Clearing any task of any DAG in any state is safe: a real Airflow, a real store, and people with the rights of their roles.

What is looked at in the end is not what Airflow says but the store and the disk (support.invariants), and what left the source.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.utils.state import TaskInstanceState

from gp_collect_plugin import PREFIX
from support.airflow_world import Lived, an_airflow
from support.answers_given import Steward
from support.clears import Clears
from support.clears_excused import ELSEWHERE, EXCUSES, not_accounted_for
from support.invariants import check_invariants
from support.killed_world import OTHER, PRACTICE
from support.night_page import shown_on
from support.nights_cleared import Nights
from support.nights_undisturbed import undisturbed, what_left
from support.postgres import Postgres

STATES = ("none", *(state.value for state in TaskInstanceState))


@pytest.fixture
def lived(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lived]:
    with an_airflow(monkeypatch) as running:
        yield running


@pytest.mark.rehearsal
@pytest.mark.slow
@pytest.mark.airflow
@pytest.mark.timeout(3600)
def test_every_task_is_cleared_in_every_state_and_the_nights_are_what_they_would_have_been(
    lived: Lived, postgres: Postgres, tmp_path: Path
) -> None:
    clears = Clears(lived)
    clears.know_all()
    nights = Nights(clears, Steward(lived.person("steward"), lived.person("second_steward")), tell)
    for night in (nights.first, nights.second, nights.third, nights.with_nothing_to_do):
        night()
        check_invariants(lived.world)
        check_the_page(lived)
    twin = undisturbed(lived.world, tmp_path / "undisturbed", postgres.a_store())
    assert what_left(lived.world) == what_left(twin), "what left is not what leaves when nothing is cleared"
    missing, impossible = not_accounted_for(clears.tasks, STATES, clears.shown)
    assert not missing, f"neither cleared in this state nor excused: {missing}"
    assert not impossible, f"excused, and yet seen: {impossible}"


def check_the_page(lived: Lived) -> None:
    """Whatever failed and was cleared on the way, the night is shown as what came of it."""
    shown = shown_on(lived.person("responder").opens(f"{PREFIX}/night"))
    troubled = {"failed", "held", "refused", "waiting", "arrived"}
    assert {code: ("loaded" in states, states & troubled) for code, states in shown.items()} == {
        code: (True, set()) for code in (PRACTICE, OTHER)
    }


def tell(line: str) -> None:
    """Whoever waits for it sees how far it is: `pytest -s`."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def a_task(name: str, *below: str, **more: object) -> dict[str, object]:
    operator = {"module_path": "airflow.providers.standard.operators.python", "class_name": "PythonOperator"}
    said = {"task_id": name, "downstream_task_ids": list(below), "trigger_rule": "all_success", "retries": 2}
    return {**said, "class_ref": operator, **more}


def missing_of(*shown: str) -> list[str]:
    tasks = {"load__gpdpr": [a_task("first", "second"), a_task("second")]}
    pairs = [("load", task, state) for task in ("first", "second") for state in shown]
    return [f"{task} {state}" for _, task, state in not_accounted_for(tasks, STATES, pairs)[0]]


def test_a_state_that_is_neither_shown_nor_excused_is_missed() -> None:
    shown = ("none", "scheduled", "queued", "running", "restarting", "success", "failed", "up_for_retry")
    assert missing_of(*shown, "upstream_failed") == []
    assert missing_of(*shown) == ["second upstream_failed"], "the first waits for nobody"
    assert missing_of(*shown[1:], "upstream_failed") == ["first none", "second none"]


def test_a_state_that_is_excused_and_seen_all_the_same_is_told() -> None:
    tasks = {"load__gpdpr": [a_task("first")]}
    assert not_accounted_for(tasks, STATES, [("load", "first", "deferred")])[1] == [("load", "first", "deferred")]


def test_every_excuse_is_of_a_state_that_airflow_has_and_says_why() -> None:
    assert {each.state for each in EXCUSES} | {state for *_, state in ELSEWHERE} <= set(STATES)
    assert all(each.why.rstrip(")").endswith(".") for each in EXCUSES)
