"""Clearing any task of any DAG in any state is safe: a real Airflow, a real store, and people with the rights of their roles.

What is looked at in the end is not what Airflow says but the store and the disk (support.invariants), and what was to be done.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.utils.state import TaskInstanceState

from crossing.canonical import NOTICES
from crossing.manifest import read_manifest
from support.airflow_world import Lived, an_airflow
from support.answers_given import Steward
from support.clears import Clears
from support.clears_excused import not_accounted_for
from support.invariants import check_invariants
from support.killed_world import OTHER, PRACTICE
from support.nights_cleared import Nights

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(3600)]
STATES = ("none", *(state.value for state in TaskInstanceState))


@pytest.fixture
def lived(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lived]:
    with an_airflow(monkeypatch) as running:
        yield running


def test_every_task_is_cleared_in_every_state_and_the_nights_are_what_they_would_have_been(lived: Lived) -> None:
    clears = Clears(lived)
    clears.know_all()
    nights = Nights(clears, Steward(lived.person("steward")), lambda line: print(line, file=sys.stderr))
    for night in (nights.first, nights.second, nights.third, nights.with_nothing_to_do):
        night()
        check_invariants(lived.world)
    assert parcels_of(lived.world.archive) == {(PRACTICE, 1), (PRACTICE, 2), (PRACTICE, 3), (OTHER, 1)}
    missing, impossible = not_accounted_for(clears.tasks, STATES, clears.shown)
    assert not missing, "neither cleared in this state nor excused"
    assert not impossible, "excused, and yet seen"


def parcels_of(archive: Path) -> set[tuple[str, int]]:
    """By night, as if nothing had been cleared: extracts only, without bridges, lists and notices."""
    manifests = [read_manifest(path.read_bytes()) for path in archive.glob("*/manifest.json")]
    extracts = [each for each in manifests if each.extract_kind not in (*NOTICES, "bridge", "re_extract")]
    return {(each.practice_code, int(each.extract_id[:1] or 0)) for each in extracts}
