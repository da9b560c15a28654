"""A night in which every adapter and the store choke on an identifier, under a real Airflow with its LocalExecutor.

Everything that any process wrote is searched. Each surface also holds a control, said on purpose, which must be found.
"""

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crossing.policy import policy_folder
from demo.airflow_api import FINISHED, AirflowAPI, wait_for
from demo.places import DAGS
from demo.stack import Stack, begin, start_airflow
from simulator.simulate import simulate
from support.failing_dags import write_failing_dags
from support.failing_deliveries import (
    WHERE,
    a_quote_too_many,
    cut_off,
    deliver,
    of_another_encoding,
    spoil_delivery,
)
from support.surfaces import Planted, files_below, tables_of

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(600)]

SPOILT = {
    "emis_csv": of_another_encoding,
    "tpp_csv": cut_off,
    "gpdpr_xml": a_quote_too_many,
    "medicus_csv": of_another_encoding,
    "fhir_r4": cut_off,
    "gp_connect": a_quote_too_many,
}
SOUND = "Y99002"
# One of each shape; tests/unit/crossing/test_foreign_errors.py has them all.
SURPRISES = ["polars, a date", "a panic", "an error with a cause", "several errors at once"]
CONTROLS = ("raised", "printed", "descriptor", "handed_on", "rendered", "imported", "asked", "database")


def a_word() -> str:
    return "zq" + secrets.token_hex(6)


@dataclass(frozen=True, slots=True)
class Night:
    """The night is over; nothing runs any more but PostgreSQL."""

    stack: Stack
    canaries: Planted = field(repr=False)
    controls: Planted = field(repr=False)
    states: dict[str, str]
    tasks: dict[str, list[dict[str, Any]]]
    tables: dict[str, bytes] = field(repr=False)

    def log(self, name: str) -> bytes:
        return (self.stack.places.logs / f"{name}.log").read_bytes()

    def task_logs(self, part: str = "") -> bytes:
        return b"\n".join(
            path.read_bytes() for path in files_below(self.stack.places.logs / "tasks") if part in str(path)
        )

    def server_log(self) -> bytes:
        return (self.stack.places.postgres / "log").read_bytes()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not pytest's own: it closes that to all other users, and PostgreSQL may have to run as one."""
    made = Path(tempfile.mkdtemp(prefix="gp-collect-errors-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def policy(folder: Path) -> Iterator[None]:
    """Only the practices that deliver here take part."""
    practices = shutil.copytree(policy_folder(), folder / "policy") / "practices.csv"
    taking_part = [SOUND, *(Path(place).name for place in WHERE.values())]
    lines = practices.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("Y") or line.startswith(tuple(taking_part))]
    practices.write_text("\n".join(kept) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GP_POLICY_DIR", str(folder / "policy"))
        yield


@pytest.fixture(scope="module")
def night(folder: Path, policy: None) -> Iterator[Night]:
    canaries = Planted({each: a_word() for each in (*SPOILT, "surprise", "store")})
    controls = Planted({each: a_word() for each in CONTROLS})
    dags = dags_of(folder, canaries["surprise"], controls)
    stack = begin(folder / "demo", dags=dags, log_level="INFO")  # at which Airflow also keeps what a task prints
    try:
        prepare(stack, canaries)
        start_airflow(stack, lambda _: None)
        states = run_all(stack)
        tasks = {dag: stack.api().tasks(dag, run_of(dag)) for dag in ("collect__gpdpr", "surprises", "controls")}
        tasks["load__gpdpr"] = stack.api().tasks("load__gpdpr", stack.api().runs("load__gpdpr")[0]["dag_run_id"])
        speak_to_the_others(stack, controls)
        stack.processes.stop()
        tables = tables_of(url_of(stack, "airflow"))
        yield Night(stack, canaries, controls, states, tasks, tables)
    finally:
        stack.stop()


def dags_of(folder: Path, canary: str, controls: Planted) -> Path:
    """Our own two DAGs as they are, and those that fail and say on purpose."""
    dags = folder / "dags"
    dags.mkdir()
    for name in ("collect.py", "load.py"):
        shutil.copy(DAGS / name, dags)
    (folder / "canary").write_text(canary)
    write_failing_dags(dags, folder / "canary", SURPRISES, controls.values)
    return dags


def prepare(stack: Stack, canaries: Planted) -> None:
    """A spoilt delivery in each format, a sound one, and a store that refuses it."""
    stack.run("gp-source", "keys", "init", "--dir", str(stack.places.root / "keys"))
    for format_name, spoil in SPOILT.items():
        spoil_delivery(deliver(stack.places.incoming, format_name), format_name, spoil, canaries[format_name])
    simulate(
        stack.places.incoming, format="emis_csv", practices=1, first_practice=2, patients=10, entries_per_patient=10
    )
    stack.make_store()
    refuse_everything(stack, canaries["store"])


def refuse_everything(stack: Stack, canary: str) -> None:
    """As a constraint does that quotes the row: in the message, its detail, its hint and its context."""
    with psycopg.connect(url_of(stack, "store"), autocommit=True) as connection:
        connection.execute(
            f"""CREATE FUNCTION records.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'Failing row contains ({canary})' USING DETAIL = '{canary}', HINT = '{canary}', ERRCODE = '23514';
            END $$"""
        )
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON records.patient FOR EACH ROW EXECUTE FUNCTION records.refuse()"
        )


def end_of(api: AirflowAPI, dag: str) -> Any:
    """The state in which its newest run ended; nothing while there is none, or it goes on."""
    runs = api.runs(dag)
    return bool(runs) and runs[0]["state"] in FINISHED and runs[0]["state"]


def run_all(stack: Stack) -> dict[str, str]:
    """Triggers what is triggered by hand, and waits for all of it and for the load, which the parcel wakes."""
    api, alive, states = stack.api(), stack.processes.ended, {}
    for dag in ("surprises", "controls"):
        wait_for(dag, lambda dag=dag: api.knows_dag(dag), seconds=60, alive=alive)
    for dag in ("collect__gpdpr", "surprises", "controls"):
        api.trigger(dag, run_of(dag))
    for dag in ("collect__gpdpr", "surprises", "controls", "load__gpdpr"):
        states[dag] = str(wait_for(dag, partial(end_of, api, dag), seconds=300, alive=alive))
    return states


def run_of(dag: str) -> str:
    return f"night-of-{dag}"


def speak_to_the_others(stack: Stack, controls: Planted) -> None:
    """A word to the API, in a request that it cannot answer; and one to PostgreSQL, which logs who it does not let in."""
    stack.api().knows_dag(controls["asked"])
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url_of(stack, controls["database"]))


def url_of(stack: Stack, database: str) -> str:
    return f"postgresql://postgres:@/{database}?host={stack.socket}"


def failed(night: Night, dag: str) -> set[tuple[str, str | None]]:
    return {(task["task_id"], task["rendered_map_index"]) for task in night.tasks[dag] if task["state"] == "failed"}


def test_every_format_and_the_store_failed_and_so_did_every_surprise(night: Night) -> None:
    assert set(night.states.values()) == {"failed"}
    pulls = {practice for task, practice in failed(night, "collect__gpdpr") if task == "each_shard.pull"}
    assert pulls == {Path(place).name for place in WHERE.values()}
    assert {task for task, _ in failed(night, "load__gpdpr")} == {"every_parcel_loaded"}
    surprises = [task for task in night.tasks["surprises"] if task["state"] == "failed"]
    assert len(surprises) == len(SURPRISES) + 1, "and what handed an identifier on"
    assert b"SQLSTATE 23514" in night.task_logs("task_id=each_shard.load")
    assert SOUND.encode() in night.task_logs("task_id=every_parcel_loaded")


def test_no_task_log_has_a_canary(night: Night) -> None:
    for word in ("raised", "printed", "descriptor"):
        assert word in night.controls.found_in(night.task_logs())
    assert night.canaries.found_in(night.task_logs()) == set()


def test_the_schedulers_own_output_has_none(night: Night) -> None:
    """The LocalExecutor repeats there what tasks say, and nothing masks it."""
    assert "raised" in night.controls.found_in(night.log("scheduler"))
    assert night.canaries.found_in(night.log("scheduler")) == set()


def test_the_other_processes_say_none(night: Night) -> None:
    """The triggerer, which runs none of our code here, says nothing at all that could be a control."""
    assert "asked" in night.controls.found_in(night.log("api-server"))
    for name in ("api-server", "dag-processor", "triggerer"):
        assert night.canaries.found_in(night.log(name)) == set()


def test_the_logs_of_files_with_dags_say_none(night: Night) -> None:
    logs = b"\n".join(path.read_bytes() for path in files_below(night.stack.places.root / "airflow", "*.log"))
    assert "imported" in night.controls.found_in(logs)
    assert night.canaries.found_in(logs) == set()


def test_airflows_tables_have_none(night: Night) -> None:
    whole = b"\n".join(night.tables.values())
    assert "handed_on" in night.controls.found_in(night.tables["xcom"])
    assert "rendered" in night.controls.found_in(night.tables["rendered_task_instance_fields"])
    assert "imported" in night.controls.found_in(night.tables["import_error"])
    assert night.canaries.found_in(whole) == set()


def test_the_log_of_postgresql_has_none(night: Night) -> None:
    assert "database" in night.controls.found_in(night.server_log())
    assert night.canaries.found_in(night.server_log()) == set()


def test_what_the_zones_tell_has_none(night: Night) -> None:
    """Who looks after a failed night asks these."""
    told = night.stack.run("gp-source", "status", "--collection", "gpdpr", "--json")
    told += night.stack.run("gp-central", "ledger", "--json")
    assert {each["state"] for each in json.loads(night.stack.run("gp-central", "ledger", "--json"))} != {"loaded"}
    assert "failed" in told
    assert night.canaries.found_in(told.encode()) == set()


def test_nothing_that_was_left_anywhere_has_one_but_the_deliveries_themselves(night: Night) -> None:
    root, incoming = night.stack.places.root, night.stack.places.incoming
    leaks = {
        str(path.relative_to(root)): found
        for path in files_below(root)
        if not path.is_relative_to(incoming)
        and (found := night.canaries.found_in(str(path).encode() + path.read_bytes()))
    }
    store = {
        name for name in leaks if name.startswith("postgres/")
    }  # the trigger of this test has its canary in its text
    assert leaks.keys() - store == set()
    assert {each for name in store for each in leaks[name]} <= {"store"}
