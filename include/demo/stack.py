"""Starts PostgreSQL and Airflow, in the order that works, and stops them again."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psycopg

from crossing.errors import PersonMustAct
from demo.airflow_api import AirflowAPI, wait_for
from demo.embedded_postgres import embedded_postgres, log_no_values
from demo.places import COLLECTION, DAGS, Places, airflow_environment, pages_environment, zones_environment
from demo.processes import Processes, still_running

Say = Callable[[str], None]
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
_MARK = "README"
# Tasks are forked from the scheduler here, so what it has imported they have.
_IMPORTED_ONCE = {"GP_WORKER_IMPORTS": "source_zone.shards central_zone.load_parcel great_expectations"}


class DemoRefused(PersonMustAct):
    """The demonstration cannot begin; the message says what to do first."""


class CommandFailed(PersonMustAct):
    """One of the commands the demonstration runs ended with an error."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running PostgreSQL with two databases, and the processes of Airflow."""

    places: Places
    processes: Processes
    socket: Path

    def api(self) -> AirflowAPI:
        return AirflowAPI(self.places.port, self.places.passwords)

    def make_store(self) -> None:
        """As the administrator of its server, whose address no task is told."""
        address = zones_environment(self.places, self.socket)["GP_STORE_URL"]
        self.run("gp-central", "store", "init", more={"GP_STORE_ADMIN_URL": address})

    def run(self, *command: str, airflow: bool = False, more: Mapping[str, str] = NOTHING_MORE) -> str:
        """Runs one of our commands to its end and returns what it printed. Raises CommandFailed with its last line."""
        environment = airflow_environment if airflow else zones_environment
        done = subprocess.run(  # noqa: S603  (a fixed list of our own commands)
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            env=environment(self.places, self.socket) | dict(more), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise CommandFailed(f"`{' '.join(command[:2])}` ended with {done.returncode}: {last}")
        return done.stdout

    def stop(self) -> None:
        self.processes.stop()
        stop_postgres(self.places.postgres)


def begin(root: Path, *, dags: Path = DAGS, log_level: str = "WARNING") -> Stack:
    """A fresh folder with PostgreSQL running. Raises DemoRefused where an earlier demonstration runs, or files of others lie."""
    places = Places(root=root, port=_free_port(), dags=dags, log_level=log_level)
    if root.exists() and any(root.iterdir()) and not (root / _MARK).exists():
        raise DemoRefused(f"{root.name}/ holds files that no demonstration made. Name an empty folder.")
    if earlier := still_running(_process_file(places.root), places.logs).started:
        raise DemoRefused(f"A demonstration is running ({', '.join(earlier)}). End it first: make down.")
    stop_postgres(places.postgres)
    shutil.rmtree(places.root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / _MARK).write_text("Made by `make demo`, which removes this folder when it is run again.\n")
    for folder in (
        places.logs,
        places.root / "airflow",
        places.root / "crossing",
        places.root / "lineage",
        places.journal,
    ):
        folder.mkdir(parents=True)
    processes = Processes(_process_file(places.root), places.logs)
    processes.note_this_process()
    return Stack(places, processes, _start_postgres(places.postgres))


def start_airflow(stack: Stack, say: Say, *, more: Mapping[str, str] = NOTHING_MORE) -> None:
    """The API first, alone: a scheduler that finds work before the API answers loses that task, without a log.

    `more` goes into the environment of every process, over what it has there.
    """
    stack.run("python", "-m", "demo.people", str(stack.places.passwords), airflow=True)
    api, alive = stack.api(), stack.processes.ended
    _start(stack, "api-server", more)
    wait_for("Airflow's API", api.version, seconds=120, alive=alive)
    say("Airflow's API answers")
    for name in ("scheduler", "dag-processor", "triggerer"):
        _start(stack, name, more)
    wait_for("Airflow to be healthy", lambda: not api.unhealthy(), seconds=120, alive=alive)
    wait_for("the DAGs", lambda: api.knows_dag(f"collect__{COLLECTION}"), seconds=60, alive=alive)
    say("Airflow is healthy")


def stop_earlier(root: Path) -> list[str]:
    """Ends what an earlier demonstration left running; returns the names."""
    processes = still_running(_process_file(root), root / "logs")
    names = list(processes.started)
    processes.stop()
    stop_postgres(root / "postgres")
    return names


def stop_postgres(folder: Path) -> None:
    if (folder / "postmaster.pid").exists():
        embedded_postgres(folder).stop()


def _start(stack: Stack, name: str, more: Mapping[str, str]) -> None:
    """Tasks run under the scheduler here, so it alone gets all of the zones' settings. Nobody serves logs over the network."""
    environment = airflow_environment(stack.places, stack.socket)
    if name == "scheduler":
        environment = zones_environment(stack.places, stack.socket) | environment | _IMPORTED_ONCE
    if name == "api-server":
        environment |= pages_environment(stack.places, stack.socket)
    quiet = ["--skip-serve-logs"] if name in ("scheduler", "triggerer") else []
    stack.processes.start(name, [str(Path(sys.executable).parent / "airflow"), name, *quiet], environment | dict(more))


def _start_postgres(folder: Path) -> Path:
    server = embedded_postgres(folder)
    log_no_values(server.get_uri())
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE airflow")
        connection.execute("CREATE DATABASE store")
    return Path(server.get_postmaster_info().socket_dir)


def _process_file(root: Path) -> Path:
    return root / "processes.json"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
