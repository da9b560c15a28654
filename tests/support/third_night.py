"""A third night of the demonstration, with practices whose every field holds a canary, and with parcels that are held for a steward."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.airflow_api import FINISHED, wait_for
from demo.held import LENIENT, STRICT
from demo.nights import DELIVERIES, ENTRIES_PER_PATIENT, PATIENTS
from demo.places import COLLECTION
from journey.planting.canaries import Canaries
from journey.planting.deliver import PlantedPractice, deliver, practices
from leak_search.processes import Processes
from simulator.simulate import simulate
from support.requests_of_people import approve, signed_in
from support.shown_demonstration import Demonstration

RUN = "night-3"
REASON = "Dates in the future are known at this practice."
DAGS = [f"{name}__{COLLECTION}" for name in ("collect", "load", "uphold_opt_outs", "erase", "reconcile")] + [
    "publish_register"
]
_QUIET_SECONDS = 4
_LONGEST_SECONDS = 500
_AT_THE_SOURCE = (
    ("gp-source", "status", "--collection", COLLECTION),
    ("gp-source", "national-opt-outs", "--collection", COLLECTION),
)
_AT_THE_CENTRE = (
    ("gp-central", "ledger"),
    ("gp-central", "notices"),
    ("gp-central", "reconcile", "--collection", COLLECTION),
    ("gp-central", "audit", "verify"),
)


@dataclass(slots=True)
class ThirdNight:
    """One parcel of the demonstration's own waits for a steward, all others are decided. Airflow is still up.

    `printed` is what commands say, once it has ended.
    """

    shown: Demonstration
    canaries: Canaries = field(repr=False)
    planted: list[PlantedPractice]
    processes: Processes = field(repr=False)
    watching: ExitStack
    asked: list[dict[str, Any]] = field(default_factory=list)  # the parcels that were held, as the ledger told of them
    printed: list[tuple[str, bytes]] = field(default_factory=list, repr=False)

    @property
    def folder(self) -> Path:
        return self.shown.folder

    @property
    def for_a_steward(self) -> dict[str, Any]:
        codes = {each.code for each in self.planted}
        return next(each for each in self.asked if each["practice_code"] not in codes)

    def end(self) -> None:
        """All is loaded, and nobody watches any longer. Where no browser answered first, the steward does without one."""
        parcel_id = str(self.for_a_steward["parcel_id"])
        if self.shown.state_of(parcel_id) == "held":
            with signed_in(self.shown, "steward") as client:
                approve(client, parcel_id, REASON)
        _waited(
            self.shown,
            "the last parcel",
            lambda: self.shown.state_of(parcel_id) == "loaded" and _is_quiet(self.shown),
        )
        of_practices = [
            ("gp-source", "account", "--collection", COLLECTION, "--practice", each.code) for each in self.planted
        ]
        for said in (*self.shown.says(*_AT_THE_SOURCE, *of_practices), *self.shown.says(*_AT_THE_CENTRE)):
            self.printed.append((said.command, (said.out + said.err).encode()))
        self.watching.close()


@contextmanager
def a_third_night(shown: Demonstration) -> Iterator[ThirdNight]:
    """Every process is watched from before the first canary is written until the night is ended."""
    processes = Processes("arguments and environments of processes", older=shown.older)
    with ExitStack() as watching:
        watching.enter_context(processes.watched())
        lived = ThirdNight(shown, Canaries(), practices(), processes, watching)
        _change_policy(lived.planted, shown.policy)
        deliver(lived.planted, shown.places.incoming, lived.canaries)
        _deliver_the_demonstrations_own(shown.places.incoming)
        _live(lived)
        yield lived


def _change_policy(planted: list[PlantedPractice], policy: Path) -> None:
    """A row for each practice of the third night; on the first two nobody is to wait for them."""
    rows = {
        "practices.csv": [each.row for each in planted],
        "gpdpr_xml_practices.csv": [f"{each.code},clear,,yes,simulated,Synthetic practice." for each in planted],
        "tpp_csv_practices.csv": [f"{each.code},yes,simulated,Synthetic practice." for each in planted],
    }
    for name, lines in rows.items():
        with (policy / name).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
    collection = policy / "collections" / f"{COLLECTION}.toml"
    # A shard a format: what is searched is the same, and Airflow starts a third of the tasks.
    changed = collection.read_text().replace("practices_per_shard = 1", "practices_per_shard = 5")
    collection.write_text(changed.replace(LENIENT, STRICT))


def _deliver_the_demonstrations_own(incoming: Path) -> None:
    """Of two practices: enough for a steward and for a command to decide, and no more for Airflow to do than that."""
    for format_name, folder, first, count in DELIVERIES[1:3]:
        simulate(
            incoming / folder, format=format_name, first_practice=first, practices=count, patients=PATIENTS,
            entries_per_patient=ENTRIES_PER_PATIENT, night=3,
        )  # fmt: skip


def _live(lived: ThirdNight) -> None:
    shown = lived.shown
    shown.api.trigger(f"collect__{COLLECTION}", RUN)
    _waited(shown, "the third night", lambda: _is_over(shown))
    lived.asked = [each for each in shown.ledger() if each["state"] == "held"]
    _waited(shown, "the questions", lambda: _questions(shown) >= len(lived.asked))
    left = [str(each["parcel_id"]) for each in lived.asked if each is not lived.for_a_steward]
    for name in ("engineer", "second_steward"):  # some take two people
        still = [each for each in left if shown.state_of(each) == "held"]
        shown.says(*(_decide(each, name) for each in still))


def _decide(parcel_id: str, name: str) -> tuple[str, ...]:
    return ("gp-central", "decide", parcel_id, "--approve", "--by", name, "--reason", "It is a rehearsal of decisions.")


def _is_over(shown: Demonstration) -> bool:
    (state,) = shown.of_airflow("SELECT state FROM dag_run WHERE run_id = %s", RUN)
    return state in FINISHED and _is_quiet(shown)


def _is_quiet(shown: Demonstration) -> bool:
    """Nothing runs or waits, and that stays so for a moment: one DAG wakes the next. Questions may stand."""
    if _open_runs(shown):
        return False
    time.sleep(_QUIET_SECONDS)
    return not _open_runs(shown)


def _open_runs(shown: Demonstration) -> list[Any]:
    return shown.of_airflow("SELECT dag_id FROM dag_run WHERE state <> ALL(%s) AND dag_id = ANY(%s)", [*FINISHED], DAGS)


def _questions(shown: Demonstration) -> int:
    return len(shown.of_airflow("SELECT id FROM task_instance WHERE state = 'awaiting_input'"))


def _waited(shown: Demonstration, what: str, condition: Callable[[], Any]) -> None:
    wait_for(what, condition, seconds=_LONGEST_SECONDS, alive=shown.ended)
