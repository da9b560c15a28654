"""`make demo`, kept running: two nights are over and Airflow is still up. One for all tests of a worker that look at it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from crossing.policy import policy_folder
from demo.airflow_api import AirflowAPI
from demo.places import Places, zones_environment
from demo.processes import still_running
from leak_search.processes import every_process
from support.several_commands import Said, said_by

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Two nights are over; Airflow is still up. Of ours the policy and the folder of temporary files are its own.

    `older` are the processes of this machine that ran before it.
    """

    folder: Path
    told: str
    api: AirflowAPI
    is_ours: bool
    older: frozenset[int] = frozenset()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"

    @property
    def places(self) -> Places:
        return Places(root=self.folder, port=self.api.port)

    @property
    def policy(self) -> Path:
        """A copy, which a night may change; `make up` keeps it within its folder."""
        return (self.folder.parent if self.is_ours else self.folder) / "policy"

    @property
    def temporary(self) -> Path:
        return self.folder.parent / "tmp"

    @property
    def served(self) -> Path:
        """What the pages served is kept here, to be searched."""
        return self.folder.parent / "served"

    def ended(self) -> list[str]:
        """The names of its processes that should run and do not."""
        file = self.folder / "processes.json"
        running = still_running(file, self.places.logs).started
        return [name for name, *_ in json.loads(file.read_text()) if name not in running]

    def url(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={self.folder / 'postgres'}"

    def says(self, *commands: tuple[str, ...]) -> list[Said]:
        """What commands of one zone say, in order. Whether they like what they find is the caller's business."""
        environment = zones_environment(self.places, self.folder / "postgres") | _own(self.folder.parent)
        return said_by(commands, environment | {"GP_POLICY_DIR": str(self.policy)})

    def ledger(self) -> list[dict[str, Any]]:
        return list(self.says(("gp-central", "ledger", "--json"))[0].as_json())

    def state_of(self, parcel_id: str) -> str:
        """Read in the store itself: whoever waits asks often, and a command takes a second of the night's processor."""
        with psycopg.connect(self.url("store")) as connection:
            (state,) = connection.execute(
                "SELECT state FROM ledger.parcel WHERE parcel_id = %s", [parcel_id]
            ).fetchone()
        return str(state)

    def of_airflow(self, query: LiteralString, *values: Any) -> list[Any]:
        """The first column of what Airflow's own tables answer: whoever waits asks often, and its interface is slow to answer."""
        with psycopg.connect(self.url("airflow")) as connection:
            return [row[0] for row in connection.execute(query, values).fetchall()]

    def text_of_airflows_tables(self) -> Iterator[str]:
        with psycopg.connect(self.url("airflow")) as connection:
            for (table,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall():
                rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table)))
                yield from (row[0] for row in rows)


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT / 'plugins'}"}
    command = [sys.executable, "-m", "demo", "--in", str(folder), *options]
    more = _own(folder.parent)
    return subprocess.run(command, env=environment | more, capture_output=True, text=True, timeout=500, check=False)


@contextmanager
def a_demonstration() -> Iterator[Demonstration]:
    """A new one, ended with the block; or the running one that GP_SHOWN names (FOLDER@PORT), which is left alone."""
    if running := os.environ.get("GP_SHOWN"):
        folder, _, port = running.rpartition("@")
        yield Demonstration(Path(folder).resolve(), "", _api(Path(folder).resolve(), port), is_ours=False)
        return
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    root = Path(tempfile.mkdtemp(prefix="gp-collect-demo-"))
    _lay_out(root)
    folder, older = root / "it", frozenset(every_process())
    try:
        done = demo(folder, "--keep-running")
        assert done.returncode == 0, done.stdout + done.stderr
        address = next(line for line in done.stdout.splitlines() if line.startswith("Airflow: ")).split()[1]
        yield Demonstration(folder, done.stdout, _api(folder, address.rpartition(":")[2]), is_ours=True, older=older)
    finally:
        demo(folder, "--stop")
        shutil.rmtree(root, ignore_errors=True)


def _lay_out(root: Path) -> None:
    root.chmod(0o755)
    shutil.copytree(policy_folder(), root / "policy")
    (root / "served").mkdir()
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)


def _own(root: Path) -> Mapping[str, str]:
    """Of everything that is started: temporary files of its own, and a policy that a later night may change."""
    own = {"GP_POLICY_DIR": root / "policy", "TMPDIR": root / "tmp"}
    return {name: str(path) for name, path in own.items() if path.is_dir()}


def _api(folder: Path, port: str) -> AirflowAPI:
    return AirflowAPI(int(port), folder / "airflow" / "passwords.json")
