"""A process of either zone is killed, breaks or hangs at every named point; run on, the night ends as if nothing had happened."""

import pytest

from crossing.fault_names import CENTRE, MESH, NAMES, SOURCE
from crossing.faultpoint import HANG, RAISE
from support.killed_world import PHASES
from support.trials import AFTER, Trials

EVERY = (*SOURCE, *CENTRE)
# Of the other two, those where most could go wrong; all of them in `make rehearse`.
CHOSEN = {
    RAISE: (
        "leave.published",
        "load.after_audit",
        "bridge.rows_moved",
    ),
    HANG: ("leave.published", "load.before_commit", "settle.receipt_given"),
}


def test_the_nights_come_to_every_point(trials: Trials) -> None:
    assert set(trials.first_phase_of()) | set(AFTER) == NAMES - set(MESH)


@pytest.mark.parametrize("phase", PHASES)
def test_killed_at_one_point_after_another_nothing_is_lost_and_nothing_is_there_twice(
    trials: Trials, phase: str
) -> None:
    first = trials.first_phase_of()
    trials.killed_at(phase, [point for point in trials.points[phase] if first[point] == phase])


@pytest.mark.parametrize("point", AFTER)
def test_killed_while_it_settles_what_was_killed(trials: Trials, point: str) -> None:
    trials.killed_at("collect 2", [AFTER[point], point])


@pytest.mark.parametrize("point", CHOSEN[RAISE])
def test_broken_off_by_an_error_that_nobody_foresaw(trials: Trials, point: str) -> None:
    trials.broken_at(_phase(trials, point), point)


@pytest.mark.parametrize("point", CHOSEN[HANG])
def test_a_worker_that_hangs_and_wakes_when_another_has_taken_over_does_no_harm(trials: Trials, point: str) -> None:
    trials.hung_at(_phase(trials, point), point)


def _phase(trials: Trials, point: str) -> str:
    return "collect 2" if point in AFTER else trials.first_phase_of()[point]


@pytest.mark.rehearsal
@pytest.mark.parametrize("point", EVERY)
def test_killed_at_one_point_alone(trials: Trials, point: str) -> None:
    trials.killed_at(_phase(trials, point), [AFTER[point], point] if point in AFTER else [point])


@pytest.mark.rehearsal
@pytest.mark.parametrize("point", EVERY)
def test_broken_off_anywhere(trials: Trials, point: str) -> None:
    trials.broken_at(_phase(trials, point), point, AFTER.get(point))


@pytest.mark.rehearsal
@pytest.mark.parametrize("point", EVERY)
def test_hung_anywhere(trials: Trials, point: str) -> None:
    trials.hung_at(_phase(trials, point), point, AFTER.get(point))
