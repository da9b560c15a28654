"""`make demo`, kept running: two nights are over and Airflow is still up. One for all tests of a worker that look at it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from crossing.policy import policy_folder
from demo.airflow_api import AirflowAPI

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Two nights are over; Airflow is still up. Its policy is a copy, which a test may change."""

    folder: Path
    told: str
    api: AirflowAPI

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"

    @property
    def policy(self) -> Path:
        return self.folder.parent / "policy"

    def text_of_airflows_tables(self) -> Iterator[str]:
        url = f"postgresql://postgres:@/airflow?host={self.folder / 'postgres'}"
        with psycopg.connect(url) as connection:
            for (table,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall():
                rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table)))
                yield from (row[0] for row in rows)


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT / 'plugins'}"}
    if (folder.parent / "policy").is_dir():
        environment["GP_POLICY_DIR"] = str(folder.parent / "policy")
    command = [sys.executable, "-m", "demo", "--in", str(folder), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)


@contextmanager
def a_demonstration() -> Iterator[Demonstration]:
    """A new one, ended with the block; or the running one that GP_SHOWN names (FOLDER@PORT), which is left alone."""
    if running := os.environ.get("GP_SHOWN"):
        folder, _, port = running.rpartition("@")
        yield _shown(Path(folder).resolve(), port, "")
        return
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-demo-")) / "it"
    shutil.copytree(policy_folder(), folder.parent / "policy")
    try:
        done = demo(folder, "--keep-running")
        assert done.returncode == 0, done.stdout + done.stderr
        address = next(line for line in done.stdout.splitlines() if line.startswith("Airflow: ")).split()[1]
        yield _shown(folder, address.rpartition(":")[2], done.stdout)
    finally:
        demo(folder, "--stop")
        shutil.rmtree(folder.parent, ignore_errors=True)


def _shown(folder: Path, port: str, told: str) -> Demonstration:
    return Demonstration(folder, told, AirflowAPI(int(port), folder / "airflow" / "passwords.json"))
