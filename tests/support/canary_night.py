"""A night with canaries in a real Airflow, watched while it runs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from crossing.policy import policy_folder
from demo.airflow_api import FINISHED, AirflowAPI, wait_for
from demo.places import COLLECTION, zones_environment
from demo.stack import Stack, begin, start_airflow
from journey.planting.canaries import Canaries
from journey.planting.deliver import PlantedPractice, deliver, practices
from leak_search.processes import Processes, every_process

RUN = "canaries"
DAGS = [f"{name}__{COLLECTION}" for name in ("collect", "load", "uphold_opt_outs", "erase", "reconcile")] + [
    "publish_register"
]
_QUIET_SECONDS = 4
_LONGEST_SECONDS = 500
_COMMANDS = (
    ("gp-source", "status", "--collection", COLLECTION),
    ("gp-source", "national-opt-outs", "--collection", COLLECTION),
    ("gp-central", "ledger"),
    ("gp-central", "notices"),
    ("gp-central", "reconcile", "--collection", COLLECTION),
    ("gp-central", "audit", "verify"),
)


@dataclass(slots=True)
class CanaryNight:
    """Airflow is still up. `printed` is what commands say."""

    stack: Stack
    canaries: Canaries = field(repr=False)
    planted: list[PlantedPractice]
    temporary: Path
    processes: Processes = field(
        default_factory=lambda: Processes("arguments and environments of processes"), repr=False
    )
    printed: list[tuple[str, bytes]] = field(default_factory=list, repr=False)

    @property
    def folder(self) -> Path:
        return self.stack.places.root

    def url(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={self.stack.socket}"

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """One of our commands; whether it likes what it finds is the caller's business."""
        environment = zones_environment(self.stack.places, self.stack.socket)
        program = str(Path(sys.executable).parent / command[0])
        return subprocess.run([program, *command[1:]], env=environment, capture_output=True, check=False)


@contextmanager
def a_night() -> Iterator[CanaryNight]:
    """PostgreSQL and a whole Airflow of their own, and one night of practices whose every field holds a canary."""
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    root = Path(tempfile.mkdtemp(prefix="gp-collect-canaries-"))
    root.chmod(0o755)
    temporary = root / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    shutil.copytree(policy_folder(), root / "policy")
    with _environment(TMPDIR=str(temporary), GP_POLICY_DIR=str(root / "policy")):
        stack = begin(root / "it")
        processes = Processes("arguments and environments of processes", older=frozenset(every_process()))
        lived = CanaryNight(stack, Canaries(), practices(), temporary, processes)
        try:
            with lived.processes.watched(), ThreadPoolExecutor(1) as beside:
                prepared = beside.submit(_prepare, lived, root)
                start_airflow(stack, lambda _: None)
                prepared.result()
                _live(lived)
            yield lived
        finally:
            stack.stop()
            for process in stack.processes.started.values():
                if isinstance(process, psutil.Popen):
                    process.poll()  # whoever else reaped it, its object learns that it has ended
            shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Of everything that is started: temporary files of its own, and a policy we can add to."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _prepare(lived: CanaryNight, root: Path) -> None:
    lived.stack.run("gp-source", "keys", "init", "--dir", str(lived.folder / "keys"))
    lived.stack.make_store()
    _add_practices(lived.planted, root / "policy")
    deliver(lived.planted, lived.stack.places.incoming, lived.canaries)


def _add_practices(planted: list[PlantedPractice], policy: Path) -> None:
    """A row for each practice of the third night; on the first two nobody is to wait for them."""
    rows = {
        "practices.csv": [each.row for each in planted],
        "gpdpr_xml_practices.csv": [f"{each.code},clear,,yes,simulated,Synthetic practice." for each in planted],
        "tpp_csv_practices.csv": [f"{each.code},yes,simulated,Synthetic practice." for each in planted],
    }
    # A shard a format: what is searched is the same, and Airflow starts a third of the tasks.
    collection = policy / "collections" / f"{COLLECTION}.toml"
    collection.write_text(collection.read_text().replace("practices_per_shard = 1", "practices_per_shard = 5"))
    for name, lines in rows.items():
        with (policy / name).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)


def _live(lived: CanaryNight) -> None:
    api = lived.stack.api()
    api.trigger(f"collect__{COLLECTION}", RUN)
    wait_for(
        "the night with canaries", lambda: _is_over(api), seconds=_LONGEST_SECONDS, alive=lived.stack.processes.ended
    )
    for command in _COMMANDS:
        _print(lived, " ".join(command), command)
    for practice in lived.planted:
        words = ("gp-source", "account", "--collection", COLLECTION, "--practice", practice.code)
        _print(lived, f"account of {practice.code}", words)


def _print(lived: CanaryNight, name: str, command: tuple[str, ...]) -> None:
    done = lived.run(*command)
    lived.printed.append((name, done.stdout + done.stderr))


def _is_over(api: AirflowAPI) -> bool:
    """Nothing runs or waits, and that stays so for a moment: one DAG wakes the next."""
    runs = {run["dag_run_id"]: run for run in api.runs(f"collect__{COLLECTION}")}
    if runs[RUN]["state"] not in FINISHED or _busy(api):
        return False
    time.sleep(_QUIET_SECONDS)
    return not _busy(api)


def _busy(api: AirflowAPI) -> list[str]:
    return [dag for dag in DAGS for run in api.runs(dag) if run["state"] not in FINISHED]


def states_of_practices(lived: CanaryNight) -> dict[str, dict[str, Any]]:
    """What the source says became of each planted practice."""
    said = json.loads(lived.run("gp-source", "status", "--collection", COLLECTION, "--json").stdout)
    codes = {each.code for each in lived.planted}
    return {each["practice_code"]: each for each in said if each["practice_code"] in codes}


def parcels_of(lived: CanaryNight, ids: list[str]) -> list[dict[str, Any]]:
    """What the centre says became of these parcels."""
    said = json.loads(lived.run("gp-central", "ledger", "--json").stdout)
    return [each for each in said if each["parcel_id"] in ids]
