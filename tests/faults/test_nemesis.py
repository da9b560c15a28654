"""A nemesis: deliver, opt out, carry out of order, twice or damaged, make keys, kill anywhere, begin again, in any order at all.

Short in `make test`, and the same each time. `make nemesis EXAMPLES=1000` looks for new ones, for as long as that takes.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from crossing.fault_names import CENTRE, SOURCE
from support.forked import DONE, ForkServer
from support.invariants import check_invariants
from support.killed_world import OTHER, PRACTICE
from support.nemesis_world import Mercy, at_mercy
from support.nights_of_kills import unfinished
from support.postgres import Postgres
from support.trials import drop

EXAMPLES = int(os.environ.get("GP_NEMESIS_EXAMPLES", "10"))
SHORT = settings(
    max_examples=2, stateful_step_count=10, derandomize=True, database=None, phases=[Phase.generate]
)  # found, it is told
LONG = settings(max_examples=EXAMPLES, stateful_step_count=30, print_blob=True)
_RUNS_TO_PEACE = 25
_some = st.integers(0, 5)


class Nemesis(RuleBasedStateMachine):
    postgres: ClassVar[Postgres]
    forks: ClassVar[ForkServer]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="gp-collect-nemesis-"))
        self.mercy: Mercy = at_mercy(self.folder / "world", self.postgres.a_store())
        self.runs = 0
        for practice in (PRACTICE, OTHER):  # one that has never delivered is a fault of its own
            self.mercy.deliver(practice, None)

    def run(self, phase: str, fault: str = "") -> str:
        self.runs += 1
        world = self.mercy.world
        said = {
            "root": str(world.root),
            "store_url": world.store_url,
            "phase": phase,
            "run": f"{phase} {self.runs}",
        }
        return self.forks.run("support.nemesis_world:do", said, fault=fault)

    @precondition(lambda self: max(self.mercy.nights.values()) < 20)
    @rule(practice=st.sampled_from([PRACTICE, OTHER]), speaker=st.none() | st.integers(0, 3))
    def deliver(self, practice: str, speaker: int | None) -> None:
        self.mercy.deliver(practice, speaker)

    @rule()
    def collect(self) -> None:
        self.run("collect")

    @rule()
    def load(self) -> None:
        self.run("load")

    @rule(point=st.sampled_from(SOURCE), turn=st.integers(1, 2))
    def collect_and_kill(self, point: str, turn: int) -> None:
        self.run("collect", f"{point}:{turn}:kill")

    @rule(point=st.sampled_from(CENTRE), turn=st.integers(1, 2))
    def load_and_kill(self, point: str, turn: int) -> None:
        self.run("load", f"{point}:{turn}:kill")

    @rule(which=_some)
    def carry_out_of_order(self, which: int) -> None:
        self.mercy.carry(which)

    @rule(which=_some)
    def damage(self, which: int) -> None:
        self.mercy.carry(which, damaged=True)

    @rule(which=_some)
    def duplicate(self, which: int) -> None:
        self.mercy.duplicate(which)

    @precondition(lambda self: self.mercy.keys < 3)
    @rule()
    def rotate(self) -> None:
        self.mercy.rotate()

    def teardown(self) -> None:
        try:
            self._to_peace()
            check_invariants(self.mercy.world)
        finally:
            drop(self.postgres, self.mercy.world.store_url)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _to_peace(self) -> None:
        for _ in range(_RUNS_TO_PEACE):
            ended = self.run("collect")
            self.mercy.heal()
            if (ended, self.run("load")) == (DONE, DONE) and not unfinished(self.mercy.world):
                return
        raise AssertionError(f"no end in {_RUNS_TO_PEACE} runs; see {self.forks.log}")


def nemesis(postgres: Postgres, forks: ForkServer) -> type[Nemesis]:
    return type("NemesisHere", (Nemesis,), {"postgres": postgres, "forks": forks})


def test_whatever_a_nemesis_does_nothing_is_lost_twice_or_shown(postgres: Postgres, forks: ForkServer) -> None:
    how = settings(SHORT, suppress_health_check=list(HealthCheck), deadline=None)
    run_state_machine_as_test(nemesis(postgres, forks), settings=how)


@pytest.mark.rehearsal
@pytest.mark.timeout(0)
def test_a_nemesis_with_hours_of_time(postgres: Postgres, forks: ForkServer) -> None:
    how = settings(LONG, suppress_health_check=list(HealthCheck), deadline=None)
    run_state_machine_as_test(nemesis(postgres, forks), settings=how)
