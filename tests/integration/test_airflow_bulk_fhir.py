"""A real Airflow waits for a supplier's export without a worker, takes it when it is ready, and loads it."""

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import policy_folder
from demo.airflow_api import wait_for
from demo.nights import prepare_zones
from demo.stack import Stack, begin, start_airflow
from simulator.simulate import simulate
from support.bulk_fhir_server import BulkFhirServer, Plan, running
from support.people_asking import Person

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(300)]
PRACTICE = "Y99001"


def exported(folder: Path) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """A synthetic practice's records by type, and the moment its system says they are of."""
    simulate(folder, format="fhir_r4", practices=1, patients=20, entries_per_patient=20)
    [export] = (folder / PRACTICE).iterdir()
    manifest = json.loads((export / "manifest.json").read_text())
    files: dict[str, list[dict[str, Any]]] = {}
    for entry in manifest["output"]:
        path = export / entry["file"]
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        files.setdefault(entry["type"], []).extend(json.loads(line) for line in data.splitlines())
    return manifest["transactionTime"], files


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: it closes that to all other users, and PostgreSQL may have to run as one."""
    made = Path(tempfile.mkdtemp(prefix="gp-collect-bulk-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def server(folder: Path) -> Iterator[BulkFhirServer]:
    moment, files = exported(folder / "supplier")
    with running(Plan(files=files, transaction_time=moment, polls=1, retry_after="5")) as server:
        yield server


@pytest.fixture
def stack(folder: Path, server: BulkFhirServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Airflow, and a policy in which one practice's records are asked for from that server."""
    policy = folder / "policy"
    shutil.copytree(policy_folder(), policy)
    connection = server.connection(types=sorted(server.plan.files))
    lines = [f"{key} = {json.dumps(value)}" for key, value in connection.items()]
    (policy / "connections.toml").write_text("[supplier]\n" + "\n".join(lines) + "\n")
    head = next(line for line in (policy / "practices.csv").read_text().splitlines() if line.startswith("practice_"))
    row = f"{PRACTICE},Test,fhir_r4,bulk_fhir,supplier,2026-09-01,,yes"
    (policy / "practices.csv").write_text(f"{head}\n{row}\n")
    monkeypatch.setenv("GP_POLICY_DIR", str(policy))
    stack = begin(folder / "demo")
    try:
        prepare_zones(stack, lambda _: None)
        enrol(stack, server)
        start_airflow(stack, lambda _: None)
        yield stack
    finally:
        stack.stop()


def enrol(stack: Stack, server: BulkFhirServer) -> None:
    secrets = stack.places.root / "keys" / "source" / "connections" / "supplier"
    secrets.mkdir(parents=True)
    (secrets / "private_key.pem").write_bytes(server.private_key)
    (secrets / "private_key.pem").chmod(0o400)


def test_the_pull_is_deferred_until_the_server_is_ready_and_what_it_exports_is_loaded(
    stack: Stack, server: BulkFhirServer
) -> None:
    api, alive, seen = stack.api(), stack.processes.ended, set()
    api.trigger("collect__gpdpr", "night-1")

    def collected() -> Any:
        pulls = [task for task in api.tasks("collect__gpdpr", "night-1") if task["task_id"].endswith("pull")]
        if "deferred" in {task["state"] for task in pulls} - seen:
            Person(stack, "responder").clear("collect__gpdpr", "night-1", "each_shard.pull")
        seen.update(task["state"] for task in pulls)
        run = api.runs("collect__gpdpr")[0]
        return run["state"] in ("success", "failed") and run["state"]

    assert wait_for("the collection", collected, seconds=150, alive=alive) == "success"
    assert "deferred" in seen, "while the server is at work the task holds no worker"
    assert len(server.seen.kick_offs) == 1, "cleared while it waits, it asks after the export that is being made"
    assert server.seen.polls == 2

    def loaded() -> Any:
        entries = json.loads(stack.run("gp-central", "ledger", "--json"))
        return entries and entries[0]["state"] == "loaded" and entries[0]

    entry = wait_for("the load", loaded, seconds=100, alive=alive)
    assert entry["practice_code"] == PRACTICE
    said = json.dumps(api.tasks("collect__gpdpr", "night-1"))
    assert "/fhir/jobs/" not in said, "where to ask is the source zone's own secret"
