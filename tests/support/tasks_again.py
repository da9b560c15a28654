"""Nights whose tasks are run again: each at once, each again at the end of its run, and each long after, in any order."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from central_zone import load_parcel, reconcile, watch, withdraw
from crossing.errors import GPCollectError, SoftwareFault
from source_zone import watch as source_watch
from support.killed_world import COLLECTION, PHASES, World, prepare_phase, steps_of

# Task of a DAG -> by what name its step goes in support.killed_world, or below. Of a step of each shard, without its number.
STEPS = {
    "collect": {
        "practices_due": "due",
        "each_shard.pull": "pull_shard",
        "each_shard.apply_opt_outs": "decide_shard",
        "each_shard.pseudonymise": "seal_shard",
        "each_shard.shred": "shred",
    },
    "uphold_opt_outs": {"ask_for_erasures": "uphold", "every_opt_out_upheld": "uphold"},
    "load": {
        "parcels_waiting": "waiting",
        "each_shard.receive": "receive",
        "each_shard.validate": "validate",
        "each_shard.load": "load",
        "every_parcel_loaded": "account",
    },
    "decide": {"questions": "questions", "each_parcel.record_decision": "decide"},
    "erase": {"take_notices": "erase", "every_notice_taken": "erased"},
    "publish_register": {"deliver_lineage": "publish", "build_register": "publish", "purge_expired": "purge"},
    "reconcile": {"count_rows": "count", "write_report": "report"},
    "release": {"purge_expired": "purge", "release": "release"},
    "watch_source": {"find_alerts": "watch source"},
    "watch_central": {"find_alerts": "watch central"},
}
# Tasks that touch no zone's state themselves, or whose running again is shown elsewhere.
ELSEWHERE = {
    "each_parcel.steward_decides": "Airflow's own: cleared, it asks again",
    "each_parcel.ask_another": "only announces what the ledger says is held",
    "rows_kept_out": "only reads what waits in quarantine",
    "that_may_be_released": "only reads what a task handed on",
    "that_may_not": "only reads what a task handed on",
    "each_releasable.steward_decides": "Airflow's own: cleared, it asks again",
    "each_other.steward_decides": "Airflow's own: cleared, it asks again",
    "each_releasable.carry_out": "tests/integration/central_zone/test_quarantine_decided.py: the same answer twice",
    "each_other.carry_out": "tests/integration/central_zone/test_quarantine_decided.py: the same answer twice",
    "announce_parcels": "only wakes others",
    "announce_held_parcels": "only wakes others",
    "announce_notices": "only wakes others",
    "announce_notices_taken": "only wakes others",
    "every_practice_collected": "only reads what tasks handed on",
    "every_practice_agrees": "only reads what a task handed on",
    "send_parcels": "tests/integration/test_mesh_crashes.py: killed and run again",
    "fetch_parcels": "tests/integration/test_mesh_crashes.py: killed and run again",
    "ask_the_national_service": "tests/integration/test_national_crashes.py: killed and run again",
    "take_its_answers": "tests/integration/test_national_crashes.py: killed and run again",
    "tell_people": "tests/integration/alerts/test_alerts.py: who was told is not told again",
}

Task = tuple[str, Callable[[], Any]]
_OF_THE_OTHER = ("pull_shard 1", "decide_shard 1", "seal_shard 1", "shred 1")


@dataclass(slots=True)
class Nights:
    """A world that goes on, and every task of it that ever ran."""

    world: World
    ran: list[Task] = field(default_factory=list)
    again: int = 0

    def live(self, phase: str, *, at_once: bool) -> None:
        """One phase; where `at_once`, each task twice in a row, and then all of the run again, backwards."""
        prepare_phase(self.world, phase)
        said: dict[str, Any] = {"answers": {}}
        here: list[Task] = []
        for name, step in chain(steps_of(self.world, phase, f"night {phase}", said), self._besides(phase)):
            said["answers"][name] = step()
            here.append((name, step))
            if at_once:
                self.repeat(here[-1])
        for task in reversed(here) if at_once else ():
            self.repeat(task)
        self.ran += here
        self.world.note_after(phase)

    def in_any_order(self, seed: int) -> None:
        """Every task of every night, as whoever clears whatever they see.

        Once there is a new token key, a practice that delivered nothing since has a bridge to it still to be made, by whoever
        pulls it next. That is a new parcel and not one that is there twice, so it is left to a night.
        """
        tasks = [task for task in self.ran if not (self._has_new_key() and task[0] in _OF_THE_OTHER)]
        for task in random.Random(seed).sample(tasks, len(tasks)):
            self.repeat(task)

    def _has_new_key(self) -> bool:
        return len([*self.world.source.keys.glob("token-gpdpr-v*.key")]) > 1

    def repeat(self, task: Task) -> None:
        """One of our errors is an answer: it says what is not as the task needs it. Any other is a fault."""
        self.again += 1
        try:
            task[1]()
        except GPCollectError as error:
            if isinstance(error, SoftwareFault):
                raise AssertionError(f"{task[0]}: {error}") from error

    def _besides(self, phase: str) -> list[Task]:
        """Tasks of other DAGs that look at the same night."""
        central = self.world.central
        if phase.startswith("collect"):
            return [("watch source", partial(source_watch.watch, self.world.source))]
        return [
            ("count", partial(reconcile.count_rows, COLLECTION, central)),
            ("report", partial(reconcile.write_report, COLLECTION, central)),
            ("purge", partial(withdraw.purge, central)),
            ("questions", partial(load_parcel.held, COLLECTION, None, central)),
            ("watch central", partial(watch.watch, central)),
        ]


def names_of_steps(nights: Nights) -> set[str]:
    return {name.rstrip("0123456789 ") for name, _ in nights.ran}


def phases(until: str) -> tuple[str, ...]:
    return PHASES[: PHASES.index(until) + 1]
