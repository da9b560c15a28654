"""Loads that are held up, watched and counted, in this process or in one of their own."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from central_zone import load_parcel
from central_zone.chain.verify import verify
from central_zone.settings import Settings
from integration.central_zone.conftest import CentralZone
from support.parcels import Sealed
from support.postgres import psycopg_url

INCLUDE = Path(__file__).parents[2] / "include"
WHOLE, NOTHING = [10, 50, 1, 1], [0, 0, 0, 0]
LOADING = "FROM pg_stat_activity WHERE application_name = 'gp-central' AND datname = current_database()"


def judged(zone: CentralZone, *parcels: Sealed) -> list[str]:
    """Parcels that have only to be loaded."""
    ids = [parcel.manifest.parcel_id for parcel in parcels]
    load_parcel.receive_shard("gpdpr", ids, zone.settings)
    load_parcel.validate_shard("gpdpr", ids, zone.settings)
    return ids


def load(settings: Settings, ids: list[str]) -> list[str]:
    return [result["state"] for result in load_parcel.load_shard("gpdpr", ids, settings)]


def store_and_ledger(zone: CentralZone) -> list[int]:
    tables = ("records.patient", "records.observation", "lineage.outbox", "audit.entry")
    return [zone.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


def check_loaded_once(zone: CentralZone, parcel: Sealed) -> None:
    """One line in ledger and audit chain, the rows it says, its receipt, and nothing left over."""
    assert zone.state(parcel) == "loaded"
    assert store_and_ledger(zone) == WHOLE
    assert verify(zone.settings)["entries"] == 1
    assert [path.name for path in zone.settings.receipts_folder.glob("*.json")] == [
        f"{parcel.manifest.parcel_id}.receipt.json"
    ]
    assert list(zone.settings.work_folder.iterdir()) == []


@contextmanager
def stopped_at(zone: CentralZone, table: str) -> Iterator[None]:
    """A load waits at this table until the block ends, or the server does."""
    connection = psycopg.connect(psycopg_url(zone.settings.store_url))
    connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
    try:
        yield
    finally:
        connection.close()


def until(found: Callable[[], object], seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.02)):
        if found():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came to that")


def in_background(told: list[object], act: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            told.append(act())
        except Exception as error:  # looked at by the test
            told.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


_LOAD = """
import sys
from central_zone import load_parcel, settings
step = getattr(load_parcel, sys.argv[1])
print([each["state"] for each in step("gpdpr", sys.argv[2:], settings.load())])
"""


@contextmanager
def a_worker(
    zone: CentralZone, ids: list[str], *, step: str = "load_shard", before: str = ""
) -> Iterator["subprocess.Popen[str]"]:
    """Another process that does a step; ended with the block, whatever became of it."""
    worker = subprocess.Popen(
        [sys.executable, "-c", before + _LOAD, step, *ids],
        env={**zone.environment(), "PYTHONPATH": str(INCLUDE), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()
