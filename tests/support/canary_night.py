"""The demonstration's two nights and a third with canaries, in one Airflow, watched while they run."""

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

from crossing.policy import policy_folder
from demo.airflow_api import FINISHED, AirflowAPI, wait_for
from demo.places import COLLECTION, Places, zones_environment
from demo.processes import Processes as Started
from demo.stack import Stack
from journey.planting.canaries import Canaries
from journey.planting.deliver import PlantedPractice, deliver, practices
from leak_search.processes import Processes

CHECKOUT = Path(__file__).parents[2]
DAGS = [f"{name}__{COLLECTION}" for name in ("collect", "load", "uphold_opt_outs", "erase", "reconcile")] + [
    "publish_register"
]
_QUIET_SECONDS = 4
_COMMANDS = (
    ("gp-source", "status", "--collection", COLLECTION),
    ("gp-source", "national-opt-outs", "--collection", COLLECTION),
    ("gp-central", "ledger"),
    ("gp-central", "notices"),
    ("gp-central", "reconcile", "--collection", COLLECTION),
    ("gp-central", "audit", "verify"),
)


@dataclass(slots=True)
class Demonstration:
    """Airflow is still up. `told` is what `make demo` printed; `printed` what commands say, by their words."""

    folder: Path
    told: str
    api: AirflowAPI
    canaries: Canaries = field(repr=False)
    planted: list[PlantedPractice]
    processes: Processes = field(repr=False)
    temporary: Path
    printed: list[tuple[str, bytes]] = field(default_factory=list, repr=False)

    @property
    def stack(self) -> Stack:
        started = Started(self.folder / "processes.json", self.folder / "logs")
        return Stack(Places(root=self.folder, port=self.api.port), started, self.folder / "postgres")

    def url(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={self.folder / 'postgres'}"


def demo(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = {"PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT / 'plugins'}"}
    command = [sys.executable, "-m", "demo", "--in", str(folder), *options]
    return subprocess.run(
        command, env=os.environ | paths | environment, capture_output=True, text=True, timeout=500, check=False
    )


@contextmanager
def three_nights() -> Iterator[Demonstration]:
    """Two nights of `make demo`, kept running, and one of practices whose every field holds a canary."""
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    root = Path(tempfile.mkdtemp(prefix="gp-collect-demo-"))
    root.chmod(0o755)
    folder, temporary, canaries, planted = root / "it", root / "tmp", Canaries(), practices()
    temporary.mkdir(mode=0o1777)
    temporary.chmod(0o1777)
    processes = Processes("processes' arguments and environments")
    try:
        with processes.watched(), ThreadPoolExecutor(1) as beside:
            delivered = beside.submit(deliver, planted, root / "delivered", canaries)
            kept = {"TMPDIR": str(temporary), "GP_POLICY_DIR": str(_policy_with(planted, root / "policy"))}
            done = demo(folder, "--keep-running", **kept)
            assert done.returncode == 0, done.stdout + done.stderr
            delivered.result()
            lived = _shown(folder, done, canaries, planted, processes, temporary)
            _one_more_night(lived, root / "delivered")
        yield lived
    finally:
        demo(folder, "--stop")
        shutil.rmtree(root, ignore_errors=True)


def _policy_with(planted: list[PlantedPractice], folder: Path) -> Path:
    """The policy that ships, with a row for each practice of the third night."""
    shutil.copytree(policy_folder(), folder)
    rows = {
        "practices.csv": [each.row for each in planted],
        "gpdpr_xml_practices.csv": [f"{each.code},clear,,yes,simulated,Synthetic practice." for each in planted],
        "tpp_csv_practices.csv": [f"{each.code},yes,simulated,Synthetic practice." for each in planted],
    }
    for name, lines in rows.items():
        with (folder / name).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
    return folder


def _shown(
    folder: Path, done: subprocess.CompletedProcess[str], canaries: Canaries, planted: list[PlantedPractice],
    processes: Processes, temporary: Path,
) -> Demonstration:  # fmt: skip
    address = next(line for line in done.stdout.splitlines() if line.startswith("Airflow: ")).split()[1]
    api = AirflowAPI(int(address.rpartition(":")[2]), folder / "airflow" / "passwords.json")
    told = [("what make demo printed", (done.stdout + done.stderr).encode())]
    return Demonstration(folder, done.stdout, api, canaries, planted, processes, temporary, told)


def _one_more_night(lived: Demonstration, delivered: Path) -> None:
    stack = lived.stack
    shutil.move(delivered / "canaries", stack.places.incoming / "canaries")
    lived.api.trigger(f"collect__{COLLECTION}", "canaries")
    wait_for("the night with canaries", lambda: _is_over(lived.api), seconds=300, alive=lambda: [])
    for command in _COMMANDS:
        lived.printed.append((" ".join(command), _said(stack, *command)))
    for practice in lived.planted:
        words = ("gp-source", "account", "--collection", COLLECTION, "--practice", practice.code)
        lived.printed.append((f"account of {practice.code}", _said(stack, *words)))


def _said(stack: Stack, *command: str) -> bytes:
    """Whatever a command prints, on either stream, whether it likes what it finds or not."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        env=zones_environment(stack.places, stack.socket), capture_output=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def _is_over(api: AirflowAPI) -> bool:
    """Nothing runs or waits, and that stays so for a moment: one DAG wakes the next."""
    runs = {run["dag_run_id"]: run for run in api.runs(f"collect__{COLLECTION}")}
    if runs["canaries"]["state"] not in FINISHED or _busy(api):
        return False
    time.sleep(_QUIET_SECONDS)
    return not _busy(api)


def _busy(api: AirflowAPI) -> list[str]:
    return [dag for dag in DAGS for run in api.runs(dag) if run["state"] not in FINISHED]


def states_of_practices(lived: Demonstration) -> dict[str, dict[str, Any]]:
    """What the source says became of each planted practice."""
    said = json.loads(lived.stack.run("gp-source", "status", "--collection", COLLECTION, "--json"))
    codes = {each.code for each in lived.planted}
    return {each["practice_code"]: each for each in said if each["practice_code"] in codes}


def parcels_of(lived: Demonstration, ids: list[str]) -> list[dict[str, Any]]:
    """What the centre says became of these parcels."""
    said = json.loads(lived.stack.run("gp-central", "ledger", "--json"))
    return [each for each in said if each["parcel_id"] in ids]
