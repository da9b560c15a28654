"""A real Airflow loses a scheduler with all its workers in the middle of a load, and then its whole metadata database."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from crossing.policy import policy_folder
from demo.airflow_api import wait_for
from demo.nights import deliver, prepare_zones
from demo.places import CHECKOUT, airflow_environment, zones_environment
from demo.stack import Stack, begin, start_airflow
from support import hung_load

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(1800)]

HUNG = "hung"
PRACTICES = ("Y99001", "Y99002", "Y99003")
# How soon Airflow takes a scheduler or a task for dead: minutes as it comes, seconds here.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Two schedulers, three practices."""
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-two-schedulers-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GP_POLICY_DIR", str(few_practices(folder / "policy")))
        running = begin(folder / "demo")
        running.processes.forget("demo")  # that is this process, and the schedulers are its children
        try:
            prepare_zones(running, lambda _: None)
            more = {**IMPATIENT, **a_load_that_hangs(folder / HUNG)}
            start_airflow(running, lambda _: None, more=more)
            start_another_scheduler(running, more)
            yield running
        finally:
            running.stop()
            shutil.rmtree(folder, ignore_errors=True)


def few_practices(policy: Path) -> Path:
    shutil.copytree(policy_folder(), policy)
    lines = (policy / "practices.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("Y99") or line.startswith(PRACTICES)]
    (policy / "practices.csv").write_text("\n".join(kept) + "\n")
    return policy


def a_load_that_hangs(folder: Path) -> dict[str, str]:
    """A load of three practices is over before anybody has asked which scheduler's it is: so it stops half way."""
    folder.mkdir()
    shutil.copy(hung_load.__file__, folder / "airflow_local_settings.py")
    shutil.copy(CHECKOUT / "plugins" / "airflow_local_settings.py", folder / "of_the_product.py")
    (folder / "armed").touch()
    return {"PYTHONPATH": f"{folder}:{CHECKOUT / 'include'}:{CHECKOUT / 'plugins'}"}


def start_another_scheduler(stack: Stack, more: dict[str, str]) -> None:
    places, socket = stack.places, stack.socket
    environment = zones_environment(places, socket) | airflow_environment(places, socket) | more
    command = [str(Path(sys.executable).parent / "airflow"), "scheduler", "--skip-serve-logs"]
    stack.processes.start("another-scheduler", command, environment)


@pytest.mark.fault(
    "F33",
    injected="two real schedulers of Airflow; the one whose worker loads is killed (SIGKILL) with all its workers in mid-load",
    happened="the other takes its tasks for dead and runs them again; each parcel is loaded once, with one receipt",
)
def test_a_scheduler_that_dies_with_its_workers_loses_nothing(stack: Stack) -> None:
    api, alive = stack.api(), stack.processes.ended
    api.trigger("collect__gpdpr", "night-1")
    hung = wait_for("a load to hang half way", lambda: hanging(stack), seconds=400, alive=alive)
    (stack.places.root.parent / HUNG / "armed").unlink()
    killed = scheduler_of(stack, hung)
    kill_with_workers(stack.processes.started[killed])
    stack.processes.forget(killed)
    ended = wait_for("the load's end", lambda: ended_runs(stack, "load__gpdpr", 1), seconds=900, alive=alive)
    assert [run["state"] for run in ended] == ["success"]
    tries = {each["task_id"]: each["try_number"] for each in api.tasks("load__gpdpr", ended[0]["dag_run_id"])}
    assert tries["each_shard.load"] > 1, "the task that was killed was begun again"
    check_each_loaded_once(stack, nights=1)


@pytest.mark.fault(
    "F40",
    injected="Airflow is stopped between a collection and its load, its metadata database dropped and made anew",
    happened="the next run finds what waits in inbox and ledger; each parcel is loaded once, and what was done stays done",
)
def test_airflow_begins_again_with_an_empty_database(stack: Stack) -> None:
    api, alive = stack.api(), stack.processes.ended
    wait_for("everything to be idle", lambda: not active(stack), seconds=400, alive=alive)
    deliver(stack, 2)
    api.trigger("collect__gpdpr", "night-2")
    wait_for("night 2 to be collected", lambda: ended_runs(stack, "collect__gpdpr", 2), seconds=400, alive=alive)
    stack.processes.stop()
    for name in [*stack.processes.started]:
        stack.processes.forget(name)
    with psycopg.connect(f"postgresql://postgres:@/postgres?host={stack.socket}", autocommit=True) as connection:
        connection.execute("DROP DATABASE airflow WITH (FORCE)")
        connection.execute("CREATE DATABASE airflow")
    start_airflow(stack, lambda _: None, more=IMPATIENT)
    assert stack.api().runs("collect__gpdpr") == []
    stack.api().trigger("load__gpdpr", "after-the-loss")
    wait_for("the load", lambda: ended_runs(stack, "load__gpdpr", 1), seconds=600, alive=stack.processes.ended)
    check_each_loaded_once(stack, nights=2)
    left = sorted(path.name for path in (stack.places.root / "crossing").iterdir())
    stack.api().trigger("collect__gpdpr", "nothing-new")
    (run,) = wait_for(
        "a collection", lambda: ended_runs(stack, "collect__gpdpr", 1), seconds=400, alive=stack.processes.ended
    )
    assert run["state"] == "success"
    assert sorted(path.name for path in (stack.places.root / "crossing").iterdir()) == left


def hanging(stack: Stack) -> psutil.Process | None:
    """The process of a load that has come to its fault point."""
    told = stack.places.root.parent / HUNG / "hangs"
    pid = told.read_text() if told.exists() else ""
    found = psutil.Process(int(pid)) if pid else None
    return found if found and found.status() == psutil.STATUS_STOPPED else None


def scheduler_of(stack: Stack, task: psutil.Process) -> str:
    """By name."""
    above = {process.pid for process in task.parents()}
    return next(name for name, process in stack.processes.started.items() if process.pid in above)


def kill_with_workers(process: psutil.Process) -> None:
    """Its workers, and their tasks, before they notice."""
    for each in (process, *process.children(recursive=True)):
        each.kill()
    process.wait(60)


def ended_runs(stack: Stack, dag: str, count: int) -> list[dict[str, Any]]:
    runs = [run for run in stack.api().runs(dag) if run["run_type"] != "scheduled"]
    over = len(runs) >= count and all(run["state"] in ("success", "failed") for run in runs)
    return runs if over else []


def active(stack: Stack) -> list[str]:
    dags = ("collect__gpdpr", "load__gpdpr", "uphold_opt_outs__gpdpr", "erase__gpdpr", "publish_register")
    return [dag for dag in dags for run in stack.api().runs(dag) if run["state"] not in ("success", "failed")]


def check_each_loaded_once(stack: Stack, *, nights: int) -> None:
    """Ledger, receipts, audit chain and the rows themselves agree, and none is there twice."""
    ledger = json.loads(stack.run("gp-central", "ledger", "--json"))
    assert {each["state"] for each in ledger} == {"loaded"}
    for code in PRACTICES:
        sent = sorted((each["sequence"], each["extract_kind"]) for each in ledger if each["practice_code"] == code)
        assert [place for place, _ in sent] == list(range(1, len(sent) + 1))
        assert [kind for _, kind in sent].count("delta") == nights, (
            "beside them, what is sent again of whom opt-outs reach"
        )
    receipts = {
        path.name.partition(".")[0] for path in (stack.places.root / "central" / "receipts").glob("*.receipt.json")
    }
    assert receipts >= {each["parcel_id"] for each in ledger}
    stack.run("gp-central", "audit", "verify")
    stack.run("gp-central", "reconcile", "--collection", "gpdpr")
    with psycopg.connect(f"postgresql://postgres:@/store?host={stack.socket}") as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT (parcel_number, record_token)) FROM records.observation"
        ).fetchone()
    assert found is not None
    assert found[0] == found[1] == sum(each["rows_loaded"]["observation"] for each in ledger)
