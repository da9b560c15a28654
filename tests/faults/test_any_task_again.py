"""Clearing any task of any DAG, at any time, is safe: nothing is lost, nothing is there twice, nobody who opted out comes back.

Tasks that failed, were killed, or hang are run again in test_killed_at_every_point.py; here those that succeeded are.
"""

from pathlib import Path

import pytest

from support.invariants import check_invariants
from support.killed_world import make_world
from support.postgres import Postgres
from support.tasks_again import STEPS, Nights, names_of_steps, phases


def test_two_nights_with_each_task_run_again_at_once_and_at_the_end(tmp_path: Path, postgres: Postgres) -> None:
    nights = Nights(make_world(tmp_path / "world", postgres.a_store()))
    for phase in phases("load 2"):
        nights.live(phase, at_once=phase in ("collect 2", "load 2"))
    check_invariants(nights.world)
    assert nights.again >= 40
    known = {step for tasks in STEPS.values() for step in tasks.values()}
    assert known - names_of_steps(nights) == set(), "every task that is said to be run again is"


@pytest.mark.rehearsal
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(5))
def test_every_task_of_three_nights_in_any_order(tmp_path: Path, postgres: Postgres, seed: int) -> None:
    nights = Nights(make_world(tmp_path / "world", postgres.a_store()))
    for phase in phases("load 3"):
        nights.live(phase, at_once=True)
        if phase.startswith("load"):
            check_invariants(nights.world)
            nights.in_any_order(seed)
            check_invariants(nights.world)
