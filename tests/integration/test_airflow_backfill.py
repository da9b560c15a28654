"""A real Airflow backfills a night whose delivery came late, both as a new run and in the place of one that had run."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import policy_folder
from demo.airflow_api import FINISHED, wait_for
from demo.nights import prepare_zones
from demo.stack import CommandFailed, Stack, begin, start_airflow

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(600)]

PRACTICE = "Y99001"
COLLECT = "collect__gpdpr"


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Airflow with one practice."""
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-backfill-"))
    policy = folder / "policy"
    shutil.copytree(policy_folder(), policy)
    lines = (policy / "practices.csv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(PRACTICE) or not line.startswith("Y99")]
    (policy / "practices.csv").write_text("\n".join(kept) + "\n")
    monkeypatch.setenv("GP_POLICY_DIR", str(policy))
    running = begin(folder / "demo")
    try:
        prepare_zones(running, lambda _: None)
        start_airflow(running, lambda _: None)
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def deliver(stack: Stack, night: int) -> None:
    size = ("--practices", "1", "--patients", "100", "--entries-per-patient", "100", "--seed", "1")
    stack.run("gp-source", "simulate", *size, "--night", str(night), "--out", str(stack.places.incoming))


def files_of(stack: Stack, night: int) -> list[Path]:
    return sorted((stack.places.incoming / PRACTICE).glob(f"*_2026090{night + 1}010000_*"))


def ended(stack: Stack, dag: str, kind: str, count: int) -> list[dict[str, Any]]:
    def look() -> Any:
        runs = [run for run in stack.api().runs(dag) if run["run_type"] == kind]
        return len(runs) >= count and all(run["state"] in FINISHED for run in runs) and runs

    return list(wait_for(f"{count} {kind} runs of {dag}", look, seconds=240, alive=stack.processes.ended))


def ledger(stack: Stack) -> dict[str, dict[str, Any]]:
    """Of each night its parcel, without what was sent again once opt-outs were upheld."""
    told = json.loads(stack.run("gp-central", "ledger", "--json"))
    return {entry["extract_id"]: entry for entry in told if entry["extract_kind"] != "re_extract"}


def all_loaded(stack: Stack, count: int) -> dict[str, dict[str, Any]]:
    def look() -> Any:
        entries = ledger(stack)
        return len(entries) == count and {each["state"] for each in entries.values()} == {"loaded"} and entries

    return dict(wait_for(f"{count} parcels in the store", look, seconds=240, alive=stack.processes.ended))


def backfill(stack: Stack, day: str, *options: str) -> None:
    """Airflow has one backfill of a DAG at a time, and notices only after a while that one has ended."""
    words = ("--dag-id", COLLECT, "--from-date", day, "--to-date", day, *options)

    def begun() -> bool:
        try:
            stack.run("airflow", "backfill", "create", *words, airflow=True)
        except CommandFailed as error:
            if "AlreadyRunningBackfill" not in str(error):
                raise
            return False
        return True

    wait_for(f"the backfill of {day} to begin", begun, seconds=200, alive=stack.processes.ended)


@pytest.mark.fault(
    "F34",
    injected="a backfill of an earlier day in a real Airflow",
    happened="the late night is taken once, and ranks by its own day",
)
def test_a_night_that_came_late_is_taken_by_a_backfill_of_its_day_and_ranks_as_on_its_own(stack: Stack) -> None:
    for night in (2, 3, 4):
        deliver(stack, night)
    late = files_of(stack, 3)
    assert late
    away = stack.places.root / "away"
    away.mkdir()
    for path in late:
        path.rename(away / path.name)
    # A run for the moment in whose window the third night lies: it takes all that is new, and ends well.
    stack.run("airflow", "dags", "trigger", COLLECT, "-r", "night-5", "-l", "2026-09-05T00:00:00+00:00", airflow=True)
    assert [run["state"] for run in ended(stack, COLLECT, "manual", 1)] == ["success"]
    assert sorted(all_loaded(stack, 3)) == [f"2026090{night + 1}010000" for night in (1, 2, 4)]
    for path in away.iterdir():
        path.rename(stack.places.incoming / PRACTICE / path.name)

    backfill(stack, "2026-09-04T00:00:00+00:00")  # the window before: all of it is taken already
    (new,) = ended(stack, COLLECT, "backfill", 1)
    assert (new["state"], new["dag_run_id"]) == ("success", "backfill__2026-09-04T00:00:00+00:00")
    assert len(ledger(stack)) == 3

    backfill(stack, "2026-09-05T00:00:00+00:00", "--reprocess-behavior", "completed")
    again = next(run for run in ended(stack, COLLECT, "backfill", 2) if run["dag_run_id"] == "night-5")
    assert again["state"] == "success"
    entries = all_loaded(stack, 4)
    ranked = sorted(entries, key=lambda extract: entries[extract]["parcel_number"])
    assert ranked == [f"2026090{night + 1}010000" for night in (1, 2, 3, 4)]
    first, second, late_one, last = (entries[extract]["sequence"] for extract in ranked)
    assert first < second < last < late_one, "it left last"
    told = ended(stack, "reconcile__gpdpr", "asset_triggered", 2)
    assert told[-1]["state"] == "success"
    assert stack.run("gp-central", "reconcile", "--collection", "gpdpr") == f"{PRACTICE}  agrees\n"
